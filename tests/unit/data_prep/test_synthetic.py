"""Laws of the synthetic corpora: exact answers, disjoint sets, files that are the same everywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations, product
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from data_prep import CorpusConfig
from data_prep.synthetic import (
    Adding,
    BalancedParentheses,
    CopyMemory,
    Denoise,
    ListOps,
    MarkedXor,
    Memorization,
    Palindromes,
    ParenthesisCounting,
    Questions,
    Recall,
    Tomita,
    XorAtDistance,
)
from data_prep.synthetic.base import Synthetic
from data_prep.synthetic.listops import OPERATORS
from nmt.data.clean import prepare_corpus
from nmt.data.pairs import RawCorpus, read_rows
from nmt.errors import UserError
from nmt.recipe import Recipe

Small = dict[str, Any]
SMALL: dict[str, tuple[type[Synthetic], Small]] = {
    "copy_memory": (CopyMemory, {"symbols": 5, "delay": 4}),
    "adding": (Adding, {"length": 12}),
    "denoise": (Denoise, {"symbols": 4, "length": 9}),
    "parenthesis_counting": (ParenthesisCounting, {"length": 20, "kinds": 2}),
    "tomita": (Tomita, {"lengths": (1, 14), "test_lengths": (20, 30)}),
    "balanced_parentheses": (BalancedParentheses, {"longest": 40}),
    "palindromes": (Palindromes, {"longest": 12}),
    "xor_at_distance": (XorAtDistance, {"length": 14, "distance": 5}),
    "memorization": (Memorization, {}),
    "questions": (Questions, {"facts": 3, "statements": (8, 12)}),
    "marked_xor": (MarkedXor, {"length": 15, "sets": "dissimilar"}),
    "listops": (ListOps, {"lengths": (6, 40), "depth": 5}),
    "recall": (Recall, {"blocks": 2, "block_length": 9}),
}
KINDS = pytest.mark.parametrize("kind", list(SMALL))


def corpus(kind: str, **options: Any) -> Synthetic:
    chosen, small = SMALL[kind]
    return chosen(**{"pairs": 60, "validation_pairs": 20, "test_pairs": 20, **small, **options})


def rows(raw: RawCorpus) -> dict[str, list[tuple[str, ...]]]:
    texts = {"training": raw.training[0], "validation": raw.validation, **raw.tests}
    return {name: list(read_rows(text)) for name, text in texts.items()}


# Independent ways to find the answer of a line.


def answer_of_copying(line: str) -> str:
    return " ".join(re.findall(r"\d+", line))


def answer_of_adding(line: str) -> str:
    return str(sum(int(marked) for marked in re.findall(r"(\d+)\*", line)))


def answer_of_counting(line: str) -> str:
    return " ".join(str(line.count(f"({kind}") - line.count(f"){kind}")) for kind in (1, 2))


def answer_of_grammar_4(line: str) -> str:
    return "reject" if "0 0 0" in line else "accept"


def answer_of_balance(line: str) -> str:
    left = re.sub(r"[a-z ]", "", line)
    while "()" in left:
        left = left.replace("()", "")
    return "reject" if left else "accept"


def answer_of_mirroring(line: str) -> str:
    return "accept" if line == line[::-1] else "reject"


def answer_of_xor(line: str) -> str:
    return str(sum(int(marked) for marked in re.findall(r"(\d)\*", line)) % 2)


def answer_of_memory(line: str) -> str:
    return line.split()[::-1][3]


def answer_of_a_story(line: str) -> str:
    """Where the object of the question was before the place of the question."""
    *story, question = line.removesuffix(" ?").split(" . ")
    asked, place = question.split()[3], question.split()[-1]
    journey, where, holder = list[str](), dict[str, str](), ""
    for statement in story:
        person, verb, what = statement.split()[0], statement.split()[1], statement.split()[-1]
        if verb in ("went", "walked"):
            where[person] = what
            if holder == person:
                journey.append(what)
        elif what == asked:
            holder = "" if verb in ("dropped", "left") else person
            journey = journey or [where[person]]
    assert journey.count(place) == 1
    return journey[journey.index(place) - 1]


def answer_of_expression(line: str) -> str:
    return reduced(line)[0]


def reduced(line: str) -> tuple[str, list[int]]:
    """The value of an expression, by replacing lists without lists in them by theirs; and how long the lists were."""
    lengths = list[int]()

    def value(found: re.Match[str]) -> str:
        numbers = sorted(map(int, found[2].split()))
        lengths.append(len(numbers))
        return {
            "MIN": str(numbers[0]),
            "MAX": str(numbers[-1]),
            "MED": str(int(median(numbers))),
            "SM": str(sum(numbers))[-1],
        }[found[1]]

    while "[" in line:
        line = re.sub(r"\[(\w+)((?: \d)+) \]", value, line)
    return line, lengths


def answer_of_recall(line: str) -> str:
    *_, asked = line.split()
    (value,) = re.findall(rf"\b{asked} (\d+)\b", line)
    assert isinstance(value, str)
    return value


ORACLES: dict[str, Callable[[str], str]] = {
    "copy_memory": answer_of_copying,
    "adding": answer_of_adding,
    "denoise": answer_of_copying,
    "parenthesis_counting": answer_of_counting,
    "tomita": answer_of_grammar_4,
    "balanced_parentheses": answer_of_balance,
    "palindromes": answer_of_mirroring,
    "xor_at_distance": answer_of_xor,
    "memorization": answer_of_memory,
    "questions": answer_of_a_story,
    "marked_xor": answer_of_xor,
    "listops": answer_of_expression,
    "recall": answer_of_recall,
}


@KINDS
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 10**6), choice=st.integers(0, 100))
def test_answers_are_right(kind: str, seed: int, number: int, choice: int) -> None:
    made = corpus(kind)
    splits = "training", "validation", *made.test_sets
    example = made.example(Random(seed), splits[choice % len(splits)], number)
    assert " ".join(example.answer) == ORACLES[kind](" ".join(example.source))
    assert len(example.answer) == len(made.blind())


@KINDS
def test_sets_are_as_large_as_asked_and_their_inputs_differ(kind: str, tmp_path: Path) -> None:
    made = corpus(kind)
    found = rows(made.fetch(tmp_path))
    assert {name: len(of) for name, of in found.items()} == {
        "training": 60, "validation": 20, **dict.fromkeys(made.test_sets, 20),
    }  # fmt: skip
    for one, other in product(found, repeat=2):
        if one != other:
            assert not {source for source, _ in found[one]} & {source for source, _ in found[other]}


@KINDS
def test_the_seed_decides_and_the_number_of_pairs_does_not_change_the_tests(kind: str, tmp_path: Path) -> None:
    first, again = (rows(corpus(kind).fetch(tmp_path / name)) for name in "ab")
    other, longer = rows(corpus(kind, seed=2).fetch(tmp_path / "c")), rows(corpus(kind, pairs=70).fetch(tmp_path / "d"))
    assert first == again
    assert all(first[name] != other[name] for name in first)
    assert longer == {**first, "training": longer["training"]}
    assert longer["training"][:60] == first["training"]


@KINDS
def test_files_are_kept_while_they_are_intact(kind: str, tmp_path: Path) -> None:
    made = corpus(kind)
    files = made.fetch(tmp_path).training[0].sides
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    made.fetch(tmp_path)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before
    files[0].write_text("damaged\n", encoding="utf-8")
    made.fetch(tmp_path)
    assert [path.read_bytes() for path in files] == [content for content, _ in before]
    corpus(kind, seed=2).fetch(tmp_path)
    assert files[0].read_bytes() != before[0][0]


@KINDS
def test_cleaning_keeps_everything(kind: str, tmp_path: Path) -> None:
    made = corpus(kind)
    report = prepare_corpus(made.fetch(tmp_path / "raw"), made.cleaning, made.languages, tmp_path / "clean")
    assert report.pairs_kept == report.pairs_read == 60
    assert report.pairs_changed == 0


def test_cleaning_keeps_long_and_repeated_lines_also_with_a_setting_of_ones_own(tmp_path: Path) -> None:
    made = TypeAdapter(CorpusConfig).validate_python(
        {"kind": "tomita", "grammar": 1, "lengths": [1, 400], "pairs": 100, "cleaning": {"overlap": "drop"}}
        | {"validation_pairs": 20, "test_pairs": 20}
    )
    report = prepare_corpus(made.fetch(tmp_path / "raw"), made.cleaning, made.languages, tmp_path / "clean")
    assert {rule for rule, dropped in report.dropped.items() if dropped.pairs} <= {"overlap"}


@KINDS
def test_yardsticks_are_a_blind_strategy_and_the_optimum(kind: str, tmp_path: Path) -> None:
    made = corpus(kind)
    for text in made.fetch(tmp_path).tests.values():
        blind, *_, optimum = made.yardsticks(text)
        answers = [answer for _, answer in read_rows(text)]
        assert (blind.name, optimum.name) == ("trivial: input not read", "optimum")
        assert [guess.answer for guess in optimum.guesses] == answers
        assert len({guess.answer for guess in blind.guesses}) == 1
        assert sum(map(len, (guess.log_probabilities for guess in blind.guesses))) == sum(
            len(answer.split()) + 1 for answer in answers
        )


@pytest.mark.parametrize(
    "made",
    [
        CopyMemory(symbols=2, alphabet=3, delay=1),
        Adding(length=10, largest=3),
        Denoise(symbols=2, length=5, alphabet=3),
        ParenthesisCounting(length=6, kinds=2, most_open=2, noise=1),
        Tomita(grammar=5),
        BalancedParentheses(),
        Palindromes(marker=False),
        XorAtDistance(length=6, distance=3),
        Memorization(vocabulary=3, longest_distance=4),
        Questions(facts=1, places=3),
        MarkedXor(length=6),
        ListOps(lengths=(4, 12)),
        Recall(values=3, blocks=1, block_length=8),
    ],
    ids=lambda made: made.kind,
)
def test_the_blind_strategy_knows_the_distribution_of_the_answers(made: Synthetic) -> None:
    random, drawn = Random(1), 4000
    answers = [made.example(random, "training", number).answer for number in range(drawn)]
    for position, distribution in enumerate(made.blind()):
        counts = Counter(answer[position] for answer in answers)
        assert sum(distribution.values()) == pytest.approx(1)
        assert set(counts) <= set(distribution)
        assert all(abs(counts[token] / drawn - p) < 0.04 for token, p in distribution.items())


def test_the_distribution_of_open_brackets_by_hand() -> None:
    """One kind and no noise: up, then up or down (turned round at 0), then as the bounds allow."""
    made = ParenthesisCounting(length=3, kinds=1, noise=0, most_open=2)
    assert made.blind() == [{"0": 0.0, "1": 1.0, "2": 0.0}]  # 1, then 0 or 2, then 1 again
    assert ParenthesisCounting(length=2, kinds=1, noise=0).blind()[0]["2"] == 0.5


@pytest.mark.parametrize("kind", ["tomita", "balanced_parentheses", "palindromes"])
def test_half_of_each_set_is_accepted(kind: str, tmp_path: Path) -> None:
    for of in rows(corpus(kind).fetch(tmp_path)).values():
        assert sum(answer == "accept" for _, answer in of) * 2 == len(of)


def test_copying_by_hand() -> None:
    example = CopyMemory(symbols=3, delay=4).example(Random(5), "training", 0)
    assert re.fullmatch("[1-8] [1-8] [1-8] _ _ _ _ [?]", " ".join(example.source))


def test_denoising_has_its_symbols_at_distinct_positions() -> None:
    example = Denoise(symbols=4, length=4).example(Random(5), "training", 0)
    assert example.source == (*example.answer, "?")


def test_one_digit_of_each_half_is_marked() -> None:
    for number in range(100):
        line = Adding(length=7).example(Random(number), "training", number).source
        assert sum("*" in digit for digit in line[:3]) == sum("*" in digit for digit in line[3:]) == 1


def test_marked_bits_stand_at_their_distance() -> None:
    for number in range(100):
        line = XorAtDistance(length=9, distance=4).example(Random(number), "training", number).source
        first, second = (position for position, bit in enumerate(line) if "*" in bit)
        assert second - first == 4


def marks(line: Sequence[str]) -> list[int]:
    return [position for position, bit in enumerate(line) if "*" in bit]


def test_marks_of_similar_sets_stand_anywhere() -> None:
    made = MarkedXor(length=5)
    found = {tuple(marks(made.example(Random(number), "training", number).source)) for number in range(300)}
    assert found == set(combinations(range(5), 2))


@pytest.mark.parametrize(("split", "half_of_0"), [("training", True), ("test", True), ("test_shifted", False)])
def test_marks_of_dissimilar_sets_stand_in_the_half_of_their_answer(split: str, half_of_0: bool) -> None:
    made = MarkedXor(length=7, sets="dissimilar")
    for number in range(100):
        example = made.example(Random(number), split, number)
        first, second = marks(example.source)
        assert second < 3 if (example.answer == ["0"]) == half_of_0 else first >= 3


def test_the_half_of_the_marks_is_always_right_and_always_wrong_in_the_shifted_set(tmp_path: Path) -> None:
    made = MarkedXor(length=9, sets="dissimilar", pairs=5, validation_pairs=5, test_pairs=30)
    tests = made.fetch(tmp_path).tests
    for name, right in (("test", True), ("test_shifted", False)):
        _, of_marks, optimum = made.yardsticks(tests[name])
        hits = [ours.answer == best.answer for ours, best in zip(of_marks.guesses, optimum.guesses, strict=True)]
        assert hits == [right] * 30
        assert {guess.log_probabilities for guess in of_marks.guesses} == {(0.0, 0.0)}  # it knows its accuracy


@pytest.mark.parametrize(
    ("operator", "values"), [("[MIN", (1, 2)), ("[MAX", (9, 7)), ("[MED", (5, 4)), ("[SM", (5, 7))]
)
def test_operators_by_hand(operator: str, values: tuple[int, int]) -> None:
    assert tuple(map(OPERATORS[operator], ([9, 1, 5], [2, 7, 6, 2]))) == values


def test_expressions_keep_to_their_limits() -> None:
    made = ListOps(lengths=(10, 60), depth=4, arguments=3)
    lines = [made.example(Random(number), "training", number).source for number in range(200)]
    assert {len(line) for line in lines} <= set(range(10, 61))
    assert {length for line in lines for length in reduced(" ".join(line))[1]} == {2, 3}
    assert max(deepest(["(" if "[" in one else ")" if one == "]" else one for one in line]) for line in lines) == 3


def test_an_expression_by_hand() -> None:
    assert reduced("[MAX 4 [MIN 2 3 ] 1 0 [MED 1 5 8 9 2 ] ]") == ("5", [2, 5, 5])


def test_lengths_that_no_expression_has_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="none of 10,000 expressions had"):
        ListOps(lengths=(900, 1000), arguments=2, depth=12).example(Random(1), "training", 0)


def test_recall_states_different_keys_then_fills_its_blocks() -> None:
    made = Recall(stated=3, values=5, blocks=2, block_length=7)
    for number in range(50):
        line = made.example(Random(number), "training", number).source
        assert len(line) == 3 * 7 + 2
        assert re.fullmatch(r"([a-z] [0-4] ){3}(w\d+ ){15}\? [a-z]", " ".join(line))
        assert len({line[0], line[2], line[4]}) == 3


def test_memory_has_random_lengths_and_counts_from_the_end() -> None:
    made = Memorization(distance=1, longest_distance=3)
    examples = [made.example(Random(number), "training", number) for number in range(100)]
    assert {len(example.source) for example in examples} == {3, 4, 5, 6}
    assert all(example.answer == [example.source[-1]] for example in examples)


def test_palindromes_without_a_marker_and_longer_ones_in_the_test() -> None:
    made = Palindromes(marker=False, longest=3, test_longest=5)
    for number in range(100):
        for split, lengths in (("training", {2, 4, 6}), ("test_4_5", {8, 10})):
            line = made.example(Random(number), split, number).source
            assert "#" not in line
            assert len(line) in lengths


def test_parentheses_have_the_depths_of_their_set() -> None:
    made = BalancedParentheses(depth=2, validation_depth=4, test_depth=6)
    assert made.test_sets == ("test_depth_1_2", "test_depth_3_4", "test_depth_5_6")
    tests = dict(zip(made.test_sets, ({1, 2}, {3, 4}, {5, 6}), strict=True))
    for split, depths in {"training": {1, 2}, "validation": {3, 4}, **tests}.items():
        lines = (made.example(Random(number), split, 0).source for number in range(60))
        assert {deepest(line) for line in lines} == depths


def deepest(line: Sequence[str]) -> int:
    return max(line[:end].count("(") - line[:end].count(")") for end in range(len(line) + 1))


def test_half_of_the_unbalanced_strings_have_as_many_of_both() -> None:
    made = BalancedParentheses()
    lines = [made.example(Random(number), "training", 1).source for number in range(400)]
    assert 150 < sum(line.count("(") == line.count(")") for line in lines) < 250


@pytest.mark.parametrize("grammar", [1, 2, 3, 4, 5, 6, 7])
def test_strings_of_a_grammar_have_the_lengths_of_their_set(grammar: int, tmp_path: Path) -> None:
    made = Tomita(grammar=grammar, pairs=40, validation_pairs=10, test_pairs=20)  # type: ignore[arg-type]
    for name, of in rows(made.fetch(tmp_path)).items():
        shortest, longest = (100, 200) if name == "test_100_200" else (1, 16)
        lengths = [len(source.split()) for source, _ in of]
        assert shortest <= min(lengths) <= max(lengths) <= longest
        assert all(answer == made.automaton.answer(source.split()) for source, answer in of)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "denoise", "symbols": 10, "length": 9}, "symbols=10 do not fit into length=9 positions"),
        ({"kind": "xor_at_distance", "length": 5, "distance": 5}, "distance=5 do not fit into length=5 bits"),
        ({"kind": "memorization", "distance": 6, "longest_distance": 5}, "none at distance=6: raise longest_distance"),
        ({"kind": "balanced_parentheses", "longest": 39}, "the test_depth, do not fit into longest=39"),
        ({"kind": "balanced_parentheses", "depth": 10}, "each must be greater than the one before"),
        ({"kind": "palindromes", "longest": 20}, "test_longest=20 must be greater than longest=20"),
        ({"kind": "tomita", "grammar": 4, "lengths": [1, 2]}, "grammar 4 rejects no string of lengths=[1, 2]"),
        ({"kind": "tomita", "lengths": [9, 2]}, "the shortest, then the longest, not [9, 2]"),
        ({"kind": "tomita", "lengths": [5, 9], "test_lengths": [5, 9]}, "must differ"),
        ({"kind": "questions", "facts": 3, "statements": [2, 9]}, "2 statements cannot have facts=3: raise the fewest"),
        ({"kind": "questions", "statements": [9, 8]}, "statements must be the fewest, then the most, not [9, 8]"),
        (
            {"kind": "context_free", "lengths": [5, 5], "language": {"kind": "dyck"}},
            "dyck has no string of lengths=[5, 5]",
        ),
        ({"kind": "marked_xor", "length": 3}, "greater than or equal to 4"),
        ({"kind": "listops", "lengths": [9, 5]}, "lengths must be the shortest, then the longest, not [9, 5]"),
        (
            {"kind": "listops", "lengths": [15, 20], "depth": 3, "arguments": 2},
            "depth=3 with arguments=2 has at most 10 tokens, fewer than lengths=[15, 20]",
        ),
        ({"kind": "recall", "stated": 5, "block_length": 9}, "stated=5 keys with their values do not fit into"),
        ({"kind": "recall", "blocks": 9999}, "a line would have 320,002 words; at most 100,000 are possible"),
        ({"kind": "context_free", "lengths": [9, 5]}, "lengths must be the shortest, then the longest, not [9, 5]"),
        ({"kind": "context_free", "test_lengths": [40, 80]}, "must differ"),
        ({"kind": "context_free", "source": "en"}, "source"),
        ({"kind": "tomita", "source": None}, "which a language model cannot read: leave `source` out"),
        ({"kind": "adding", "length": 1}, "greater than or equal to 2"),
    ],
)
def test_impossible_options_are_refused_in_words(options: Small, words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        TypeAdapter(CorpusConfig).validate_python(options)


def test_a_recipe_of_a_language_model_is_refused_in_words() -> None:
    recipe = {"name": "a", "task": "language_model", "corpus": {"kind": "adding"}, "model": {"kind": "recurrent_lm"}}
    with pytest.raises(UserError, match="adding consists of inputs and answers, which a language model cannot read"):
        Recipe.load(recipe)
