#!/usr/bin/env bash
# What a GPU makes of this package, in at most 8 minutes and without the internet: bash tools/gpu_check.sh [OUT] [ARGS]
#
# Needs Python with torch for CUDA, numpy, scipy, opencv, safetensors and rich; torch_tensorrt is tried where it is there.
# Writes OUT/gpu_check.json and prints one table. Without a GPU: `--device cpu` runs the same steps on the CPU's backends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out="${1:-out/gpu}"
shift || true
mkdir -p "$out"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 POSE3D_ROS_ENGINES="$out/engines"
mkdir -p -m 700 "$POSE3D_ROS_ENGINES"
exec timeout --kill-after=20s 480s python3 tools/gpu_check.py --json "$out/gpu_check.json" "$@"
