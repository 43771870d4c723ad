"""Where a training stands: all that a checkpoint says besides its tensors, in parts that know what happens to them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator

from nmt.evaluation.measures import MeasureName
from nmt.training.concern import Concern
from nmt.training.schedule import ScheduleOptions
from nmt.training.statistics import Totals, add
from nmt.training.tally import Tally


class Spent(BaseModel):
    """What has gone into the updates so far; validation is not counted."""

    model_config = ConfigDict(extra="forbid")

    target_tokens: int = 0
    seconds: float = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        """One update."""
        self.target_tokens, self.seconds = self.target_tokens + tokens, self.seconds + seconds

    @property
    def tokens_per_second(self) -> float:
        """Target tokens, over all updates."""
        return self.target_tokens / max(self.seconds, 1e-9)


class SinceLog(BaseModel):
    """What the next log line averages, over the updates since the last one."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a solver that runs away reports an infinite residual

    tally: Tally = Tally()
    gradient_norm: float = 0.0
    seconds: float = 0.0
    updates: int = 0
    statistics: list[Totals] = []
    """Of the model, for each micro-batch of an update: a process has the newest of those that it computes. Kept apart,
    they add up to the same means whatever the number of processes, before and after a resumption."""

    def add(self, tally: Tally, norm: float, seconds: float) -> None:
        """One update: its tally, the length of its gradient, and how long it took."""
        self.tally, self.updates = self.tally + tally, self.updates + 1
        self.gradient_norm, self.seconds = self.gradient_norm + norm, self.seconds + seconds

    def observe(self, micro_batch: int, values: Mapping[str, float]) -> None:
        """Takes in what the model reported in one micro-batch."""
        add(self.statistics[micro_batch], values)

    @model_validator(mode="before")
    @classmethod
    def _from_before_the_tally(cls, values: object) -> object:
        """Checkpoints of earlier versions have its fields among the others, and a reward of 0 where there is none."""
        if not isinstance(values, Mapping) or "tally" in values:
            return values
        tally = {name: values[name] for name in ("loss", "likelihood", "tokens", "units") if name in values}
        figures = {"reward": values["reward"]} if values.get("reward") else {}
        return {**values, "tally": {**tally, "figures": figures}}


class Scores(BaseModel):
    """How the validations so far compare; `Selection` keeps it."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

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


class Descent(BaseModel):
    """How the validation loss has fallen, and what the schedule has made of it."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    lowest_loss: float | None = None
    """Of all validations."""
    stale_loss: int = 0
    """Validations since that one, or since the schedule last lowered its rate."""
    reductions: int = 0
    """How often validations have made the schedule lower its rate."""

    def hear(self, loss: float, schedule: ScheduleOptions) -> bool:
        """Takes in the loss of a validation; whether the schedule lowers its rate."""
        lower = self.lowest_loss is None or loss < self.lowest_loss
        self.lowest_loss, self.stale_loss = (loss, 0) if lower else (self.lowest_loss, self.stale_loss + 1)
        if not schedule.reduces(self.stale_loss, self.reductions):
            return False
        self.reductions, self.stale_loss = self.reductions + 1, 0
        return True

    def forget(self) -> None:
        """Takes no earlier loss for comparable; the rate stays as low as it is."""
        self.lowest_loss, self.stale_loss = None, 0


_PARTS: Mapping[str, type[BaseModel]] = {"spent": Spent, "scores": Scores, "descent": Descent}


class Position(BaseModel):
    """Where a training stands."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    update: int = 0
    """Updates done."""
    epoch: int = 0
    """Current epoch, from 0."""
    batch: int = 0
    """Batches of it that are done."""
    precision: str = ""
    """What `precision: auto` came to at the start; a resumed training keeps it, on any machine."""
    validated: int = 0
    """Update of the last validation."""
    kept: list[int] = []
    """Updates whose weights are on disk, oldest first, without the best one if that is older."""
    spent: Spent = Spent()
    since_log: SinceLog = SinceLog()
    concern: Concern = Concern()
    """What the model was concerned about."""
    scores: Scores = Scores()
    descent: Descent = Descent()

    def advance(self) -> None:
        """One update is done, with one batch."""
        self.update, self.batch = self.update + 1, self.batch + 1

    def begin_epoch(self) -> None:
        """The epoch's batches are all done."""
        self.epoch, self.batch = self.epoch + 1, 0

    def keep_weights(self, most: int) -> None:
        """Counts this update among those whose weights are kept, of which there are at most so many."""
        self.kept = [*self.kept, self.update][-most:]

    @model_validator(mode="before")
    @classmethod
    def _from_before_the_parts(cls, values: object) -> object:
        """Checkpoints of earlier versions have the fields of the parts among the others."""
        if not isinstance(values, Mapping):
            return values
        renewed = dict(values)
        for part, fields in _PARTS.items():
            found = {name: renewed.pop(name) for name in fields.model_fields if name in renewed}
            if found:
                renewed[part] = found
        return renewed
