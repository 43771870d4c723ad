"""Checkpoints for exact resumption, and the candidates for the final weights.

    last.safetensors              everything that resuming needs: weights, optimiser, position; each tensor by the name
                                  of its parameter (`values/encoder.norm.weight`), whatever the order of the attributes
    before.safetensors            the same of the time before, for the case that the last is damaged
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
from nmt.evaluation.measures import MeasureName
from nmt.models.weights import DamagedError, named_weights, read_tensors, save_tensors, shapes_difference
from nmt.training.concern import Concern
from nmt.training.ema import MovingAverage
from nmt.training.flat import FlatParameters
from nmt.training.statistics import Totals

LAST, BEFORE = "last.safetensors", "before.safetensors"
_OTHER, _OPTIMIZER = "other.", "optimizer."
_ANEW = "Move the folder train/ of the run away to train anew."
_CHANGED = f"The recipe or the version has changed since. {_ANEW}"


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
    measure: str = ""
    """What `best` is a score by, in words; empty in checkpoints from before this was noted."""
    best: float | None = None
    """Best validation score so far, larger is better."""
    best_loss: float | None = None
    """Loss of the validation with that score: of equal scores the one with the lower loss is best."""
    best_bleu: float = 0.0
    """BLEU of that validation, in checkpoints from before `best_measures`."""
    best_measures: dict[MeasureName, float] = {}
    """The measures of that validation."""
    best_update: int = 0
    """When it was reached."""
    stale: int = 0
    """Validations since then."""
    newest: float | None = None
    """Score of the last validation."""
    unchanged: int = 0
    """Validations in a row, up to the last one, that had this score."""
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
        self.fallen_back = ""
        """Why the checkpoint before the last one was loaded, in words; empty if it was not."""
        self._needed: set[Path] = set()
        directory.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        """Whether there is one to go on from."""
        return any((self.directory / name).exists() for name in (LAST, BEFORE))

    def save(self, position: Position, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> None:
        """Writes what resuming needs; then forgets weights that neither this checkpoint nor the one before it names."""
        tensors = {f"{_OTHER}{name}": tensor for name, tensor in flat.others.items()}
        for name, value in (_vectors(flat, ema) | _optimizer_state(flat, optimizer)).items():
            if value.shape == flat.values.shape:
                tensors |= {f"{name}/{parameter}": part for parameter, part in flat.named(value).items()}
            else:
                tensors[name] = value
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
        """Restores model, optimiser and moving average; a fresh position where nothing was saved.

        Where the last checkpoint is damaged it is the one before.

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
            weights = "weights_*.safetensors beside it, which `nmt average` makes a model of, may be whole."
            raise UserError(damage[0].where, damage[0].expected, damage[0].got, f"{_ANEW} The {weights}")
        return Position()

    def _restore(self, path: Path, flat: FlatParameters, optimizer: Optimizer, ema: MovingAverage | None) -> Position:
        tensors, metadata = read_tensors(path)
        try:
            position = Position.model_validate_json(metadata["position"])
        except (KeyError, ValidationError) as error:
            raise UserError(str(path), "a position that this version knows", type(error).__name__, _CHANGED) from error
        if "values" in tensors:
            tensors = self._named(path, tensors, position, flat)
        state = optimizer.state[flat.values]
        own = {f"{_OTHER}{name}": tensor for name, tensor in flat.others.items()}
        for name, vector in _vectors(flat, ema).items():
            own |= {f"{name}/{parameter}": part for parameter, part in flat.named(vector).items()}
        for name in {name.partition("/")[0] for name in tensors if name.startswith(_OPTIMIZER) and "/" in name}:
            state[name.removeprefix(_OPTIMIZER)] = torch.zeros_like(flat.values.data)
            parts = flat.named(state[name.removeprefix(_OPTIMIZER)])
            own |= {f"{name}/{parameter}": part for parameter, part in parts.items()}
        single = {name for name in tensors if name.startswith(_OPTIMIZER) and "/" not in name}
        found = {name: tuple(tensors[name].shape) for name in (*own, *tensors) if name in tensors.keys() - single}
        difference = shapes_difference(found, {name: tuple(tensor.shape) for name, tensor in own.items()})
        if difference:
            raise UserError(str(path), f"the {len(own)} tensors of this training", difference, _CHANGED)
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
        for name in single:
            state[name.removeprefix(_OPTIMIZER)] = tensors[name].to(flat.values.device)
        return position

    def _named(
        self, path: Path, tensors: dict[str, Tensor], position: Position, flat: FlatParameters
    ) -> dict[str, Tensor]:
        """Tensors of the first version, which had one [P] without names, in the order of the model's attributes.

        Where the weights of the same update lie beside it they must be the same, name by name.
        """
        total, found = flat.values.shape, tensors["values"].shape
        if found != total:
            raise UserError(str(path), f"{total.numel()} values", str(found.numel()), _CHANGED)
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
                    raise UserError(str(path), f"{name} as in {beside.name}", "other values", _CHANGED)
        return named

    def _needed_by(self, position: Position) -> set[Path]:
        return {self.weights_path(update) for update in (*position.kept, position.best_update)}

    def damage(self, update: int) -> str:
        """What is wrong with the weights of an update, in words; empty if they can be used."""
        try:
            read_tensors(self.weights_path(update))
        except UserError as error:
            return f"{error.where}: {error.got}"
        return ""

    def save_weights(self, position: Position, model: nn.Module) -> None:
        """Writes the weights of this update."""
        save_tensors(self.weights_path(position.update), named_weights(model), {})

    def keep_update(self, position: Position) -> None:
        """Counts this update among those whose weights are kept, instead of the oldest one."""
        position.kept = [*position.kept, position.update][-self.keep :]

    def weights_path(self, update: int) -> Path:
        """The file of the weights at this update."""
        return self.directory / f"weights_{update:08d}.safetensors"


def _vectors(flat: FlatParameters, ema: MovingAverage | None) -> dict[str, Tensor]:
    """What has a value for each parameter, by its name in the file: each [P]."""
    return {"values": flat.values.data} | ({"ema": ema.values} if ema else {})


def _optimizer_state(flat: FlatParameters, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors by their names in the file: [P], or one value."""
    return {f"{_OPTIMIZER}{name}": value for name, value in optimizer.state[flat.values].items()}


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
