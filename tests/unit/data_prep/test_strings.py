"""The automata of Tomita's grammars against their definitions, and strings drawn from automata."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from data_prep.synthetic.base import verdict
from data_prep.synthetic.strings import count_strings, draw_string
from data_prep.synthetic.tomita import GRAMMARS
from nmt.automata.automaton import Automaton

STRINGS = ["".join(bits) for length in range(11) for bits in product("01", repeat=length)]
EVEN_ONES = Automaton(("0", "1"), ((0, 1), (1, 0)), ("accept", "reject"))


def odd_zeros_after_odd_ones(string: str) -> bool:
    runs = [run.group() for run in re.finditer("0+|1+", string)]
    return any(
        one[0] == "1" and len(one) % 2 == 1 and zero[0] == "0" and len(zero) % 2 == 1
        for number, one in enumerate(runs)
        for zero in runs[number:]
    )


DEFINITIONS: dict[int, Callable[[str], bool]] = {
    1: lambda string: "0" not in string,
    2: lambda string: string == "10" * (len(string) // 2),
    3: lambda string: not odd_zeros_after_odd_ones(string),
    4: lambda string: "000" not in string,
    5: lambda string: string.count("0") % 2 == string.count("1") % 2 == 0,
    6: lambda string: (string.count("1") - string.count("0")) % 3 == 0,
    7: lambda string: re.fullmatch("0*1*0*1*", string) is not None,
}


@pytest.mark.parametrize("grammar", sorted(GRAMMARS))
def test_an_automaton_agrees_with_the_definition_of_its_grammar(grammar: int) -> None:
    assert [s for s in STRINGS if GRAMMARS[grammar].answer(s) != verdict(DEFINITIONS[grammar](s))[0]] == []


@pytest.mark.parametrize("grammar", sorted(GRAMMARS))
def test_no_smaller_automaton_has_the_same_language(grammar: int) -> None:
    """Each state is reached, and any two are told apart by some continuation."""
    automaton, accepts = GRAMMARS[grammar], DEFINITIONS[grammar]
    short = [s for s in STRINGS if len(s) <= 5]
    behaviours = {tuple(accepts(start + rest) for rest in short) for start in short}
    assert len(behaviours) == len(automaton)


def test_symbols_that_are_not_in_the_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match="not in the alphabet"):
        EVEN_ONES.answer("012")


@pytest.mark.parametrize("grammar", sorted(GRAMMARS))
@pytest.mark.parametrize("accepted", [True, False])
def test_strings_are_counted(grammar: int, accepted: bool) -> None:
    of_length = [s for s in STRINGS if len(s) == 7]
    expected = sum(DEFINITIONS[grammar](s) == accepted for s in of_length)
    assert count_strings(GRAMMARS[grammar], 7, *verdict(accepted)) == expected


def test_strings_are_drawn_uniformly() -> None:
    random = Random(1)
    drawn = Counter("".join(draw_string(random, EVEN_ONES, 4, "reject")) for _ in range(4000))
    assert set(drawn) == {s for s in STRINGS if len(s) == 4 and s.count("1") % 2}
    assert all(400 < count < 600 for count in drawn.values())
