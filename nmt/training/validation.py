"""Validation: loss and measures on held-out text, translated with the recipe's search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from nmt.data.batch import batches_by_length, collate
from nmt.data.context import documents_of
from nmt.data.store import PairStore
from nmt.evaluation.measure import Measure, Outcome, TokenTotals
from nmt.evaluation.measures import MEASURES, OF_VALIDATION, MeasureName, worded
from nmt.evaluation.perplexity import perplexity
from nmt.models.base import EncoderDecoder
from nmt.training.distributed import World
from nmt.training.log import WEIGHTS, Sample, Validated
from nmt.training.statistics import Totals, add, means, numbers


@dataclass(frozen=True)
class ValidationSet:
    """The validation text and settings; the search is passed as a function, so training does not depend on it."""

    store: PairStore
    """The pairs as ids."""
    sources: Sequence[str]
    references: Sequence[str]
    translate: Callable[[EncoderDecoder[Any, Any], Sequence[str]], Iterable[str]]
    """Translates lines, in order; not called if no measure reads translations."""
    measures: Mapping[MeasureName, Measure] = field(default_factory=lambda: chosen_measures(OF_VALIDATION))
    """Measures to compute besides the loss."""
    tokenizer: str = "13a"
    """sacrebleu's name of the tokenizer that splits text into words."""
    batch_tokens: int = 4096
    """Tokens on the longer side of a batch for the loss, padding and EOS included."""
    samples: int = 3
    """Number of sample translations in each validation."""
    documents: bool = False
    """Whether `translate` reads whole documents, which blank lines separate."""

    @property
    def translates(self) -> bool:
        """Whether any measure reads translations."""
        return any(measure.reads == "text" for measure in self.measures.values())


def chosen_measures(names: Iterable[MeasureName]) -> dict[MeasureName, Measure]:
    """The measures of these names, in their order, each once."""
    return {name: MEASURES[name] for name in names}


@dataclass(frozen=True)
class Validation:
    """The result of a validation."""

    loss: float
    """Unsmoothed, per target token, natural logarithm."""
    measures: Mapping[MeasureName, float]
    samples: tuple[Sample, ...]
    statistics: Mapping[str, float]
    """Statistics reported by the model, with the references as targets."""

    def worded(self) -> str:
        """Perplexity and measures as text for a log line."""
        return worded({"perplexity": perplexity(self.loss), **self.measures})

    def event(self, update: int, *, best: bool, what: str = WEIGHTS) -> Validated:
        """The event for the log."""
        return Validated(
            update,
            self.loss,
            perplexity(self.loss),
            self.measures,
            best,
            self.samples,
            what,
            self.statistics,
        )


class _Watched:
    """Reports the completed share of a validation.

    Args:
        watch: called with the share, 0 to 1.
        pairs: total work: each pair counts once for its loss and once for its translation.
    """

    def __init__(self, watch: Callable[[float], None], pairs: int) -> None:
        self._watch, self._done, self._all = watch, 0, pairs

    def add(self, pairs: int) -> None:
        self._done += pairs
        self._watch(min(self._done / max(self._all, 1), 1.0))


def _unwatched(share: float) -> None:
    """Ignores the progress."""


def validate(
    model: EncoderDecoder[Any, Any],
    data: ValidationSet,
    world: World,
    watch: Callable[[float], None] = _unwatched,
) -> Validation:
    """Computes loss, measures and sample translations, divided over the processes; all of them get the result.

    Args:
        model: in training or evaluation mode, which is restored.
        data: the validation set.
        world: the processes, all of which must call this.
        watch: called from time to time with the completed share, 0 to 1.
    """
    training = model.training
    model.eval()
    documents = list(documents_of(data.sources)) if data.documents else [[line] for line in data.sources]
    shared = world.share(documents)
    sources = [line for document in shared for line in document]
    watched = _Watched(watch, len(sources) * (2 if data.translates else 1))
    totals, statistics = _teacher_forced(model, data, world, watched)
    translated = []
    for line in data.translate(model, sources) if data.translates else ():
        translated.append(line)
        watched.add(1)
    found = iter(translated)
    gathered = world.gather([[next(found) for _ in document] for document in shared] if translated else [])
    hypotheses = [line for document in gathered for line in document]
    model.train(training)
    samples = zip(data.sources, data.references, hypotheses, strict=data.translates)
    shown = tuple(Sample(*sample) for sample, _ in zip(samples, range(data.samples), strict=False))
    outcome = Outcome(hypotheses, [data.references], data.tokenizer, totals)
    measures = {
        name: measure.score(outcome).value if measure.reads == "tokens" or hypotheses else 0.0
        for name, measure in data.measures.items()
    }
    return Validation(-totals.log_probability / totals.tokens, measures, shown, statistics)


@torch.no_grad()
def _teacher_forced(
    model: EncoderDecoder[Any, Any], data: ValidationSet, world: World, watched: _Watched
) -> tuple[TokenTotals, dict[str, float]]:
    """Token totals of the references under teacher forcing, and the statistics reported by the model."""
    store, observed = data.store, list[Totals]()
    totals = torch.zeros(3, dtype=torch.float64)
    lengths = [max(len(store.source(i)), len(store.target(i))) for i in range(len(store))]
    for pairs in world.share(list(batches_by_length(lengths, data.batch_tokens))):
        batch = collate([store.source(i) for i in pairs], [store.target(i) for i in pairs]).to(world.device)
        output = model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask))
        found = output.predictions.loss(batch.target_output, batch.target_mask, 0.0)
        totals[0] += found.likelihood.double().cpu()
        totals[1] += batch.target_tokens
        totals[2] += ((output.predictions.most_probable() == batch.target_output) & batch.target_mask).sum().cpu()
        observed.append({})
        add(observed[-1], numbers({**output.statistics, **output.penalties}))
        watched.add(len(pairs))
    totals = totals.to(world.device)
    world.sum(totals)
    loss, tokens, correct = totals.tolist()
    sums = TokenTotals(int(tokens), int(correct), -loss).with_text(data.references)
    return sums, means(world.gather(observed))
