"""Settings of the searches. Does not import torch, to keep `nmt translate --help` fast."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nmt.options import BeamWidth, Count, Length, LengthFactor, NonNegativeFloat, Options, PositiveFloat, Seed

LengthNormalization = Literal["gnmt", "power"]


class BeamSearch(Options):
    """Settings of beam search."""

    distinct: ClassVar[bool] = True
    """Whether a line's alternatives with the same text count as one."""

    kind: Literal["beam"] = "beam"
    """The kind of search."""
    beam: BeamWidth = 5
    """Live hypotheses per sentence; 1 is greedy search."""
    length_penalty: Annotated[float, Field(ge=0, le=100)] = 0.6
    """Alpha of the length normalisation; 0 ranks by plain log-probability, which favours short output."""
    coverage_penalty: NonNegativeFloat = 0.0
    """Beta of the coverage penalty, which penalises source words that received little attention; 0 turns it off."""
    length_normalization: LengthNormalization = "gnmt"
    """Divisor of the log-probability: "gnmt" is ((5 + length) / 6) ** alpha, "power" is length ** alpha."""
    token_margin: PositiveFloat | None = None
    """GNMT's first pruning: drop continuations whose token has a log-probability this far below that of the
    hypothesis's best token; the paper uses 3. None turns it off."""
    finished_margin: PositiveFloat | None = None
    """GNMT's second pruning: drop hypotheses that end, or can only end, with a score this far below the
    sentence's best one; the paper uses 3. None turns it off."""
    early_stopping: bool = False
    """End a sentence when `beam` of its hypotheses have finished, as fairseq does, even if a live one might still be
    better; false searches until none can be. No difference with beam 1."""
    stop_at_current_length: bool = False
    """End a sentence when `beam` of its hypotheses have finished and the best live one, if it ended now, would not beat
    the worst of them, as Hugging Face's transformers does, even if its score might still improve with length. No
    difference with beam 1."""
    min_length: Length = 0
    """Minimum number of tokens in a translation; fairseq uses one. The maximum below takes precedence."""
    max_length_factor: LengthFactor = 2.0
    """Maximum number of tokens in a translation, per source token; `max_length_offset` is added."""
    max_length_offset: Length = 10
    """Tokens allowed on top of `max_length_factor` times the source length."""
    free_end_at_limit: bool = False
    """Treat the end of a translation that reaches the maximum length as certain, as Hugging Face's
    `forced_eos_token_id` does; false counts its probability."""
    n_best: BeamWidth = 1
    """Translations returned per sentence, at most `beam`."""

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.n_best > self.beam:
            raise ValueError(f"n_best {self.n_best} needs a beam of at least {self.n_best}, but beam is {self.beam}")
        if self.early_stopping and self.stop_at_current_length:
            raise ValueError("stop_at_current_length has no effect with early_stopping, which ends a sentence sooner")
        return self


class Sampling(Options):
    """Settings of ancestral sampling: translations drawn at random, as for back-translation."""

    distinct: ClassVar[bool] = False

    kind: Literal["sampling"] = "sampling"
    """The kind of search."""
    seed: Seed = 1
    """Seed. The random numbers depend on it and the source sentence alone, so a sentence always gets the same
    translation, unless a number falls on the border between two tokens, whose probabilities may round differently in
    another batch."""
    temperature: PositiveFloat = 1.0
    """Draw from P ** (1 / temperature): below 1 favours probable tokens, above 1 gives more variety."""
    top_k: Count = 0
    """Draw among this many most probable tokens; 0 for all."""
    max_length_factor: LengthFactor = 2.0
    """Maximum number of tokens in a translation, per source token; `max_length_offset` is added."""
    max_length_offset: Length = 10
    """Tokens allowed on top of `max_length_factor` times the source length."""
    n_best: Annotated[int, Field(gt=0, le=100_000)] = 1
    """Samples returned per sentence, in the order drawn."""


SearchConfig = Annotated[BeamSearch | Sampling, Field(discriminator="kind")]
"""All searches; to add one, add its class here and in `nmt.search.dispatch`."""
