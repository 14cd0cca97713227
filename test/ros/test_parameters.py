"""Parameters are declared from dataclasses, refused with the reason, and applied when live."""

import re
from dataclasses import dataclass, field

import pytest

pytest.importorskip("rclpy")

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter

from pose3d_ros.core.config import build, param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.ros.parameters import Parameters, flatten, markdown_table


@dataclass(frozen=True)
class Inner:
    distance_m: float = param(1.5, "how far", unit="m", low=0.0, high=10.0, live=True)
    smooth: bool = param(True, "smoothing", live=True)
    weight: float = param(1.0, "half open", low=0.0, live=True)

    def __post_init__(self):
        validate(self)


@dataclass(frozen=True)
class Outer:
    model: str = param("small", "which model", choices=("small", "large"))
    frames: int = param(27, "window length", low=1, high=81)
    names: tuple[str, ...] = param((), "list", live=True)
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        validate(self)


def flatten_values(config):
    return ((name, value) for name, value, _ in flatten(config))


class World:
    """A node with parameters, its lifecycle state and what was applied."""

    def __init__(self, ros, **overrides):
        values = [Parameter(name.replace("__", "."), value=value) for name, value in overrides.items()]
        self.state, self.applied = "unconfigured", []
        self.node = ros.add(Node("configured", context=ros.context, parameter_overrides=values))
        self.parameters = Parameters(self.node, Outer(), lambda: self.state, self.applied.append)

    def set(self, **values):
        return self.node.set_parameters_atomically(
            [Parameter(n.replace("__", "."), value=v) for n, v in values.items()]
        )


def test_every_field_is_declared_with_its_default_help_unit_and_range(ros):
    node = World(ros).node
    assert node.get_parameter("inner.distance_m").value == 1.5
    assert node.get_parameter("frames").value == 27
    distance, frames, model = node.describe_parameters(["inner.distance_m", "frames", "model"])
    assert distance.description == "how far [m]"
    assert "any time" in distance.additional_constraints
    (span,) = distance.floating_point_range
    assert (span.from_value, span.to_value) == (0.0, 10.0)
    (span,) = frames.integer_range
    assert (span.from_value, span.to_value) == (1, 81)
    assert "only while unconfigured" in frames.additional_constraints
    assert "small, large" in model.additional_constraints


def test_overrides_reach_the_dataclass(ros):
    config = World(ros, inner__distance_m=2.0, model="large", names=["a", "b"]).parameters.config
    assert config == Outer(model="large", names=("a", "b"), inner=Inner(distance_m=2.0))


@pytest.mark.parametrize(
    "bad",
    [
        {"model": "huge"},
        {"frames": 0},
        {"inner__weight": -1.0},
        {"inner__smooth": "yes"},
        {"frames": 2.5},
        {"model": 3},
    ],
)
def test_bad_overrides_are_one_line_that_keeps_the_node_unconfigured_until_they_are_set_right(ros, bad):
    world, name = World(ros, **bad), next(iter(bad)).replace("__", ".")
    assert world.parameters.config == Outer()
    with pytest.raises(ConfigError, match=f"^parameter {name}: ") as error:
        world.parameters.check()
    assert "\n" not in str(error.value)
    right = dict(flatten_values(Outer()))[name]
    assert world.set(**{name: right}).successful
    world.parameters.check()


def test_an_integer_is_taken_where_a_number_is_meant(ros):
    world = World(ros, inner__distance_m=2)
    assert world.parameters.config.inner.distance_m == 2.0
    if hasattr(world.node, "add_pre_set_parameters_callback"):
        assert world.set(inner__distance_m=3).successful
        assert world.parameters.config.inner.distance_m == 3.0
    assert isinstance(world.parameters.config.inner.distance_m, float)


@pytest.mark.parametrize(("change", "reason"), [
    ({"model": "huge"}, "one of small, large, got 'huge'"),
    ({"inner__distance_m": 11.0}, "out of range"),
    ({"inner__distance_m": float("nan")}, "range"),
    ({"inner__weight": -1.0}, r"inner\.weight: expected at least 0"),
    ({"inner__weight": float("nan")}, "expected at least 0"),
    ({"frames": 2.5}, "Wrong parameter type"),
])  # fmt: skip
def test_refusals_carry_the_reason_and_change_nothing(ros, change, reason):
    world = World(ros)
    result = world.set(**change)
    assert not result.successful
    assert re.search(reason, result.reason), result.reason
    assert world.parameters.config == Outer()
    assert world.applied == []


def test_live_parameters_change_while_active(ros):
    world = World(ros)
    world.state = "active"
    assert world.set(inner__distance_m=3.0, inner__smooth=False).successful
    assert world.applied == [Outer(inner=Inner(distance_m=3.0, smooth=False))]  # once for both
    assert world.parameters.config == world.applied[0]


def test_others_are_refused_unless_unconfigured_saying_what_to_do(ros):
    world = World(ros)
    world.state = "inactive"
    result = world.set(frames=9)
    assert not result.successful
    assert result.reason == (
        "frames changes only while the node is unconfigured, and it is inactive: deactivate and clean it up, set this, "
        "then configure and activate it again"
    )
    assert world.set(frames=27).successful  # no change, no harm: tools write all parameters back
    world.state = "unconfigured"
    assert world.set(frames=9).successful
    assert world.parameters.config.frames == 9


def test_one_refused_parameter_refuses_all_that_come_with_it(ros):
    world = World(ros)
    assert not world.set(inner__distance_m=2.0, model="huge").successful
    assert world.node.get_parameter("inner.distance_m").value == 1.5


def test_over_the_services_as_ros2_param_does(ros):
    world = World(ros)
    world.state = "active"
    value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=9)
    request = SetParameters.Request(parameters=[ParameterMsg(name="frames", value=value)])
    (result,) = ros.call(SetParameters, "/configured/set_parameters", request).results
    assert "deactivate and clean it up" in result.reason
    answer = ros.call(
        DescribeParameters, "/configured/describe_parameters", DescribeParameters.Request(names=["inner.distance_m"])
    )
    assert answer.descriptors[0].description == "how far [m]"


def test_changes_take_effect_without_the_post_set_hook_of_newer_rclpy(ros, monkeypatch):
    monkeypatch.delattr(Node, "add_post_set_parameters_callback")
    world = World(ros)
    assert world.set(inner__smooth=False).successful
    ros.until(lambda: world.applied, "the change")
    assert world.applied == [Outer(inner=Inner(smooth=False))]


def test_near_misses_are_told(ros, capfd):
    World(ros, inner__distnce_m=2.0, other_nodes_parameter=1)
    err = capfd.readouterr().err
    assert "did you mean 'inner.distance_m'" in err
    assert "other_nodes_parameter" not in err


def test_flatten_and_build_are_inverse():
    config = Outer(frames=3, names=("x",), inner=Inner(weight=2.0))
    assert build(Outer(), {name: value for name, value, _ in flatten(config)}) == config
    with pytest.raises(ConfigError, match=r"inner\.distance_m"):
        build(Outer(), {"inner.distance_m": -1.0})


def test_table_for_the_docs():
    rows = markdown_table(Outer()).splitlines()
    assert "| `inner.distance_m` | `1.5` m | 0 … 10 | yes | how far |" in rows
    assert '| `model` | `"small"` | `small`, `large` | no | which model |' in rows
    assert "| `inner.weight` | `1` | ≥ 0 | yes | half open |" in rows
    assert len(rows) == 2 + 6
