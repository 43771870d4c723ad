"""Automata: what minimal and equivalent mean, on random ones."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.automata.automaton import Automaton

SYMBOLS = ("a", "b")


@st.composite
def automata(draw: st.DrawFn, most: int = 6) -> Automaton:
    count = draw(st.integers(1, most))
    states = st.integers(0, count - 1)
    rows = draw(st.lists(st.tuples(states, states), min_size=count, max_size=count))
    outputs = draw(st.lists(st.sampled_from("xyz"), min_size=count, max_size=count))
    return Automaton(SYMBOLS, tuple(rows), tuple(outputs), draw(states))


def strings(longest: int) -> list[tuple[str, ...]]:
    """All of them, shorter ones first."""
    return [string for length in range(longest + 1) for string in product(SYMBOLS, repeat=length)]


def answers(automaton: Automaton, longest: int) -> list[str]:
    return [automaton.answer(string) for string in strings(longest)]


def shuffled(automaton: Automaton, seed: int) -> Automaton:
    """The same automaton with its states in another order, and one that is never reached."""
    order = random.Random(seed).sample(range(len(automaton)), len(automaton))
    rows: list[tuple[int, ...]] = [()] * len(automaton)
    outputs = [""] * len(automaton)
    for state, number in enumerate(order):
        rows[number] = tuple(order[after] for after in automaton.successors[state])
        outputs[number] = automaton.outputs[state]
    return Automaton(automaton.symbols, (*rows, (0, 0)), (*outputs, "never"), order[automaton.start])


@given(automata())
def test_the_minimal_automaton_gives_the_same_answers(automaton: Automaton) -> None:
    small = automaton.minimal()
    assert answers(small, 6) == answers(automaton, 6)
    assert automaton.difference(small) is None
    assert len(small) <= len(automaton)


@given(automata())
def test_the_states_of_a_minimal_automaton_are_reached_and_differ(automaton: Automaton) -> None:
    small = automaton.minimal()
    assert len({small.end(string) for string in strings(len(small) - 1)}) == len(small)
    started = [Automaton(small.symbols, small.successors, small.outputs, state) for state in range(len(small))]
    assert len({tuple(answers(each, len(small) - 1)) for each in started}) == len(small)


@given(automata(), st.integers(0, 9))
def test_minimal_automata_are_equal_if_the_answers_are(automaton: Automaton, seed: int) -> None:
    assert shuffled(automaton, seed).minimal() == automaton.minimal()
    assert automaton.minimal().minimal() == automaton.minimal()


@given(automata(4), automata(4))
def test_a_difference_is_the_first_shortest_string_with_other_answers(one: Automaton, other: Automaton) -> None:
    # two automata of m and n states that differ do so on a string shorter than m + n
    expected = next((string for string in strings(7) if one.answer(string) != other.answer(string)), None)
    assert one.difference(other) == expected
    assert (one.minimal() == other.minimal()) == (expected is None)


def test_alphabets_may_be_in_another_order() -> None:
    one = Automaton(("a", "b"), ((1, 0), (1, 1)), ("no", "yes"))
    assert one.difference(Automaton(("b", "a"), ((0, 1), (1, 1)), ("no", "yes"))) is None
    assert one.difference(Automaton(("b", "a"), ((1, 0), (1, 1)), ("no", "yes"))) == ("a",)
    with pytest.raises(ValueError, match="alphabets differ"):
        one.difference(Automaton(("a",), ((0,),), ("no",)))


@pytest.mark.parametrize(
    ("symbols", "successors", "outputs", "start"),
    [
        (("a", "a"), ((0, 0),), ("x",), 0),
        (("a",), ((0, 0),), ("x",), 0),
        (("a",), ((0,), (0,)), ("x",), 0),
        (("a",), ((1,),), ("x",), 0),
        (("a",), ((0,),), ("x",), 1),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    symbols: tuple[str, ...], successors: tuple[tuple[int, ...], ...], outputs: tuple[str, ...], start: int
) -> None:
    with pytest.raises(ValueError, match=r"alphabet|successors|states"):
        Automaton(symbols, successors, outputs, start)


def test_a_symbol_outside_the_alphabet_is_refused() -> None:
    with pytest.raises(ValueError, match="'c' is not in the alphabet a"):
        Automaton(("a",), ((0,),), ("x",)).answer("c")
