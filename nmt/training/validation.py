"""How good the model is on text that it does not train on: its loss, and measures, of translations by real search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from nmt.data.batch import batches_by_length, collate
from nmt.data.store import PairStore
from nmt.evaluation.measure import Measure, Outcome, TokenTotals
from nmt.evaluation.measures import MEASURES, OF_VALIDATION, MeasureName, worded
from nmt.evaluation.perplexity import perplexity
from nmt.models.base import EncoderDecoder
from nmt.nn.loss import label_smoothed_loss
from nmt.training.distributed import World
from nmt.training.log import WEIGHTS, Sample, Validated
from nmt.training.statistics import Totals, add, means, numbers


@dataclass(frozen=True)
class ValidationSet:
    """Text to validate on, and how; the search comes in as a function, so that training does not depend on it."""

    store: PairStore
    """The pairs as ids."""
    sources: Sequence[str]
    references: Sequence[str]
    translate: Callable[[EncoderDecoder[Any, Any], Sequence[str]], Iterable[str]]
    """Lines to lines, in order; not called where no measure reads translations."""
    measures: Mapping[MeasureName, Measure] = field(default_factory=lambda: chosen_measures(OF_VALIDATION))
    """What is measured besides the loss."""
    tokenizer: str = "13a"
    """How they divide text into words, by sacrebleu's name."""
    batch_tokens: int = 4096
    """Tokens of a batch's longer side when the loss is computed, padding and EOS included."""
    samples: int = 3
    """Translations shown at each validation."""

    @property
    def translates(self) -> bool:
        """Whether a measure reads translations."""
        return any(measure.reads == "text" for measure in self.measures.values())


def chosen_measures(names: Iterable[MeasureName]) -> dict[MeasureName, Measure]:
    """The measures of these names, in their order, each once."""
    return {name: MEASURES[name] for name in names}


@dataclass(frozen=True)
class Validation:
    """How good a model was."""

    loss: float
    """Unsmoothed, per target token, natural logarithm."""
    measures: Mapping[MeasureName, float]
    samples: tuple[Sample, ...]
    statistics: Mapping[str, float]
    """What the model reports of itself, with the references as targets."""

    def worded(self) -> str:
        """For a person."""
        return worded({"perplexity": perplexity(self.loss), **self.measures})

    def event(self, update: int, *, best: bool, what: str = WEIGHTS) -> Validated:
        """For the log."""
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
    """Says which share of a validation is done.

    Args:
        watch: hears it, 0 to 1.
        pairs: what there is to do: each pair counts once for its loss and once for its translation.
    """

    def __init__(self, watch: Callable[[float], None], pairs: int) -> None:
        self._watch, self._done, self._all = watch, 0, pairs

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
    """Loss, measures and a few translations; the work is shared among the processes, all of which get the result.

    Args:
        model: in either mode, to which it returns.
        data: what to validate on.
        world: the processes, all of which call this.
        watch: told now and then which share is done, 0 to 1.
    """
    training = model.training
    model.eval()
    sources = world.share(data.sources)
    watched = _Watched(watch, len(sources) * (2 if data.translates else 1))
    totals, statistics = _teacher_forced(model, data, world, watched)
    translated = []
    for line in data.translate(model, sources) if data.translates else ():
        translated.append(line)
        watched.add(1)
    hypotheses = world.gather(translated)
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
    """What the model makes of the references, and what it reports of itself meanwhile."""
    store, observed = data.store, list[Totals]()
    totals = torch.zeros(3, dtype=torch.float64)
    lengths = [max(len(store.source(i)), len(store.target(i))) for i in range(len(store))]
    for pairs in world.share(list(batches_by_length(lengths, data.batch_tokens))):
        batch = collate([store.source(i) for i in pairs], [store.target(i) for i in pairs]).to(world.device)
        output = model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask))
        flat = batch.target_output.flatten(), batch.target_mask.flatten()
        totals[0] += label_smoothed_loss(output.logits.flatten(0, 1), *flat, 0.0).likelihood.double().cpu()
        totals[1] += batch.target_tokens
        totals[2] += ((output.logits.argmax(-1) == batch.target_output) & batch.target_mask).sum().cpu()
        observed.append({})
        add(observed[-1], numbers({**output.statistics, **output.penalties}))
        watched.add(len(pairs))
    totals = totals.to(world.device)
    world.sum(totals)
    loss, tokens, correct = totals.tolist()
    found = TokenTotals(int(tokens), int(correct), -loss).with_text(data.references)
    return found, means(world.gather(observed))
