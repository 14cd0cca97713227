"""Weights on disk: safetensors, with the network's config and spec in the header. Loading is strict."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pose3d_ros.core.config import from_dict
from pose3d_ros.core.errors import CheckpointError, ConfigError, FormatError
from pose3d_ros.core.files import parse_json
from pose3d_ros.models import kinds
from pose3d_ros.models.spec import Spec

FORMAT_VERSION = 1
HEADER_BYTES = 4 << 20  # ViT-H's has a hundredth of this
LARGEST = 16384  # of any number in a config


def save(path: Path, network: nn.Module, spec: Spec) -> None:
    """Write a network, its `config` and its spec to one file. Raises CheckpointError for one without a kind."""
    kind = kinds.of(network).name
    header = {"format_version": FORMAT_VERSION, "kind": kind, "config": asdict(network.config), "spec": asdict(spec)}
    tensors = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"pose3d_ros": json.dumps(header)})


def load(path: Path) -> tuple[nn.Module, Spec]:
    """Network and spec of a file. Raises CheckpointError: missing, not safetensors, newer, or not fitting."""
    header = read_header(path)
    kind = kinds.get(header["kind"])
    try:
        config, spec = from_dict(kind.config, header["config"]), from_dict(kind.spec, header["spec"])
    except (KeyError, TypeError, ZeroDivisionError, AttributeError, ConfigError, FormatError) as error:
        raise CheckpointError(f"{path}: its header does not fit this version of the package ({error})") from None
    if (config.frames, config.joints) != (spec.frames, len(spec.joints)):
        raise CheckpointError(
            f"{path}: the network takes {config.frames} frames of {config.joints} joints, but its spec promises "
            f"{spec.frames} of {len(spec.joints)}"
        )
    _compare(path, kind.network, config)
    network = kind.network(config)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: {error}") from None
    return network.eval(), spec


def _compare(path: Path, kind: type[nn.Module], config: Any) -> None:
    """Names and shapes that the config promises with those of the file, before anything costs memory. Raises
    CheckpointError."""
    with safetensors.safe_open(path, "pt") as file:
        given = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    for name, number in _integers(asdict(config)):
        if number > LARGEST or (name.endswith(("layers", "depth")) and number > len(given)):
            raise CheckpointError(f"{path}: {name} {number} does not fit its {len(given)} tensors: not this network's")
    try:
        with torch.device("meta"):
            wanted = {name: tuple(tensor.shape) for name, tensor in kind(config).state_dict().items()}
    except (RuntimeError, ValueError, TypeError, ZeroDivisionError) as error:
        raise CheckpointError(f"{path}: its config makes no network ({error})") from None
    if wanted.keys() != given.keys():
        lacking, odd = sorted(wanted.keys() - given.keys())[:5], sorted(given.keys() - wanted.keys())[:5]
        raise CheckpointError(f"{path}: missing parameters {lacking}, unexpected {odd}")
    if other := [f"{n}: expected {shape}, got {given[n]}" for n, shape in wanted.items() if shape != given[n]]:
        raise CheckpointError(f"{path}: size mismatch: {'; '.join(other[:3])}")


def _integers(tree: dict) -> Iterator[tuple[str, int]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _integers(value)
        elif isinstance(value, int):
            yield name, value


def read_header(path: Path) -> dict:
    """The header alone, quickly. Raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"weights {path}: there is no such file")
    try:
        with path.open("rb") as file:  # before a parser sees it
            if HEADER_BYTES < int.from_bytes(file.read(8), "little") < path.stat().st_size:
                raise ValueError(f"its header is longer than {HEADER_BYTES} bytes")
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except Exception as error:  # safetensors raises its own type, OSError, and others
        raise CheckpointError(
            f"weights {path}: expected a safetensors file, got something else or a damaged one ({error}); "
            "pickled checkpoints are not read, convert them first"
        ) from None
    if "pose3d_ros" not in metadata:
        raise CheckpointError(f"weights {path}: no pose3d_ros header; were they written by `pose3d train`?")
    header = parse_json(metadata["pose3d_ros"], f"weights {path}: damaged header", CheckpointError)
    if not isinstance(header, dict):
        raise CheckpointError(f"weights {path}: damaged header (expected an object, got {header!r:.40})")
    if header.get("format_version") != FORMAT_VERSION or not kinds.get(header.get("kind")):
        raise CheckpointError(
            f"weights {path}: expected format {FORMAT_VERSION} of kind {' or '.join(kinds.names())}, got "
            f"{header.get('format_version')} of {header.get('kind')!r}; "
            "update the package or take the weights that belong to it"
        )
    return header


def digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
