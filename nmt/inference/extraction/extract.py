"""Two ways to extract the automaton of a model with a state-regularised cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from nmt.automata.automaton import Automaton
from nmt.inference.extraction.alphabet import Alphabet
from nmt.inference.extraction.reader import START, SymbolReader

Method = Literal["count", "query"]

Key = TypeVar("Key")

UNSEEN = "(unseen)"
"""Output of the state that stands for all transitions that no string took."""


class Extraction(NamedTuple):
    """An automaton, and what it was made of."""

    automaton: Automaton
    """Its states that some string reaches, not minimal."""
    unseen: int
    """Its transitions that no string took, to a state of its own with the output `(unseen)`."""


def queried(reader: SymbolReader, alphabet: Alphabet) -> Extraction:
    """The automaton of a cell without memory at temperature zero: the successor of each centroid on each symbol.

    Args:
        reader: the model; its cell must have no memory.
        alphabet: the symbols.
    """
    rows = reader.successors(alphabet.symbols)
    outputs = [alphabet.pieces[answer] for answer in reader.answers()]
    return Extraction(Automaton(alphabet.names, tuple(map(tuple, rows)), tuple(outputs), START).reachable(), 0)


def counted(reader: SymbolReader, alphabet: Alphabet, strings: Sequence[Sequence[int]]) -> Extraction:
    """The automaton of the most frequent transitions while a model reads strings.

    The output of a state is the model's most frequent answer to the prefixes that end there. Published is its answer to
    the centroid itself, as in `queried`; but a cell with a memory has none, and if the weights of the centroids are not
    peaked, no prefix ends in a centroid.

    Args:
        reader: the model.
        alphabet: the symbols.
        strings: strings of these symbols' token ids.
    """
    moves: Counter[tuple[tuple[int, int], int]] = Counter()
    answers: Counter[tuple[int, int]] = Counter()
    for string, reading in zip(strings, reader.read_all(strings, every_answer=True), strict=True):
        moves.update(zip(zip(reading.states, string, strict=False), reading.states[1:], strict=True))
        answers.update(zip(reading.states, reading.answers, strict=True))
    successors, output, states = _most_frequent(moves), _most_frequent(answers), 1 + len(reader.cell.centroids)
    rows = [[successors.get((state, symbol), states) for symbol in alphabet.symbols] for state in range(states)]
    rows.append([states] * len(alphabet.symbols))
    outputs = [alphabet.pieces[output[state]] if state in output else UNSEEN for state in range(states)]
    found = Automaton(alphabet.names, tuple(map(tuple, rows)), (*outputs, UNSEEN), START).reachable()
    known = [row for row, output in zip(found.successors, found.outputs, strict=True) if output != UNSEEN]
    return Extraction(found, sum(found.outputs[after] == UNSEEN for row in known for after in row))


def _most_frequent(counts: Counter[tuple[Key, int]]) -> dict[Key, int]:
    """The most frequent number of each key, the smaller of equally frequent ones."""
    ascending = sorted(counts.items(), key=lambda item: (item[1], -item[0][1]))
    return {key: number for (key, number), _ in ascending}
