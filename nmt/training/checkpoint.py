"""What a training writes so that it can go on exactly where it was, and the weights it may end with.

    last.safetensors              everything that resuming needs: weights, optimiser, position
    weights_00000500.safetensors  the weights alone, by name, at validations: to choose or average from

Since the order of the data and every random draw are functions of the seed and the update, no generator is saved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.errors import UserError
from nmt.models.weights import named_weights
from nmt.training.flat import FlatParameters

LAST = "last.safetensors"


class Position(BaseModel):
    """Where a training stands."""

    model_config = ConfigDict(extra="forbid")

    update: int = 0
    """Updates done."""
    epoch: int = 0
    """Current epoch, from 0."""
    batch: int = 0
    """Batches of it that are done."""
    target_tokens: int = 0
    """Target tokens trained on so far."""
    seconds: float = 0.0
    """Time spent on updates so far, validation not counted."""
    validated: int = 0
    """Update of the last validation."""
    best: float | None = None
    """Best validation score so far, larger is better."""
    best_bleu: float = 0.0
    """BLEU of the validation with that score."""
    best_update: int = 0
    """When it was reached."""
    stale: int = 0
    """Validations since then."""
    kept: list[int] = []
    """Updates whose weights are on disk, oldest first, without the best one if that is older."""


class Checkpoints:
    """The checkpoint files of one training.

    Args:
        directory: theirs alone.
        keep: how many of the newest weights are kept for averaging; the best are kept always.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self.directory, self.keep = directory, max(keep, 1)
        directory.mkdir(parents=True, exist_ok=True)

    def save(self, position: Position, flat: FlatParameters, optimizer: Optimizer) -> None:
        """Writes what resuming needs, replacing the older file at once."""
        tensors = {"values": flat.values.data}
        for name, value in optimizer.state[flat.values].items():
            tensors[f"optimizer.{name}"] = value
        _write(self.directory / LAST, tensors, {"position": position.model_dump_json()})

    def load(self, flat: FlatParameters, optimizer: Optimizer) -> Position:
        """Restores model and optimiser; a fresh position where nothing was saved.

        Raises:
            UserError: the file is damaged or of another model.
        """
        path = self.directory / LAST
        if not path.exists():
            return Position()
        tensors, metadata = read_tensors(path)
        values = tensors.pop("values", torch.empty(0))
        if values.shape != flat.values.shape:
            raise UserError(
                str(path),
                f"{flat.values.numel()} parameters",
                str(values.numel()),
                "The recipe's model has changed since: remove the folder to train anew.",
            )
        flat.values.data.copy_(values)
        for name, value in tensors.items():
            device = value.device if value.dim() == 0 else flat.values.device
            optimizer.state[flat.values][name.removeprefix("optimizer.")] = value.to(device)
        return Position.model_validate_json(metadata["position"])

    def save_weights(self, position: Position, model: nn.Module) -> None:
        """Writes the weights of this update and forgets the oldest that are in excess."""
        _write(self.weights_path(position.update), named_weights(model), {})
        position.kept.append(position.update)
        while len(position.kept) > self.keep:
            position.kept.pop(0)
        self._forget({*position.kept, position.best_update})

    def weights_path(self, update: int) -> Path:
        """The file of the weights at this update."""
        return self.directory / f"weights_{update:08d}.safetensors"

    def _forget(self, needed: set[int]) -> None:
        paths = {self.weights_path(update) for update in needed}
        for path in self.directory.glob("weights_*.safetensors"):
            if path not in paths:
                path.unlink()


def average_weights(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the weights of several files, in float32.

    Raises:
        UserError: a file is damaged, or not of the same model as the first.
    """
    total: dict[str, Tensor] = {}
    for path in paths:
        tensors, _ = read_tensors(path)
        if total and {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in total.items()}:
            raise UserError(str(path), f"the same weights as in {paths[0]}", "others")
        for name, tensor in tensors.items():
            total[name] = total[name] + tensor.float() if name in total else tensor.float()
    return {name: tensor / len(paths) for name, tensor in total.items()}


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a safetensors file and its metadata.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise UserError(str(path), "a whole safetensors file", str(error), "Remove it to train anew.") from error


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    part = path.with_name(f".{path.name}.part")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, part, dict(metadata))
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
