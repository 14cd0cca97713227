"""Tiny ONNX files whose answers are known for a drawn image: people are spots of red and of green.

Each graph finds the centroid of a colour above a threshold that the letterbox's gray stays below, so a wrong colour
order, scale, fill or offset shows in the answer.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

THRESHOLD = 150 / 255  # of full brightness
OFFSETS = np.random.default_rng(0).uniform(-6, 6, (133, 2)).astype(np.float32)  # of joints about a spot, input pixels


class Graph:
    """Adds nodes and constants by values; names are made up."""

    def __init__(self, height: int, width: int, bright: float, open_size: bool = False) -> None:
        """`bright`: value of a full channel in the input."""
        self.height, self.width, self.bright = height, width, bright
        self.nodes, self.constants, self._count = [], [], 0
        shape = [1, 3, "h", "w"] if open_size else [1, 3, height, width]
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)

    def const(self, value, dtype=np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes) -> str:
        self._count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"t{self._count}"], **attributes))
        return f"t{self._count}"

    def sum(self, tensor: str) -> str:
        return self.add("ReduceSum", tensor, self.const([-2, -1], np.int64), keepdims=0)

    def spot(self, channel: int, other: int) -> tuple[str, str, str]:
        """x and y (1,) of the middle of what is bright in `channel` and not in `other`, and 1 where there is any."""
        ours, theirs = (self.add("Gather", "image", self.const(c, np.int64), axis=1) for c in (channel, other))
        weight = self.add("Relu", self.add("Sub", self.add("Sub", ours, theirs), self.const(THRESHOLD * self.bright)))
        total = self.add("Max", self.sum(weight), self.const([1e-6]))
        grids = np.meshgrid(np.arange(self.width), np.arange(self.height))
        x, y = (self.add("Div", self.sum(self.add("Mul", weight, self.const(grid))), total) for grid in grids)
        return x, y, self.add("Min", self.add("Mul", total, self.const([1e3])), self.const([1.0]))

    def joints(self, x: str, y: str, there: str, count: int, shift: float = 0.0) -> str:
        """(1, 1, count, 3): x, y, score 0.8."""
        axes = [
            self.add("Reshape", self.add("Add", at, self.const(OFFSETS[:count, i] + shift)), self.shape(1, 1, count, 1))
            for i, at in enumerate((x, y))
        ]
        score = self.add("Mul", there, self.const(np.full(count, 0.8)))
        return self.add("Concat", *axes, self.add("Reshape", score, self.shape(1, 1, count, 1)), axis=-1)

    def box(self, x: str, y: str, score: str, half: float = 10.0) -> list[str]:
        """Corners and score, each (1,), counted from the edge."""
        return [
            *(self.add("Add", at, self.const([sign * half + 0.5])) for sign in (-1, 1) for at in (x, y)),
            score,
        ]

    def shape(self, *sizes: int) -> str:
        return self.const(sizes, np.int64)

    def scaled(self, there: str, by: float) -> str:
        return self.add("Mul", there, self.const([by]))

    def rows(self, parts: list[list[str]]) -> str:
        """(1, N, K) of N lists of K scalars."""
        rows = [self.add("Reshape", self.add("Concat", *part, axis=0), self.shape(1, 1, len(part))) for part in parts]
        return self.add("Concat", *rows, axis=1)

    def save(self, path, *outputs: str):
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "tiny", [self.input], values, self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path


def three(graph: Graph, red: int, green: int, joints: int) -> tuple[list[list[str]], str]:
    """Boxes, and joints (1, 3, J, 3): the red person, the same again two pixels beside and less sure, the green one."""
    r, g = graph.spot(red, green), graph.spot(green, red)
    people = [(*r, 0.9, 0.0), (*r, 0.6, 2.0), (*g, 0.7, 0.0)]
    boxes = [graph.box(x, y, graph.scaled(there, sure)) for x, y, there, sure, _ in people]
    found = [graph.joints(x, y, there, joints, shift) for x, y, there, _, shift in people]
    return boxes, graph.add("Concat", *found, axis=1)


def rtmo(path, side=128, joints=17, **kwargs):
    graph = Graph(side, side, bright=255.0, **kwargs)
    boxes, found = three(graph, red=2, green=1, joints=joints)  # blue first
    return graph.save(path, graph.rows(boxes), found)


def yolo_pose(path, side=128, suppressing=False):
    graph = Graph(side, side, bright=1.0)
    boxes, found = three(graph, red=0, green=1, joints=17)
    rows = graph.rows([[*box, *([graph.const([0.0])] if suppressing else [])] for box in boxes])
    flat = graph.add("Reshape", found, graph.shape(1, 3, 51))
    rows = graph.add("Concat", rows, flat, axis=2)
    return graph.save(path, rows if suppressing else graph.add("Transpose", rows, perm=[0, 2, 1]))


def rtmpose(path, joints=17, size=(96, 128)):
    """Bins are bright about the joint: of whichever spot fills the box."""
    graph = Graph(size[1], size[0], bright=1.0)
    mean, std = np.float32((123.675, 116.28, 103.53)), np.float32((58.395, 57.12, 57.375))
    raw = graph.add("Add", graph.add("Mul", "image", graph.const(std[:, None, None])), graph.const(mean[:, None, None]))
    ours = graph.add("Mul", raw, graph.const(1 / 255))
    red, green = (graph.add("Gather", ours, graph.const(c, np.int64), axis=1) for c in (0, 1))
    weight = graph.add("Relu", graph.add("Sub", graph.add("Max", red, green), graph.const(THRESHOLD)))
    total = graph.add("Max", graph.sum(weight), graph.const([1e-6]))
    outputs = []
    for axis, (grid, length) in enumerate(zip(np.meshgrid(*map(np.arange, size)), size, strict=True)):
        at = graph.add("Div", graph.sum(graph.add("Mul", weight, graph.const(grid))), total)
        bins = np.arange(2 * length) / 2 - OFFSETS[:joints, axis, None]
        off = graph.add("Sub", graph.const(bins[None]), graph.add("Reshape", at, graph.shape(1, 1, 1)))
        outputs.append(graph.add("Exp", graph.add("Neg", graph.add("Mul", off, off))))
    return graph.save(path, *outputs)


def person_boxes(path, side=128, yolo=False):
    """The red person twice, the green one, and a car (label 2) over everything."""
    graph = Graph(side, side, bright=1.0 if yolo else 255.0)
    r, g = (graph.spot(*pair) for pair in (((0, 1), (1, 0)) if yolo else ((2, 1), (1, 2))))
    boxes = [
        graph.box(*r[:2], graph.scaled(r[2], 0.9)),
        graph.box(*r[:2], graph.scaled(r[2], 0.5), half=11.0),
        graph.box(*g[:2], graph.scaled(g[2], 0.8)),
        graph.box(*r[:2], graph.scaled(r[2], 0.95), half=40.0),
    ]
    labels = [0.0, 0.0, 0.0, 2.0]
    if yolo:
        return graph.save(path, graph.rows([[*b, graph.const([v])] for b, v in zip(boxes, labels, strict=True)]))
    return graph.save(path, graph.rows(boxes), graph.add("Identity", graph.const([labels])))
