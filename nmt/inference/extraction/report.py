"""The whole extraction: an automaton, its minimal form and its agreement with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.automata.automaton import Automaton
from nmt.errors import UserError
from nmt.inference.extraction.agreement import Agreement, compare
from nmt.inference.extraction.alphabet import Alphabet, Strings
from nmt.inference.extraction.extract import Extraction, Method, counted, queried
from nmt.inference.extraction.reader import SymbolReader
from nmt.inference.extraction.strings import chosen_strings


@dataclass(frozen=True)
class Report:
    """An extracted automaton and how well it describes its model."""

    method: Method
    """How it was extracted."""
    centroids: int
    """Centroids of the cell."""
    extraction: Extraction
    """The automaton as extracted."""
    minimal: Automaton
    """Its minimal form."""
    agreement: Agreement
    """Its agreement with the model."""

    @property
    def transitions(self) -> int:
        """Transitions of the minimal automaton."""
        return len(self.minimal) * len(self.minimal.symbols)

    def values(self) -> dict[str, Any]:
        """The report as plain values."""
        agreement, minimal = self.agreement, self.minimal
        right = agreement.right
        return {
            "method": self.method,
            "symbols": list(minimal.symbols),
            "centroids": self.centroids,
            "used_centroids": agreement.used_centroids,
            "usage_entropy_bits": agreement.usage_entropy,
            "mean_largest_weight": agreement.mean_largest_weight,
            "states_reached": len(self.extraction.automaton),
            "states": len(minimal),
            "transitions": self.transitions,
            "unseen_transitions": self.extraction.unseen,
            "strings": agreement.strings,
            "equal_answers": agreement.equal,
            "equal_answers_by_answer": {
                answer: {"equal": equal, "strings": strings} for answer, (equal, strings) in agreement.by_answer.items()
            },
            "right_answers": None if right is None else {"model": right[0], "automaton": right[1]},
            "automaton": {
                "start": minimal.start,
                "states": [
                    {"output": output, "next": dict(zip(minimal.symbols, row, strict=True))}
                    for output, row in zip(minimal.outputs, minimal.successors, strict=True)
                ],
            },
        }


def extracted(reader: SymbolReader, alphabet: Alphabet, method: Method, given: Strings | None, seed: int) -> Report:
    """Extracts an automaton and compares it with its model.

    Args:
        reader: the model.
        alphabet: the symbols.
        method: see `nmt.inference.extraction.extract`.
        given: strings to count and compare on; None: chosen ones, of which the random ones that are compared are not
            those that are counted.
        seed: for the chosen ones.

    Raises:
        UserError: the method does not fit the cell.
    """
    if method == "query" and reader.has_memory:
        raise UserError(
            "--method",
            "count, since this model's cell carries more than its output, as the memory of an LSTM",
            method,
            "What it carries besides is no part of an automaton's states, so a state alone has no successor.",
        )
    sets: tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]
    if given is None:
        sets = chosen_strings(alphabet.symbols, seed), chosen_strings(alphabet.symbols, seed + 1)
    else:
        sets = given.strings, given.strings
    extraction = queried(reader, alphabet) if method == "query" else counted(reader, alphabet, sets[0])
    minimal = extraction.automaton.minimal()
    agreement = compare(reader, minimal, alphabet, sets[1], None if given is None else given.answers)
    return Report(method, len(reader.cell.centroids), extraction, minimal, agreement)
