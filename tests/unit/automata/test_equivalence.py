"""The script of the study of Tomita's grammars: are two automata equivalent on strings that are not empty?"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from data_prep.synthetic.tomita import GRAMMARS
from nmt.automata.automaton import Automaton

SCRIPT = Path(__file__).parents[3] / "recipes/studies/state_regularized/equivalence.py"
first_difference = runpy.run_path(str(SCRIPT))["first_difference"]


def with_new_start(automaton: Automaton, output: str) -> Automaton:
    """One that begins in a state of its own, which nothing leads back to."""
    row = automaton.successors[automaton.start]
    return replace(
        automaton,
        successors=(*automaton.successors, row),
        outputs=(*automaton.outputs, output),
        start=len(automaton),
    )


def test_only_the_answer_to_the_empty_string_may_differ() -> None:
    reference = GRAMMARS[6]
    other = with_new_start(reference, "reject")
    assert other.difference(reference) == ()
    assert first_difference(other, reference) is None


def test_the_difference_is_a_shortest_string() -> None:
    assert first_difference(GRAMMARS[4], GRAMMARS[1]) == ("0",)
    without_000 = GRAMMARS[4]
    never = replace(without_000, outputs=("accept",) * 4)
    assert first_difference(never, without_000) == ("0", "0", "0")
