"""How good the model is on text that it does not train on: its loss, and BLEU by real search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nmt.data.batch import batches_by_length, collate
from nmt.data.store import PairStore
from nmt.models.base import EncoderDecoder
from nmt.training.distributed import World
from nmt.training.log import WEIGHTS, Sample, Validated
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.statistics import Totals, add, means, numbers


@dataclass(frozen=True)
class ValidationSet:
    """Text to validate on, and how; search and metric come in as functions, so training depends on neither."""

    store: PairStore
    """The pairs as ids."""
    sources: Sequence[str]
    references: Sequence[str]
    translate: Callable[[EncoderDecoder[Any, Any], Sequence[str]], Iterable[str]]
    """Lines to lines, in order."""
    score: Callable[[Sequence[str], Sequence[str]], float]
    """Hypotheses and references to BLEU."""
    gleu: Callable[[Sequence[str], Sequence[str]], float] | None = None
    """The same to GLEU, where somebody looks at it."""
    tokenizer: str = "13a"
    """How both divide text into words, by sacrebleu's name."""
    batch_tokens: int = 4096
    """Tokens of a batch's longer side when the loss is computed, padding and EOS included."""
    samples: int = 3
    """Translations shown at each validation."""


@dataclass(frozen=True)
class Validation:
    """How good a model was."""

    loss: float
    """Unsmoothed, per target token, natural logarithm."""
    bleu: float
    samples: tuple[Sample, ...]
    statistics: Mapping[str, float]
    """What the model reports of itself, with the references as targets."""
    gleu: float | None = None

    def worded(self) -> str:
        """For a person."""
        gleu = "" if self.gleu is None else f"  GLEU {self.gleu:.2f}"
        return f"perplexity {math.exp(min(self.loss, 100.0)):.2f}  BLEU {self.bleu:.2f}{gleu}"

    def event(self, update: int, *, best: bool, what: str = WEIGHTS) -> Validated:
        """For the log."""
        perplexity = math.exp(min(self.loss, 100.0))
        return Validated(update, self.loss, perplexity, self.bleu, best, self.samples, what, self.gleu, self.statistics)


class _Watched:
    """Says which share of a validation is done: each pair counts once for its loss and once for its translation."""

    def __init__(self, watch: Callable[[float], None], pairs: int) -> None:
        self._watch, self._done, self._all = watch, 0, 2 * pairs

    def add(self, pairs: int) -> None:
        self._done += pairs
        self._watch(min(self._done / max(self._all, 1), 1.0))


def _unwatched(share: float) -> None:
    """Nobody looks."""


def validate(
    model: EncoderDecoder[Any, Any],
    data: ValidationSet,
    world: World,
    watch: Callable[[float], None] = _unwatched,
) -> Validation:
    """Loss, BLEU and a few translations; the work is shared among the processes, all of which get the result.

    Args:
        model: in either mode, to which it returns.
        data: what to validate on.
        world: the processes, all of which call this.
        watch: told now and then which share is done, 0 to 1.
    """
    training = model.training
    model.eval()
    sources = world.share(data.sources)
    watched = _Watched(watch, len(sources))
    loss, statistics = _loss(model, data, world, watched)
    translated = []
    for line in data.translate(model, sources):
        translated.append(line)
        watched.add(1)
    hypotheses = world.gather(translated)
    model.train(training)
    samples = zip(data.sources, data.references, hypotheses, strict=True)
    shown = tuple(Sample(*sample) for sample, _ in zip(samples, range(data.samples), strict=False))
    gleu = data.gleu(hypotheses, data.references) if data.gleu else None
    bleu = data.score(hypotheses, data.references) if hypotheses else 0.0
    return Validation(loss, bleu, shown, statistics, gleu)


@torch.no_grad()
def _loss(
    model: EncoderDecoder[Any, Any], data: ValidationSet, world: World, watched: _Watched
) -> tuple[float, dict[str, float]]:
    store, observed = data.store, list[Totals]()
    totals = torch.zeros(2, dtype=torch.float64)
    lengths = [max(len(store.source(i)), len(store.target(i))) for i in range(len(store))]
    for pairs in world.share(list(batches_by_length(lengths, data.batch_tokens))):
        batch = collate([store.source(i) for i in pairs], [store.target(i) for i in pairs]).to(world.device)
        objective = cross_entropy(model, batch, 0.0)
        totals[0] += objective.likelihood.double().cpu()
        totals[1] += batch.target_tokens
        observed.append({})
        add(observed[-1], numbers(objective.statistics))
        watched.add(len(pairs))
    totals = totals.to(world.device)
    world.sum(totals)
    return float(totals[0] / totals[1]), means(world.gather(observed))
