"""Context-free languages: probabilities against all derivations, strings against recognisers, published bounds."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.synthetic import ContextFree
from data_prep.synthetic.context_free_languages import (
    Dyck,
    Hardest,
    Language,
    MarkedReversal,
    PaddedReversal,
    UnmarkedReversal,
)
from data_prep.synthetic.grammar import Grammar
from data_prep.synthetic.string_probability import Inside, symbols_by_position
from nmt.data.corpus import Yardstick
from nmt.text import read_lines

# Small means, so that all kinds of derivations are probable in short strings.
LANGUAGES: dict[str, tuple[Language, int]] = {
    "marked_reversal": (MarkedReversal(mean_length=2), 7),
    "unmarked_reversal": (UnmarkedReversal(mean_length=3), 8),
    "padded_reversal": (PaddedReversal(mean_content=1, mean_padding=2), 7),
    "dyck": (Dyck(mean_splits=0.7, mean_nesting=3), 8),
    "hardest": (Hardest(mean_commas=0.3), 8),
}
KINDS = pytest.mark.parametrize("kind", list(LANGUAGES))


@cache
def grammar(kind: str) -> Grammar:
    return Grammar("S", LANGUAGES[kind][0].rules(), 30)


@cache
def derived(kind: str) -> dict[str, float]:
    """The probability of each string up to the length of `LANGUAGES`, summed over its leftmost derivations."""
    language, longest = LANGUAGES[kind]
    rules, found = language.rules(), defaultdict[str, float](float)
    shortest = dict.fromkeys(rules, 99)
    for _ in rules:
        for left, rights in rules.items():
            shortest[left] = min(sum(shortest.get(one, 1) for one in right.split()) for right in rights)
    waiting: list[tuple[str, tuple[str, ...], float]] = [("", ("S",), 1.0)]
    while waiting:
        done, rest, probability = waiting.pop()
        while rest and rest[0] not in rules:
            done, rest = done + rest[0], rest[1:]
        if not rest:
            found[done] += probability
            continue
        total = sum(rules[rest[0]].values())
        for right, share in rules[rest[0]].items():
            after = (*right.split(), *rest[1:])
            if len(done) + sum(shortest.get(one, 1) for one in after) <= longest:
                waiting.append((done, after, probability * share / total))
    return dict(found)


@KINDS
def test_probabilities_of_strings_and_lengths_are_sums_over_derivations(kind: str) -> None:
    inside, longest = Inside(grammar(kind)), LANGUAGES[kind][1]
    by_length = [0.0] * (longest + 1)
    assert len(derived(kind)) >= 15
    for string, probability in derived(kind).items():
        by_length[len(string)] += probability
        if string:
            assert inside.log_probability(string) == pytest.approx(math.log(probability), abs=1e-9)
    assert [grammar(kind).mass(length) for length in range(longest + 1)] == pytest.approx(by_length)


@KINDS
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_strings_outside_the_language_have_no_probability(kind: str, data: st.DataObject) -> None:
    symbols = st.sampled_from([*grammar(kind).terminals, "?"])
    string = "".join(data.draw(st.lists(symbols, min_size=1, max_size=LANGUAGES[kind][1])))
    expected = derived(kind).get(string)
    assert Inside(grammar(kind)).log_probability(string) == (
        pytest.approx(math.log(expected)) if expected else -math.inf
    )


@KINDS
def test_strings_are_drawn_from_the_distribution_of_their_length(kind: str) -> None:
    random, longest, drawn = Random(3), LANGUAGES[kind][1], 3000
    length = grammar(kind).lengths(1, longest)[-1]
    counts = Counter("".join(grammar(kind).draw(random, length)) for _ in range(drawn))
    expected = {string: p / grammar(kind).mass(length) for string, p in derived(kind).items() if len(string) == length}
    assert set(counts) <= set(expected)
    for string in sorted(expected, key=lambda string: -expected[string])[:20]:
        deviation = math.sqrt(drawn * expected[string])
        assert counts[string] == pytest.approx(drawn * expected[string], abs=4.5 * deviation)


@KINDS
def test_symbols_by_position_are_sums_over_strings(kind: str) -> None:
    lengths = grammar(kind).lengths(1, LANGUAGES[kind][1])[-2:]
    found = symbols_by_position(grammar(kind), lengths)
    expected = np.zeros_like(found)
    for string, probability in derived(kind).items():
        if len(string) in lengths:
            for position, symbol in enumerate(string):
                number = lengths.index(len(string)), position, grammar(kind).terminals.index(symbol)
                expected[number] += probability / grammar(kind).mass(len(string))
    assert found == pytest.approx(expected)


# Independent ways to tell whether a string belongs to a language.


def is_dyck(string: str) -> bool:
    while (shorter := re.sub(r"\(\)|\[\]", "", string)) != string:
        string = shorter
    return not string


def is_hardest(string: str) -> bool:
    blocks = [block.split(",") for block in string.split(";")]
    joined = {"".join(choice) for choice in product(*(block[1:-1] for block in blocks[:-1]))}
    return blocks[-1] == [""] and any(re.match(r"\$.", one) and is_dyck(one[1:]) for one in joined)


RECOGNISERS: dict[str, Callable[[str], bool]] = {
    "marked_reversal": lambda string: string == string[::-1] and re.fullmatch("[01]*#[01]*", string) is not None,
    "unmarked_reversal": lambda string: string == string[::-1] and len(string) % 2 == 0,
    "padded_reversal": lambda string: string == string[::-1],
    "dyck": is_dyck,
    "hardest": is_hardest,
}


@KINDS
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 100))
def test_strings_belong_to_their_language(kind: str, seed: int, number: int) -> None:
    made = ContextFree.model_validate({"language": {"kind": kind}, "lengths": [8, 20], "test_lengths": [21, 22]})
    for split, (shortest, longest) in (("training", (8, 20)), ("test_21_22", (21, 22))):
        (line,) = made.row(Random(seed), split, number)
        assert shortest <= len(line.split()) <= longest
        assert RECOGNISERS[kind](line.replace(" ", ""))


def test_the_documented_string_of_the_hardest_language() -> None:
    for string, belongs in (("],$(,);[,),;", True), ("],$(,);[,],;", False), ("],$(,);),[,;", False)):
        assert is_hardest(string) == belongs
        assert math.isfinite(Inside(grammar("hardest")).log_probability(string)) == belongs


def test_a_nonterminal_that_derives_itself_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="no nonterminal derives itself alone"):
        Grammar("S", {"S": {"S more": 0.5, "a": 0.5}, "more": {"b": 0.5, "": 0.5}}, 5)


def test_long_strings_do_not_underflow() -> None:
    """400 symbols of eight, each probability of which is below 1e-300."""
    symbols = "abcdefgh"
    language = {"S": {**dict.fromkeys((f"{one} S" for one in symbols), 0.1), "": 0.2}}
    found = Inside(Grammar("S", language, 400)).log_probability(symbols * 50)
    assert found == pytest.approx(400 * math.log(0.1) + math.log(0.2))


def nats(yardstick: Yardstick) -> float:
    """Cross-entropy per token, the end of a string included."""
    tokens = sum(len(guess.log_probabilities) for guess in yardstick.guesses)
    return -sum(sum(guess.log_probabilities) for guess in yardstick.guesses) / tokens


def measured(folder: Path, **options: Any) -> Iterator[tuple[float, float]]:
    made = ContextFree.model_validate({"pairs": 10, "validation_pairs": 5, "test_pairs": 1, **options})
    for test in made.fetch(folder).tests.values():
        trivial, bound = made.yardsticks(test)
        yield nats(trivial), nats(bound)


def test_published_lower_bounds_of_reversals(tmp_path: Path) -> None:
    """All strings of one length are equally probable, so the bound is that of any strings."""
    (trivial, bound), _ = measured(tmp_path / "marked")
    assert (round(trivial, 4), round(bound, 5)) == (0.7195, 0.38432)
    (_, bound), _ = measured(tmp_path / "unmarked", language={"kind": "unmarked_reversal"})
    assert round(bound, 5) == 0.39080


@pytest.mark.parametrize(("kind", "trivial", "bound"), [("padded_reversal", 0.743, 0.319), ("dyck", 1.257, 0.689)])
def test_documented_yardsticks(kind: str, trivial: float, bound: float, tmp_path: Path) -> None:
    of_training_lengths, _ = measured(tmp_path, language={"kind": kind}, test_lengths=[81, 82])
    assert list(of_training_lengths) == pytest.approx([trivial, bound], abs=0.06)


def test_the_trivial_strategy_is_a_mixture_over_lengths(tmp_path: Path) -> None:
    """By hand: brackets of 2 or 4 symbols, a pair of one kind or two pairs."""
    made = ContextFree.model_validate(
        {"language": {"kind": "dyck"}, "lengths": [2, 4], "test_lengths": [5, 6], "test_pairs": 1, "pairs": 5}
    )
    short, long = made.yardsticks(made.fetch(tmp_path).tests["test_2_4"])[0].guesses
    assert len(short.answer.split()) == 2
    # an opening bracket; then a closing one, more probable if the string is short; it ends with probability p
    second = 1 / 2 + inner_closes(made) / 2
    assert short.log_probabilities == pytest.approx(
        [math.log(0.5), math.log(second / 2), math.log(0.5 / second)], abs=1e-9
    )
    assert sum(long.log_probabilities[:1]) == pytest.approx(math.log(0.5))


def inner_closes(made: ContextFree) -> float:
    """How often the second of four symbols closes: two parts side by side, rather than one inside the other."""
    splits, nests = 1 / 2, 39 / 40
    beside = splits * (1 - splits) * (1 - nests) ** 2
    within = (1 - splits) * nests * (1 - splits) * (1 - nests)
    assert made.grammar.mass(4) == pytest.approx(beside + within)
    return beside / (beside + within)


def test_test_sets_have_equally_many_strings_of_each_length_and_sets_are_reproducible(tmp_path: Path) -> None:
    options = {"lengths": [4, 9], "test_lengths": [10, 12], "pairs": 30, "validation_pairs": 9, "test_pairs": 3}
    made = ContextFree.model_validate({"language": {"kind": "padded_reversal"}, **options})
    raw, again = made.fetch(tmp_path / "one"), made.fetch(tmp_path / "two")
    assert list(raw.tests) == ["test_4_9", "test_10_12"]
    for (name, text), lengths in zip(raw.tests.items(), (range(4, 10), range(10, 13)), strict=True):
        assert Counter(len(line.split()) for line in read_lines(text.target)) == dict.fromkeys(lengths, 3)
        assert text.target.read_text() == again.tests[name].target.read_text()
    training = lines_of(raw.training[0].target)
    assert len(training) == 30
    other = ContextFree.model_validate({"language": {"kind": "padded_reversal"}, **options, "seed": 2})
    assert lines_of(other.fetch(tmp_path / "three").training[0].target) != training


def lines_of(path: Path) -> Sequence[str]:
    return list(read_lines(path))
