"""ROS parameters from the frozen dataclasses that hold the configuration, and back.

A nested dataclass field `tracking` with a field `max_distance` becomes the parameter `tracking.max_distance`.
"""

import difflib
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from pose3d_ros.core.config import Meta, build, flatten, frozen_changes
from pose3d_ros.core.errors import ConfigError

UNCONFIGURED = "unconfigured"
TEXT = 400  # characters of an error
POLL_S = 0.2  # how soon a change takes effect where rclpy has no post-set hook (Humble)


def descriptor(value: Any, rule: Meta) -> ParameterDescriptor:
    """What `ros2 param describe` shows: help, unit, range, choices, and when it may change."""
    unit = f" [{rule.unit}]" if rule.unit else ""
    when = "changes at any time" if rule.live else f"changes only while {UNCONFIGURED}"
    choices = f"; one of: {', '.join(rule.choices)}" if rule.choices else ""
    result = ParameterDescriptor(description=f"{rule.help}{unit}", additional_constraints=f"{when}{choices}")
    if rule.low is None or rule.high is None or isinstance(value, bool | str | tuple):
        return result  # a message range needs both ends; half-open ones are checked by the dataclass
    if isinstance(value, int):
        result.integer_range = [IntegerRange(from_value=int(rule.low), to_value=int(rule.high))]
    else:
        result.floating_point_range = [FloatingPointRange(from_value=float(rule.low), to_value=float(rule.high))]
    return result


class Parameters:
    """A node's parameters: declared from `default`, validated before and applied after every change.

    `config` is the current, valid dataclass. `state` tells the node's lifecycle state: parameters that are not live
    are refused, with the reason, unless it is "unconfigured". `changed(config)` is called after a change.

    An integer where a number is meant is taken as one. What is wrong in the overrides (YAML, command line) is logged in
    one line, remembered in `faults`, and must keep the node from being configured: see `check`.
    """

    def __init__(self, node: Node, default: Any, state: Callable[[], str], changed: Callable[[Any], None]) -> None:
        self._node, self._default, self._state, self._changed = node, default, state, changed
        self._rules = {name: rule for name, _, rule in flatten(default)}
        self.config = default
        self.faults: dict[str, str] = {}
        self._doubles = {name for name, value, _ in flatten(default) if isinstance(value, float)}
        if hasattr(node, "add_pre_set_parameters_callback"):
            node.add_pre_set_parameters_callback(lambda given: [self._widened(one) for one in given])
        node.add_on_set_parameters_callback(self._validate)
        for name, value, rule in flatten(default):
            # rclpy cannot infer the type of an empty list
            typed = Parameter.Type.STRING_ARRAY if value == () else list(value) if isinstance(value, tuple) else value
            self._declare(name, typed, descriptor(value, rule))
        self._warn_of_typing_errors()
        self.config = build(default, self._values())
        if hasattr(node, "add_post_set_parameters_callback"):
            node.add_post_set_parameters_callback(lambda _: self.refresh())
        else:
            node.create_timer(POLL_S, self.refresh, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def check(self) -> None:
        """Raises ConfigError where a parameter's override could not be taken and was not set right since."""
        if self.faults:
            raise ConfigError("; ".join(self.faults.values()))

    def _declare(self, name: str, value: Any, description: ParameterDescriptor) -> None:
        overrides = self._node._parameter_overrides
        if name in overrides:
            overrides[name] = self._widened(overrides[name])
        try:
            self._node.declare_parameter(name, value, description)
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            given = overrides[name]
            why = f"parameter {name}: {given.value!r} ({given.type_.name.lower()}) cannot be taken: {error}"
            self._node.declare_parameter(name, value, description, ignore_override=True)
            self.faults[name] = " ".join(why.split())[:TEXT]
            self._node.get_logger().error(f"{self.faults[name]}; the node stays unconfigured until it is set right")

    def _widened(self, given: Parameter) -> Parameter:
        """An integer for a double is the commonest slip in YAML, and means the same number."""
        if given.name in self._doubles and given.type_ == Parameter.Type.INTEGER:
            return Parameter(given.name, Parameter.Type.DOUBLE, float(given.value))
        return given

    def refresh(self) -> None:
        """Applies what changed since the last call, if anything did."""
        config = build(self._default, self._values())
        if config != self.config:
            self.config = config
            self._changed(config)

    def _values(self) -> dict[str, Any]:
        return {n: self._node.get_parameter_or(n).value for n in self._rules if self._node.has_parameter(n)}

    def _validate(self, parameters: list[Parameter]) -> SetParametersResult:
        own = {p.name: p.value for p in parameters if p.name in self._rules}
        before = self._values()
        try:
            changed = frozen_changes(build(self._default, before), build(self._default, before | own))
            if changed and self._state() != UNCONFIGURED:
                raise ConfigError(
                    f"{', '.join(changed)} changes only while the node is {UNCONFIGURED}, and it is {self._state()}: "
                    "deactivate and clean it up, set this, then configure and activate it again"
                )
        except (ConfigError, TypeError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        for name in own:
            self.faults.pop(name, None)
        return SetParametersResult(successful=True)

    def _warn_of_typing_errors(self) -> None:
        """ROS ignores unknown names; a shared YAML may hold other nodes' names, so only near misses are reported."""
        known = set(self._node.list_parameters([], 0).names)
        for name in set(self._node._parameter_overrides) - known:
            near = difflib.get_close_matches(name, self._rules, n=1, cutoff=0.85)
            if near:
                self._node.get_logger().warning(f"parameter {name!r} is unknown and ignored; did you mean {near[0]!r}?")


def markdown_table(default: Any) -> str:
    """The parameters of a configuration as a Markdown table."""
    rows = ["| Parameter | Default | Range | Live | Meaning |", "|---|---|---|---|---|"]
    for name, value, rule in flatten(default):
        unit = f" {rule.unit}" if rule.unit else ""
        live = "yes" if rule.live else "no"
        rows.append(f"| `{name}` | `{_shown(value)}`{unit} | {_range(rule)} | {live} | {rule.help} |")
    return "\n".join(rows) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(v) for v in value)}]"
    return repr(value).replace("'", '"') if isinstance(value, str) else f"{value:g}"


def _range(rule: Meta) -> str:
    if rule.choices:
        return ", ".join(f"`{choice}`" for choice in rule.choices)
    low = f"{rule.low:g}" if rule.low is not None else ""
    high = f"{rule.high:g}" if rule.high is not None else ""
    return {(True, True): f"{low} … {high}", (True, False): f"≥ {low}", (False, True): f"≤ {high}"}.get(
        (bool(low), bool(high)), ""
    )
