"""The recipe's `training` section."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nmt.evaluation.measures import MeasureName
from nmt.options import Count, Effect, InputPath, NonNegativeFloat, Options, Probability, Seed, Size
from nmt.training.gradients import Clip, GradientConfig
from nmt.training.objectives import Likelihood, ObjectiveConfig, Refinement
from nmt.training.optimizer import Adam, OptimizerConfig
from nmt.training.precision import TrainingPrecision
from nmt.training.schedule import InverseSquareRoot, Schedule

BestBy = Literal["loss", MeasureName]


class Training(Options):
    """How the network learns, and for how long."""

    updates: Annotated[Size, Effect.EXTENT] = 100_000
    """Most updates of the weights."""
    batch_tokens: Size = 4096
    """Size of an update's batch: sentences times the longest of them on either side, in pieces; over all processes."""
    micro_batches: Annotated[int, Field(gt=0, le=10_000)] = 2
    """Parts that an update's batch is cut into. Their gradients are added up, so fewer tokens are in memory
    at once, and they are dealt out to the processes; the result depends on this number; that of the processes
    only changes the order of the sum, and so the last bits."""
    processes: Annotated[int, Field(ge=0, le=1024), Effect.NOTHING] = 0
    """Processes on this machine, each with one thread on a CPU; must divide micro_batches. 0: one per CPU core as far
    as micro_batches allows, one on a GPU. Under torchrun it has no effect."""
    device: Annotated[Literal["auto", "cpu", "cuda"], Effect.NOTHING] = "auto"
    """Where to compute; auto takes a GPU where there is one."""
    precision: TrainingPrecision = "auto"
    """Numbers of the matrix products; weights and sums are fp32 always. auto: bf16 where the processor has instructions
    for it, which is several times faster, else fp32."""
    objective: ObjectiveConfig = Likelihood()
    """What is minimised."""
    gradient: GradientConfig = Clip()
    """What becomes of an update's gradient before the optimiser takes it."""
    optimizer: OptimizerConfig = Adam()
    """How gradients become updates."""
    schedule: Schedule = InverseSquareRoot()
    """How the learning rate changes."""
    label_smoothing: Probability = 0.1
    """Probability mass that the loss takes from the reference token and spreads over the others."""
    clip_norm: NonNegativeFloat | None = None
    """Short for `gradient: {kind: clip, norm: ...}`: longest gradient over all parameters; 0 for any. null leaves the
    choice to `gradient`."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average of the weights, which then is what validates, is kept and becomes the
    model; 0.999 is usual, 0 for none. It costs one more copy of the weights in memory."""
    start_from: Annotated[InputPath | None, Effect.CONTENT] = None
    """Model directory, or folder of a run, whose weights training starts from, for fine-tuning; `model`, `tokenizer`
    and `search` come from it too where the recipe leaves them out. A relative path is looked for in the recipe's
    folder, then in the current one. null for random weights."""
    freeze: tuple[str, ...] = ()
    """Parts of the model that keep the weights they start with, by name: source_embedding, encoder, decoder.0, … as
    `nmt recipe check` lists them."""
    refine: Refinement | None = None
    """Short for `objective: {kind: refinement, ...}`: refinement by reinforcement instead of plain likelihood, for a
    model that is trained already (`start_from`). null leaves the choice to `objective`."""
    max_length: Size = 1024
    """Longest sentence that is trained on, in pieces on either side; longer pairs are left out and counted."""
    seed: Seed = 1
    """Of the initial weights, the order of the data and all random draws."""
    validate_every: Annotated[Size, Effect.NOTHING] = 500
    """Updates between validations, which also write weights to choose and average from. It shapes the weights only
    where the schedule listens to validations (`plateau`)."""
    patience: Annotated[Count, Effect.EXTENT] = 0
    """Validations without a better score after which training ends; 0 for never."""
    best_by: Annotated[BestBy, Effect.CHOICE] = "bleu"
    """What tells the best weights: a measure of the validation set, by the recipe's search where it reads translations,
    or the loss. Of equal scores, as where BLEU is 0 throughout, the lower loss is better."""
    average_checkpoints: Annotated[Size, Effect.CHOICE] = 8
    """How many of the newest validated weights are averaged at the end; the average becomes the model if it validates
    better than the best single ones. 1 for no averaging."""
    save_every: Annotated[Size, Effect.NOTHING] = 500
    """Updates between checkpoints to resume from; a signal (Ctrl-C, SIGTERM) also writes one."""
    log_every: Annotated[Size, Effect.NOTHING] = 50
    """Updates between log lines and TensorBoard points."""
    max_bad_updates: Annotated[Size, Effect.NOTHING] = 10
    """Updates in a row whose gradient may be infinite or not a number; such an update is skipped."""

    @model_validator(mode="after")
    def _write_out(self) -> Self:
        """What has a short form is in its long one from here on, so that nobody else needs to know of two."""
        if self.refine is not None:
            self._choose("refine", "objective", self.refine)
        if self.clip_norm is not None:
            self._choose("clip_norm", "gradient", Clip(norm=self.clip_norm))
        return self

    def _choose(self, short: str, long: str, meant: Options) -> None:
        if long in self.model_fields_set and getattr(self, long) != meant:
            raise ValueError(f"{short} and {long} say different things: keep one of them")
        self.__dict__.update({short: None, long: meant})  # this is the frozen object's own validator
