"""The agreement of an automaton with the model that it was extracted from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from nmt.automata.automaton import Automaton
from nmt.inference.extraction.alphabet import Alphabet
from nmt.inference.extraction.reader import SymbolReader


@dataclass(frozen=True)
class Agreement:
    """The answers of model and automaton to the same strings."""

    strings: int
    """Number of strings."""
    equal: int
    """Strings that both answer alike."""
    by_answer: Mapping[str, tuple[int, int]]
    """By answer of the model: equal answers, and strings."""
    right: tuple[int, int] | None
    """Right answers of the model and of the automaton, if the right ones are known."""
    mean_largest_weight: float
    """Mean over all symbols of the largest weight of a centroid; an automaton is faithful if it is near 1."""
    used_centroids: int
    """Centroids that have the largest weight at some symbol."""
    usage_entropy: float
    """Entropy, in bits, of the distribution of those centroids."""


def compare(
    reader: SymbolReader,
    automaton: Automaton,
    alphabet: Alphabet,
    strings: Sequence[Sequence[int]],
    labels: Sequence[str] | None = None,
) -> Agreement:
    """Compares an automaton with a model on strings.

    Args:
        reader: the model.
        automaton: the automaton.
        alphabet: its symbols.
        strings: strings of token ids.
        labels: the right answer to each.
    """
    said: list[str] = []
    usage: Counter[int] = Counter()
    weights = [torch.zeros(0)]
    for reading in reader.read_all(strings):
        said.append(alphabet.pieces[reading.answers[-1]])
        usage.update(reading.states[1:])
        weights.append(reading.weights)
    found = [automaton.answer(alphabet.pieces[symbol] for symbol in string) for string in strings]
    totals, equal = Counter(said), Counter(one for one, other in zip(said, found, strict=True) if one == other)
    symbols = usage.total()
    return Agreement(
        strings=len(strings),
        equal=equal.total(),
        by_answer={answer: (equal[answer], totals[answer]) for answer in sorted(totals)},
        right=None if labels is None else (_equal(said, labels), _equal(found, labels)),
        mean_largest_weight=float(torch.cat(weights).mean()) if symbols else math.nan,
        used_centroids=len(usage),
        usage_entropy=-sum(n / symbols * math.log2(n / symbols) for n in usage.values()),
    )


def _equal(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(left == right for left, right in zip(one, other, strict=True))
