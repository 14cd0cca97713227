"""Weights on disk: safetensors, with the network's config and spec in the header. Loading is strict."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save_file
from torch import nn

from pose3d_ros.core.config import from_dict
from pose3d_ros.core.errors import CheckpointError, ConfigError, FormatError
from pose3d_ros.models import kinds
from pose3d_ros.models.spec import Spec

FORMAT_VERSION = 1


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
    except (KeyError, TypeError, ConfigError, FormatError) as error:
        raise CheckpointError(f"{path}: its header does not fit this version of the package ({error})") from None
    if (config.frames, config.joints) != (spec.frames, len(spec.joints)):
        raise CheckpointError(
            f"{path}: the network takes {config.frames} frames of {config.joints} joints, but its spec promises "
            f"{spec.frames} of {len(spec.joints)}"
        )
    network = kind.network(config)
    tensors = load_file(path)
    wanted, given = set(network.state_dict()), set(tensors)
    if wanted != given:
        raise CheckpointError(
            f"{path}: missing parameters {sorted(wanted - given)[:5]}, unexpected {sorted(given - wanted)[:5]}"
        )
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return network.eval(), spec


def read_header(path: Path) -> dict:
    """The header alone, quickly. Raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"weights {path}: there is no such file")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except Exception as error:  # safetensors raises its own type, OSError, and others
        raise CheckpointError(
            f"weights {path}: expected a safetensors file, got something else or a damaged one ({error}); "
            "pickled checkpoints are not read, convert them first"
        ) from None
    if "pose3d_ros" not in metadata:
        raise CheckpointError(f"weights {path}: no pose3d_ros header; were they written by `pose3d train`?")
    try:
        header = json.loads(metadata["pose3d_ros"])
    except json.JSONDecodeError as error:
        raise CheckpointError(f"weights {path}: damaged header ({error})") from None
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
