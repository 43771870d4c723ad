"""The position of a training: everything in a checkpoint besides its tensors."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator

from nmt.evaluation.measures import MeasureName
from nmt.training.concern import Concern
from nmt.training.schedule import ScheduleOptions
from nmt.training.statistics import Totals, add
from nmt.training.tally import Tally


class Spent(BaseModel):
    """Tokens and time spent on updates so far, without validations."""

    model_config = ConfigDict(extra="forbid")

    target_tokens: int = 0
    seconds: float = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        """Counts one update."""
        self.target_tokens, self.seconds = self.target_tokens + tokens, self.seconds + seconds

    @property
    def tokens_per_second(self) -> float:
        """Target tokens per second, over all updates."""
        return self.target_tokens / max(self.seconds, 1e-9)


class SinceLog(BaseModel):
    """Sums over the updates since the last log line, for the averages of the next one."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a diverging solver reports an infinite residual

    tally: Tally = Tally()
    gradient_norm: float = 0.0
    seconds: float = 0.0
    updates: int = 0
    statistics: list[Totals] = []
    """Statistics of the model for each micro-batch of an update; in each process, current for those it computes. Kept
    apart, they give the same means for any number of processes, also after resumption."""

    def add(self, tally: Tally, norm: float, seconds: float) -> None:
        """Counts one update: its tally, the norm of its gradient and its duration."""
        self.tally, self.updates = self.tally + tally, self.updates + 1
        self.gradient_norm, self.seconds = self.gradient_norm + norm, self.seconds + seconds

    def observe(self, micro_batch: int, values: Mapping[str, float]) -> None:
        """Adds the statistics of the model in one micro-batch."""
        add(self.statistics[micro_batch], values)

    @model_validator(mode="before")
    @classmethod
    def _from_before_the_tally(cls, values: object) -> object:
        """Moves fields of earlier versions into the tally; these recorded a reward of 0 for objectives without one."""
        if not isinstance(values, Mapping) or "tally" in values:
            return values
        tally = {name: values[name] for name in ("loss", "likelihood", "tokens", "units") if name in values}
        figures = {"reward": values["reward"]} if values.get("reward") else {}
        return {**values, "tally": {**tally, "figures": figures}}


class Scores(BaseModel):
    """A comparison of the validations so far, maintained by `Selection`."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    measure: str = ""
    """Description of the measure of `best`; empty in checkpoints of earlier versions."""
    best: float | None = None
    """Best validation score so far, larger is better."""
    best_loss: float | None = None
    """Loss of the validation with that score: if scores are equal, the lower loss is better."""
    best_bleu: float = 0.0
    """BLEU of that validation, in checkpoints of earlier versions without `best_measures`."""
    best_measures: dict[MeasureName, float] = {}
    """The measures of that validation."""
    best_update: int = 0
    """Update of that validation."""
    stale: int = 0
    """Number of validations since then."""
    newest: float | None = None
    """Score of the last validation."""
    unchanged: int = 0
    """Number of consecutive validations, up to the last one, with this score."""


class Descent(BaseModel):
    """The fall of the validation loss, and the reductions of the learning rate in response."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    lowest_loss: float | None = None
    """Lowest loss of all validations."""
    stale_loss: int = 0
    """Number of validations since that one, or since the schedule last lowered its rate."""
    reductions: int = 0
    """How often the schedule has lowered its rate because of validations."""

    def hear(self, loss: float, schedule: ScheduleOptions) -> bool:
        """Takes in the loss of a validation and returns whether the schedule lowers its rate."""
        lower = self.lowest_loss is None or loss < self.lowest_loss
        self.lowest_loss, self.stale_loss = (loss, 0) if lower else (self.lowest_loss, self.stale_loss + 1)
        if not schedule.reduces(self.stale_loss, self.reductions):
            return False
        self.reductions, self.stale_loss = self.reductions + 1, 0
        return True

    def forget(self) -> None:
        """Forgets earlier losses as no longer comparable; the rate stays reduced."""
        self.lowest_loss, self.stale_loss = None, 0


_PARTS: Mapping[str, type[BaseModel]] = {"spent": Spent, "scores": Scores, "descent": Descent}


class Position(BaseModel):
    """The state of a training besides its tensors."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    update: int = 0
    """Updates done."""
    epoch: int = 0
    """Current epoch, from 0."""
    batch: int = 0
    """Batches done in this epoch."""
    precision: str = ""
    """The choice of `precision: auto` at the start; a resumed training keeps it, on any machine."""
    validated: int = 0
    """Update of the last validation."""
    kept: list[int] = []
    """Updates whose weights are on disk, oldest first, excluding the best one if that is older."""
    spent: Spent = Spent()
    since_log: SinceLog = SinceLog()
    concern: Concern = Concern()
    """Warnings of the model."""
    scores: Scores = Scores()
    descent: Descent = Descent()

    def advance(self) -> None:
        """Counts a finished update with one batch."""
        self.update, self.batch = self.update + 1, self.batch + 1

    def begin_epoch(self) -> None:
        """Moves on to the next epoch."""
        self.epoch, self.batch = self.epoch + 1, 0

    def keep_weights(self, most: int) -> None:
        """Adds this update to those whose weights are kept, of which there are at most `most`."""
        self.kept = [*self.kept, self.update][-most:]

    @model_validator(mode="before")
    @classmethod
    def _from_before_the_parts(cls, values: object) -> object:
        """Moves fields of earlier versions, which had no parts, into their parts."""
        if not isinstance(values, Mapping):
            return values
        renewed = dict(values)
        for part, fields in _PARTS.items():
            found = {name: renewed.pop(name) for name in fields.model_fields if name in renewed}
            if found:
                renewed[part] = found
        return renewed
