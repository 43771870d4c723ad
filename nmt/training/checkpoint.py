"""Checkpoints for exact resumption, and the candidates for the final weights.

    last.safetensors              everything needed to resume: weights, optimiser, position; each tensor by the name of
                                  its parameter (`values/encoder.norm.weight`), whatever the order of the attributes
    before.safetensors            the previous checkpoint, in case the last one is damaged
    weights_00000500.safetensors  the weights alone, by name, at a validation: to choose or average from

No random generator is saved, since the order of the data and every random draw are functions of seed and update.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.errors import UserError
from nmt.models.weights import DamagedError, named_weights, read_tensors, save_tensors, shapes_difference
from nmt.training.ema import MovingAverage
from nmt.training.flat import FlatGroup, FlatParameters
from nmt.training.position import Position

LAST, BEFORE = "last.safetensors", "before.safetensors"
_OTHER, _OPTIMIZER = "other.", "optimizer."
_ANEW = "To train from scratch, move the run's folder train/ away."
_CHANGED = f"The recipe or the version of nmt has changed since. {_ANEW}"


class Checkpoints:
    """The checkpoint files of one training.

    Args:
        directory: a folder for these files only.
        keep: number of newest weights to keep for averaging; the best are always kept.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self.directory, self.keep = directory, max(keep, 1)
        self.fallen_back = ""
        """The reason for loading the previous checkpoint instead of the last one; empty if it was not."""
        self._needed: set[Path] = set()
        directory.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return any((self.directory / name).exists() for name in (LAST, BEFORE))

    def save(self, position: Position, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> None:
        """Writes a checkpoint; then deletes weights that neither it nor the previous checkpoint refers to."""
        tensors = {f"{_OTHER}{name}": tensor for name, tensor in flat.others.items()}
        tensors |= _named_values(flat, ema)
        for group in flat.groups:
            tensors |= _optimizer_state(group, optimizer)
        last = self.directory / LAST
        if last.exists():
            last.replace(self.directory / BEFORE)
        save_tensors(last, tensors, {"position": position.model_dump_json()})
        needed, before = self._needed_by(position), self._needed
        for path in self.directory.glob("weights_*.safetensors"):
            if path not in needed | before:
                path.unlink()
        self._needed = needed

    def load(self, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> Position:
        """Restores model, optimiser and moving average; returns a fresh position if nothing was saved.

        Falls back to the previous checkpoint if the last one is damaged.

        Raises:
            UserError: the files are damaged, or of another model or version.
        """
        damage: list[DamagedError] = []
        for path in (self.directory / LAST, self.directory / BEFORE):
            if not path.exists():
                continue
            try:
                position = self._restore(path, flat, optimizer, ema)
            except DamagedError as error:
                damage.append(error)
                continue
            if damage:
                self.fallen_back = f"{damage[0].where} is damaged ({damage[0].got})"
            self._needed = self._needed_by(position)
            return position
        if damage:
            weights = "weights_*.safetensors beside it may be intact; `nmt average` turns them into a model."
            raise UserError(damage[0].where, damage[0].expected, damage[0].got, f"{_ANEW} The {weights}")
        return Position()

    def _restore(self, path: Path, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> Position:
        tensors, metadata = read_tensors(path)
        try:
            position = Position.model_validate_json(metadata["position"])
        except (KeyError, ValidationError) as error:
            raise UserError(str(path), "a position in this version's format", type(error).__name__, _CHANGED) from error
        if "values" in tensors:
            tensors = self._named(path, tensors, position, flat)
        own = {f"{_OTHER}{name}": tensor for name, tensor in flat.others.items()}
        own |= _named_values(flat, ema)
        for name in {name.partition("/")[0] for name in tensors if name.startswith(_OPTIMIZER) and "/" in name}:
            for group in flat.groups:
                vector = torch.zeros_like(group.parameter.data)
                optimizer.state[group.parameter][name.removeprefix(_OPTIMIZER)] = vector
                own |= {f"{name}/{parameter}": part for parameter, part in group.named(vector).items()}
        single = {name for name in tensors if name.startswith(_OPTIMIZER) and "/" not in name}
        found = {name: tuple(tensors[name].shape) for name in (*own, *tensors) if name in tensors.keys() - single}
        difference = shapes_difference(found, {name: tuple(tensor.shape) for name, tensor in own.items()})
        if difference:
            raise UserError(str(path), f"the {len(own)} tensors of this training", difference, _CHANGED)
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
        for name in single:
            for group in flat.groups:
                value = tensors[name].to(flat.values.device, copy=True)
                optimizer.state[group.parameter][name.removeprefix(_OPTIMIZER)] = value
        return position

    def _named(
        self, path: Path, tensors: dict[str, Tensor], position: Position, flat: FlatParameters
    ) -> dict[str, Tensor]:
        """Splits the tensors of the first version, each one [P] in the order of the model's attributes, by name.

        If the weights of the same update were saved beside them, both must agree, name by name.
        """
        total, found = flat.values.shape, tensors["values"].shape
        if found != total:
            raise UserError(str(path), f"{total.numel()} values", str(found.numel()), _CHANGED)
        if len(flat.groups) > 1:
            raise UserError(str(path), "named tensors, because parameters are in groups", "an unnamed one", _CHANGED)
        named: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            if tensor.shape == total and not name.startswith(_OTHER):
                named |= {f"{name}/{parameter}": part for parameter, part in flat.named(tensor).items()}
            else:
                named[name] = tensor
        beside = self.weights_path(position.update)
        if beside.exists() and "ema" not in tensors:
            weights, _ = read_tensors(beside)
            for name in flat.named(tensors["values"]):
                if name not in weights or not torch.equal(weights[name], named[f"values/{name}"]):
                    raise UserError(str(path), f"{name} as in {beside.name}", "different values", _CHANGED)
        return named

    def _needed_by(self, position: Position) -> set[Path]:
        return {self.weights_path(update) for update in (*position.kept, position.scores.best_update)}

    def damage(self, update: int) -> str:
        """A description of what is wrong with the weights of an update; empty if they are usable."""
        try:
            read_tensors(self.weights_path(update))
        except UserError as error:
            return f"{error.where}: {error.got}"
        return ""

    def save_weights(self, position: Position, model: nn.Module) -> None:
        """Writes the weights of this update."""
        save_tensors(self.weights_path(position.update), named_weights(model), {})

    def weights_path(self, update: int) -> Path:
        """The file of the weights at this update."""
        return self.directory / f"weights_{update:08d}.safetensors"


def _named_values(flat: FlatParameters, ema: MovingAverage | None) -> dict[str, Tensor]:
    """The parameters and, with a moving average, the averages of parameters and statistics, by name in the file."""
    values = {f"values/{name}": part for name, part in flat.named(flat.values).items()}
    if ema is None:
        return values
    averages = flat.named(ema.values) | ema.statistics
    return values | {f"ema/{name}": part for name, part in averages.items()}


def _optimizer_state(group: FlatGroup, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors of a group, by name in the file: one per parameter, or a value common to all groups."""
    found: dict[str, Tensor] = {}
    for name, value in optimizer.state[group.parameter].items():
        if value.shape == group.parameter.shape:
            found |= {f"{_OPTIMIZER}{name}/{parameter}": part for parameter, part in group.named(value).items()}
        else:
            found[f"{_OPTIMIZER}{name}"] = value
    return found


def average_weights(paths: Sequence[Path], averaged: Container[str]) -> dict[str, Tensor]:
    """The mean of the weights of several files.

    Args:
        paths: oldest first.
        averaged: names of the weights to average; others (counters, annealed constants) come from the last file.

    Raises:
        UserError: a file is damaged, or of another model or another training phase than the first one.
    """
    total: dict[str, Tensor] = {}
    for path in paths:
        tensors, _ = read_tensors(path)
        if total and {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in total.items()}:
            raise UserError(str(path), f"the same weight names and shapes as in {paths[0]}", "different ones")
        for name, tensor in tensors.items():
            if name in total and not tensor.is_floating_point() and not torch.equal(tensor, total[name]):
                raise UserError(
                    str(path),
                    f"{name} as in {paths[0]}" + (f", {total[name].item()}" if tensor.numel() == 1 else ""),
                    str(tensor.item()) if tensor.numel() == 1 else "other values",
                    "These weights are of another training, or another phase (pretraining, say): average those of one.",
                )
            total[name] = total[name] + tensor if name in total and name in averaged else tensor
    return {name: tensor / len(paths) if name in averaged else tensor for name, tensor in total.items()}
