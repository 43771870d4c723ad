"""What a training writes so that it can go on exactly where it was, and the weights it may end with.

    last.safetensors              everything that resuming needs: weights, optimiser, position
    weights_00000500.safetensors  the weights alone, by name, at validations: to choose or average from

Since the order of the data and every random draw are functions of the seed and the update, no generator is saved.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.errors import UserError
from nmt.models.weights import named_weights, read_tensors, save_tensors
from nmt.training.concern import Concern
from nmt.training.ema import MovingAverage
from nmt.training.flat import FlatParameters
from nmt.training.statistics import Totals

LAST = "last.safetensors"
_ANEW = "The recipe or the version has changed since: move the folder train/ of the run away to train anew."


class Sums(BaseModel):
    """Over the updates since the last log line."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a solver that runs away reports an infinite residual

    loss: float = 0.0
    likelihood: float = 0.0
    gradient_norm: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    updates: int = 0
    units: int = 0
    reward: float = 0.0
    statistics: list[Totals] = []
    """Of the model, for each micro-batch of an update: a process has the newest of those that it computes. Kept apart,
    they add up to the same means whatever the number of processes, before and after a resumption."""


class Position(BaseModel):
    """Where a training stands."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

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
    precision: str = ""
    """What `precision: auto` came to at the start; a resumed training keeps it, on any machine."""
    since_log: Sums = Sums()
    """What the next log line averages."""
    concern: Concern = Concern()
    """What the model was concerned about."""
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
    lowest_loss: float | None = None
    """Of all validations."""
    stale_loss: int = 0
    """Validations since that one, or since the schedule last lowered its rate."""
    reductions: int = 0
    """How often validations have made the schedule lower its rate."""
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

    def save(self, position: Position, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> None:
        """Writes what resuming needs, replacing the older file at once; then forgets weights that it does not name."""
        tensors = _state(flat, ema)
        for name, value in optimizer.state[flat.values].items():
            tensors[f"optimizer.{name}"] = value
        save_tensors(self.directory / LAST, tensors, {"position": position.model_dump_json()})
        needed = {self.weights_path(update) for update in (*position.kept, position.best_update)}
        for path in self.directory.glob("weights_*.safetensors"):
            if path not in needed:
                path.unlink()

    def load(self, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> Position:
        """Restores model, optimiser and moving average; a fresh position where nothing was saved.

        Raises:
            UserError: the file is damaged, of another model or of another version.
        """
        path = self.directory / LAST
        if not path.exists():
            return Position()
        tensors, metadata = read_tensors(path)
        for name, tensor in _state(flat, ema).items():
            saved = tensors.pop(name, torch.empty(0))
            if saved.shape != tensor.shape:
                raise UserError(str(path), f"{tensor.numel()} {name}", str(saved.numel()), _ANEW)
            tensor.copy_(saved)
        for name, value in tensors.items():
            optimizer.state[flat.values][name.removeprefix("optimizer.")] = value.to(flat.values.device)
        try:
            return Position.model_validate_json(metadata["position"])
        except (KeyError, ValidationError) as error:
            raise UserError(str(path), "a position that this version knows", type(error).__name__, _ANEW) from error

    def save_weights(self, position: Position, model: nn.Module) -> None:
        """Writes the weights of this update."""
        save_tensors(self.weights_path(position.update), named_weights(model), {})

    def keep_update(self, position: Position) -> None:
        """Counts this update among those whose weights are kept, instead of the oldest one."""
        position.kept = [*position.kept, position.update][-self.keep :]

    def weights_path(self, update: int) -> Path:
        """The file of the weights at this update."""
        return self.directory / f"weights_{update:08d}.safetensors"


def _state(flat: FlatParameters, ema: MovingAverage | None) -> dict[str, Tensor]:
    """All tensors but the optimiser's, by their names in the file."""
    tensors = {"values": flat.values.data, **{f"other.{name}": tensor for name, tensor in flat.others.items()}}
    if ema:
        tensors["ema"] = ema.values
    return tensors


def average_weights(paths: Sequence[Path], parameters: Container[str]) -> dict[str, Tensor]:
    """The mean of the weights of several files.

    Args:
        paths: oldest first.
        parameters: names of what is averaged; other weights (counters, annealed constants) are the last file's.

    Raises:
        UserError: a file is damaged, or not of the same model as the first, or of another phase of its training.
    """
    total: dict[str, Tensor] = {}
    for path in paths:
        tensors, _ = read_tensors(path)
        if total and {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in total.items()}:
            raise UserError(str(path), f"the same weights as in {paths[0]}", "others")
        for name, tensor in tensors.items():
            if name in total and not tensor.is_floating_point() and not torch.equal(tensor, total[name]):
                raise UserError(
                    str(path),
                    f"{name} {total[name].tolist()}, as in {paths[0]}",
                    str(tensor.tolist()),
                    "These weights make another function (pretraining, say): average those of one phase only.",
                )
            total[name] = total[name] + tensor if name in total and name in parameters else tensor
    return {name: tensor / len(paths) if name in parameters else tensor for name, tensor in total.items()}
