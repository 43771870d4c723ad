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
    """How and for how long the network is trained."""

    updates: Annotated[Size, Effect.EXTENT] = 100_000
    """Maximum number of updates of the weights."""
    batch_tokens: Size = 4096
    """Size of an update's batch over all processes: number of sentences times the longest on either side, in pieces."""
    micro_batches: Annotated[int, Field(gt=0, le=10_000)] = 2
    """Number of parts that an update's batch is split into. Their gradients are summed, which saves memory, and they
    are distributed over the processes. The result depends on this number; the number of processes only changes the
    order of summation, and so the last bits."""
    processes: Annotated[int, Field(ge=0, le=1024), Effect.NOTHING] = 0
    """Processes on this machine, each with one thread on a CPU; must divide micro_batches. 0: one per CPU core as far
    as micro_batches allows, one on a GPU. Has no effect under torchrun."""
    device: Annotated[Literal["auto", "cpu", "cuda"], Effect.NOTHING] = "auto"
    """Device to compute on; auto uses a GPU if there is one."""
    precision: TrainingPrecision = "auto"
    """Number format of matrix products; weights and sums are always fp32. auto: bf16 if the processor has instructions
    for it, which is several times faster, else fp32."""
    objective: ObjectiveConfig = Likelihood()
    """Quantity that training minimises."""
    gradient: GradientConfig = Clip()
    """Transformation of an update's gradient before the optimiser step."""
    optimizer: OptimizerConfig = Adam()
    """Optimiser."""
    schedule: Schedule = InverseSquareRoot()
    """Learning-rate schedule."""
    label_smoothing: Probability = 0.1
    """Probability mass that the loss moves from the reference token to the other tokens."""
    clip_norm: NonNegativeFloat | None = None
    """Short for `gradient: {kind: clip, norm: ...}`: largest norm of the gradient over all parameters; 0 for no limit.
    null uses `gradient`."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average of the weights, which is then validated, saved and used as the model;
    0.999 is usual, 0 for none. Needs memory for another copy of the weights."""
    start_from: Annotated[InputPath | None, Effect.CONTENT] = None
    """Model directory or run folder with the initial weights, for fine-tuning; `model`, `tokenizer` and `search` also
    come from it unless the recipe sets them. A relative path is looked up in the recipe's folder, then in the current
    one. null for random weights."""
    freeze: tuple[str, ...] = ()
    """Parts of the model whose weights are not trained, by name: source_embedding, encoder, decoder.0, … as listed by
    `nmt recipe check`."""
    refine: Refinement | None = None
    """Short for `objective: {kind: refinement, ...}`: refinement by reinforcement learning instead of plain likelihood,
    for a model that is already trained (`start_from`). null uses `objective`."""
    max_length: Size = 1024
    """Longest sentence to train on, in pieces on either side; longer pairs are left out and counted."""
    pool_pairs: Size = 100_000
    """Number of pairs that are drawn together, sorted by length and cut into batches. The many of the default keep
    padding low; as few as one batch has mix short and long sentences in every update."""
    seed: Seed = 1
    """Random seed of the initial weights, the order of the data and all random draws."""
    validate_every: Annotated[Size, Effect.NOTHING] = 500
    """Updates between validations, each of which also saves weights to choose and average from. Affects the weights
    only if the schedule depends on validations (`plateau`)."""
    patience: Annotated[Count, Effect.EXTENT] = 0
    """Training ends after this many validations without a better score; 0 for never."""
    best_by: Annotated[BestBy, Effect.CHOICE] = "bleu"
    """Criterion for the best weights: a measure on the validation set, translated with the recipe's search if needed,
    or the loss. Ties, such as a BLEU of 0 throughout, are decided by the lower loss."""
    average_checkpoints: Annotated[Size, Effect.CHOICE] = 8
    """Number of the newest validated weights that are averaged at the end; the average becomes the model if it
    validates better than the best single weights. 1 for no averaging."""
    save_every: Annotated[Size, Effect.NOTHING] = 500
    """Updates between checkpoints to resume from; a signal (Ctrl-C, SIGTERM) also writes one."""
    log_every: Annotated[Size, Effect.NOTHING] = 50
    """Updates between log lines and TensorBoard points."""
    max_bad_updates: Annotated[Size, Effect.NOTHING] = 10
    """Most consecutive updates with an infinite or NaN gradient; such updates are skipped."""

    @model_validator(mode="after")
    def _write_out(self) -> Self:
        """Replaces short forms by their long ones, so no other code needs to handle both."""
        if self.refine is not None:
            self._choose("refine", "objective", self.refine)
        if self.clip_norm is not None:
            self._choose("clip_norm", "gradient", Clip(norm=self.clip_norm))
        return self

    def _choose(self, short: str, long: str, meant: Options) -> None:
        if long in self.model_fields_set and getattr(self, long) != meant:
            raise ValueError(f"{short} and {long} contradict each other: remove one of them")
        self.__dict__.update({short: None, long: meant})  # this is the frozen object's own validator
