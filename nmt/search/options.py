"""Settings of the searches. Imports no torch, so that `nmt translate --help` answers at once."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nmt.options import BeamWidth, Count, Length, LengthFactor, NonNegativeFloat, Options, PositiveFloat, Seed

LengthNormalization = Literal["gnmt", "power"]


class BeamSearch(Options):
    """Settings of beam search."""

    distinct: ClassVar[bool] = True
    """Whether a line's alternatives are told apart by their text."""

    kind: Literal["beam"] = "beam"
    """Which search."""
    beam: BeamWidth = 5
    """Live hypotheses per sentence; 1 is greedy search."""
    length_penalty: Annotated[float, Field(ge=0, le=100)] = 0.6
    """Alpha of the length normalisation; 0 ranks by plain log-probability, which favours short output."""
    coverage_penalty: NonNegativeFloat = 0.0
    """Beta of the coverage penalty, which punishes source words that received little attention; 0 is off."""
    length_normalization: LengthNormalization = "gnmt"
    """What divides the log-probability: "gnmt" ((5 + length) / 6) ** alpha, or "power" length ** alpha."""
    token_margin: PositiveFloat | None = None
    """GNMT's first pruning: drop continuations whose token is this much (in log-probability) below its
    hypothesis's best token; the paper has 3. None is off."""
    finished_margin: PositiveFloat | None = None
    """GNMT's second pruning: drop hypotheses that end, or can only end, with a score this far below the
    sentence's best one; the paper has 3. None is off."""
    early_stopping: bool = False
    """End a sentence when `beam` of its hypotheses have finished, as fairseq does, although a live one might still be
    better; false searches until none can. With beam 1 both are the same."""
    stop_at_current_length: bool = False
    """End a sentence when `beam` of its hypotheses have finished and the best live one, if it ended at its present
    length, would be no better than the worst of them, as Hugging Face's transformers does, although it might still
    grow better with length. With beam 1 there is no difference."""
    min_length: Length = 0
    """A translation has at least this many tokens; fairseq's has one. Where the limit below is less, that holds."""
    max_length_factor: LengthFactor = 2.0
    """A translation has at most this many tokens per source token, plus `max_length_offset`."""
    max_length_offset: Length = 10
    """Tokens allowed on top of `max_length_factor` times the source length."""
    free_end_at_limit: bool = False
    """Count the end of a translation that reaches the limit as certain, as Hugging Face's `forced_eos_token_id` does;
    false counts its probability."""
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
    """Settings of ancestral sampling: translations drawn at random, as back-translation wants them."""

    distinct: ClassVar[bool] = False

    kind: Literal["sampling"] = "sampling"
    """Which search."""
    seed: Seed = 1
    """The random numbers follow from this and the source sentence alone: the same sentence twice gets the same
    translation twice, except where a number falls on the border of two tokens, whose probabilities may round otherwise
    in another batch."""
    temperature: PositiveFloat = 1.0
    """Draws from P ** (1 / temperature): below 1 more probable tokens, above 1 more varied ones."""
    top_k: Count = 0
    """Draws among that many most probable tokens; 0 for all."""
    max_length_factor: LengthFactor = 2.0
    """A translation has at most this many tokens per source token, plus `max_length_offset`."""
    max_length_offset: Length = 10
    """Tokens allowed on top of `max_length_factor` times the source length."""
    n_best: Annotated[int, Field(gt=0, le=100_000)] = 1
    """Samples returned per sentence, in the order in which they were drawn."""


SearchConfig = Annotated[BeamSearch | Sampling, Field(discriminator="kind")]
"""Every search there is: a new one joins with its class in this line, and in `nmt.search.dispatch`."""
