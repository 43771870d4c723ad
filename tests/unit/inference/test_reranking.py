"""Reranking without models: n-best lists, feature tables, weights, statistics and tuning."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import UserError
from nmt.evaluation.measure import Outcome
from nmt.evaluation.measures import MEASURES
from nmt.inference.reranking.candidates import Candidates, read_n_best
from nmt.inference.reranking.options import Tunable, TuningOptions
from nmt.inference.reranking.statistics import Statistics, line_statistics, statistics
from nmt.inference.reranking.table import FeatureTable, read_table
from nmt.inference.reranking.tuning import tune
from nmt.inference.reranking.weights import NOISY_CHANNEL, RerankingWeights, preset_weights
from nmt.text import is_blank

WORDS = "ein mann hund katze spielt schläft im garten auf der straße mit dem ball".split()

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n"), max_size=12)
scores = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))
groups = st.lists(st.dictionaries(texts, scores, min_size=1, max_size=4), min_size=1, max_size=5)


@given(groups, st.booleans(), st.randoms(use_true_random=False))
def test_a_list_in_any_order_gives_its_hypotheses(
    found: list[dict[str, float]], scored: bool, draw: random.Random
) -> None:
    rows = [
        (number, f"{number}\t{score}\t{text}" if scored else f"{number}\t{text}")
        for number, group in enumerate(found, 1)
        for text, score in group.items()
    ]
    numbers = [number for number, _ in rows]
    draw.shuffle(numbers)  # lines interleaved; the hypotheses of a line keep their order
    waiting = {number: iter([row for of, row in rows if of == number]) for number in set(numbers)}
    read = read_n_best((next(waiting[number]) for number in numbers), "list", ["x"] * len(found), "source")
    assert read.groups() == [tuple(group) for group in found]
    assert read.scores == (tuple(score for group in found for score in group.values()) if scored else None)


crumbs = st.lists(st.sampled_from(["0", "1", "2", "-1.5", "nan", "\t", "\t", " ||| ", "|||", "a", "²"]), max_size=6)


@settings(max_examples=200)
@given(st.lists(crumbs.map("".join), max_size=5), st.lists(st.sampled_from(["a", "", " "]), max_size=2))
def test_any_list_is_read_or_refused_in_words(rows: list[str], sources: list[str]) -> None:
    try:
        read = read_n_best(rows, "list", sources, "source")
    except UserError:
        return
    for source, group in zip(sources, read.groups(), strict=True):
        assert group == ("",) if is_blank(source) else len(group) > 0


def test_equal_hypotheses_count_once_and_blank_lines_stay_blank() -> None:
    rows = ["1\t-1\tdog", "3\t-2\tcat", "1\t-3\tdog", "1\t-4\t", "2\t-5\tnoise"]
    read = read_n_best(rows, "list", ["Hund", " \u200b", "Katze"], "source")
    assert read.groups() == [("dog", ""), ("",), ("cat",)]
    assert read.scores == (-1.0, -4.0, 0.0, -2.0)


def test_the_layout_of_moses_and_marian() -> None:
    rows = ["0 ||| a dog ||| F0= -1.5 F1= 3 ||| -2.25", "0 |||  ||| F0= -9 ||| -7", "1 ||| tab\there ||| F0= -1 ||| -1"]
    read = read_n_best(rows, "list", ["Hund", "Katze"], "source")
    assert read.groups() == [("a dog", ""), ("tab here",)]
    assert read.scores == (-2.25, -7.0, -1.0)
    assert read_n_best(["0 ||| a", "1 ||| b"], "list", ["x", "y"], "source").scores is None


@pytest.mark.parametrize(
    ("rows", "where", "message"),
    [
        (["1\t-1\ta", ""], "list:2", "an empty row"),
        (["one\t-1\ta"], "list:1", "line number, score and hypothesis"),
        (["1\t-1\ta\tb"], "list:1", "separated by tabs"),
        (["0\t-1\ta"], "list:1", "a line number from 1 to 2, as source has, got 0"),
        (["1\t-1\ta", "3\t-1\ta"], "list:2", "got 3"),
        (["1\tnan\ta"], "list:1", "a finite number as the score"),
        (["1\thigh\ta"], "list:1", "a finite number as the score"),
        (["1\t1e200\ta"], "list:1", "a finite number as the score"),
        (["1\t-1\ta", "2\tb"], "list:2", "a score in every row"),
        (["2\ta"], "list", "none for line 1"),
        ([], "list", "none for line 1 and 1 more"),
        (["2 ||| a"], "list:1", "a line number from 0 to 1, as source has, got 2"),
        (["0 ||| a ||| F ||| x"], "list:1", "a finite number as the score"),
        (["0 ||| a ||| F |||"], "list:1", "a finite number as the score"),
    ],
)
def test_a_wrong_row_is_named(rows: list[str], where: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_n_best(rows, "list", ["x", "y"], "source")
    assert caught.value.where == where


def table_of(features: Sequence[Sequence[float]], sizes: Sequence[int], hypotheses: Sequence[str] = ()) -> FeatureTable:
    names = (*"model reverse_model language_model".split()[: len(features[0]) - 1], "length")
    candidates = Candidates(tuple(hypotheses) or tuple(f"h{n}" for n in range(len(features))), np.array(sizes))
    return FeatureTable(candidates, names, np.array(features, dtype=np.float64))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_the_choice_is_the_first_of_the_best(sizes: list[int], data: st.DataObject) -> None:
    few = st.integers(-3, 3).map(float)  # ties occur
    features = data.draw(st.lists(st.tuples(few, few), min_size=sum(sizes), max_size=sum(sizes)))
    weights = np.array(data.draw(st.tuples(few, few)))
    table = table_of(features, sizes)
    values = table.scores(weights)
    start, expected = 0, []
    for size in sizes:
        expected.append(start + int(np.argmax(values[start : start + size])))
        start += size
    assert table.chosen(values).tolist() == expected
    assert table.chosen(table.scores(weights * 4)).tolist() == expected  # the scale of the weights has no effect
    rows = list(table.ordered(values))
    assert [rows[index][2] for index in (np.cumsum(sizes) - sizes)] == table.texts(table.chosen(values))
    assert [number for number, _, _ in rows] == sorted(number for number, _, _ in rows)


@settings(max_examples=30)
@given(groups, st.data())
def test_a_table_is_read_as_it_was_written(found: list[dict[str, float]], data: st.DataObject) -> None:
    hypotheses = [text for group in found for text in group]
    column = st.lists(scores, min_size=len(hypotheses), max_size=len(hypotheses))
    features = list(zip(data.draw(column), data.draw(column), strict=True))
    table = table_of(features, [len(group) for group in found], hypotheses)
    again = read_table(table.rows(), "file")
    assert again.names == table.names
    assert again.candidates.groups() == table.candidates.groups()
    assert again.values.tolist() == table.values.tolist()


RECORD = "# lines=2 hypotheses=3 words=char"
HEADER = "line\tmodel\tlength\thypothesis"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "file: expected a table of features"),
        (["1\t-1\ta dog"], "file: expected a table of features"),
        ([HEADER], "file: expected at least one hypothesis"),
        ([HEADER, "1\t-1\ta"], "file:2: expected 4 columns"),
        ([HEADER, "1\tx\t2\ta"], "file:2: expected 4 columns, finite numbers"),
        ([HEADER, "1\tinf\t2\ta"], "file:2: expected 4 columns, finite numbers"),
        ([HEADER, "2\t-1\t2\ta"], "file:2: expected line 1: lines in ascending order"),
        ([HEADER, "0\t-1\t2\ta"], "file:2: expected line 1"),
        ([HEADER, "1\t-1\t2\ta", "3\t-1\t2\ta"], "file:3: expected line 1 or 2"),
        ([HEADER, "1\t1e16\t2\ta"], "file:2: expected 4 columns, finite numbers"),
        (["line\tmodel\tmodel\tlength\thypothesis", "1\t-1\t-1\t2\ta"], "file: .* got 2 columns model"),
        ([RECORD, HEADER, "1\t-1\t2\ta", "1\t-1\t2\tb"], "file: expected 2 lines with 3 hypotheses.* got 1 with 2"),
        ([RECORD, HEADER, "1\t-1\t2\ta", "2\t-1\t2\tb"], "file: expected 2 lines with 3 hypotheses.* got 2 with 2"),
        ([RECORD, HEADER], "file: expected at least one hypothesis"),
        ([RECORD], "file: expected a table of features"),
        (["# lines=1 hypotheses=1 words=runes", HEADER, "1\t-1\t2\ta"], "file:1: expected words=13a or .* got runes"),
    ],
)
def test_a_wrong_table_is_refused(rows: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_table(rows, "file")


def test_a_table_of_an_earlier_version_is_read() -> None:
    assert read_table([HEADER, "1\t-1\t2\ta"], "file").words == ""
    assert read_table(["# lines=1 hypotheses=1 words=char", HEADER, "1\t-1\t2\ta"], "file").words == "char"


def test_scores_are_finite() -> None:
    with pytest.raises(UserError, match="expected finite scores of the hypotheses"):
        table_of([(1e200, 1.0)], [1]).scores(np.array([1e200, 0.0]))


@pytest.mark.parametrize("weight", ["true", '"1"', "1e16", "-1e308", "NaN"])
def test_weights_in_a_file_are_numbers(weight: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text(f'{{"weights": {{"model": {weight}}}}}', encoding="utf-8")
    with pytest.raises(UserError, match=r"weights: weights\.model: expected weights by the names of features"):
        RerankingWeights.read(path)


def test_the_length_penalty_divides_all_but_the_length() -> None:
    table = table_of([(-8.0, -2.0, 4.0), (-1.0, -1.0, 0.0)], [2])
    scored = table.scores(np.array([1.0, 3.0, 0.25]), 0.5)
    assert scored.tolist() == [(-8 - 6) / 2 + 1, -4.0]  # a length of 0 counts as 1


def test_the_noisy_channel_needs_its_three_models() -> None:
    names = ("model", "reverse_model", "reverse_model_2", "language_model", "length")
    found = preset_weights("noisy_channel", names, "--preset")
    assert found.vector(names, "").tolist() == [0.929, 0.5, 0.5, 0.831, 0.0]  # models of a kind share its weight
    assert found.length_penalty == NOISY_CHANNEL.length_penalty > 0
    listed = ("reverse_model", "language_model", "list_score", "length")
    assert preset_weights("noisy_channel", listed, "").weights["list_score"] == 0.929
    own = (*names[:-1], "own", "length")
    assert preset_weights("noisy_channel", own, "").weights["own"] == 0.0
    for missing in ("model", "reverse_model", "language_model"):
        left = [name for name in ("model", "reverse_model", "language_model", "length") if name != missing]
        with pytest.raises(UserError, match=f"the feature {missing}, from"):
            preset_weights("noisy_channel", left, "--preset noisy_channel")


def test_weights_belong_to_features() -> None:
    weights = RerankingWeights(weights={"model": 1.0, "language_model": 0.5})
    assert weights.vector(("model", "language_model", "length"), "w").tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(UserError, match="w: expected weights of the features here .* got one of language_model"):
        weights.vector(("model", "length"), "w")
    with pytest.raises(UserError, match="w: expected a weight for each feature .* got none for reverse_model"):
        weights.vector(("model", "reverse_model", "language_model", "length"), "w")


def corpus(lines: int, seed: int = 1) -> tuple[list[str], FeatureTable]:
    """References, and damaged copies of each with two noisy features whose sum tells how damaged a copy is."""
    draw = random.Random(seed)
    references = [" ".join(draw.choices(WORDS, k=draw.randint(5, 9))) for _ in range(lines)]
    hypotheses, features = [], []
    for reference in references:
        for damage in draw.sample(range(6), 5):
            words = reference.split()
            for index in draw.sample(range(len(words)), min(damage, len(words))):
                words[index] = draw.choice(WORDS)
            noise = draw.gauss(0, 4)
            hypotheses.append(" ".join(words))
            features.append((-damage - 2 * noise, -damage + noise, float(len(words))))
    return references, table_of(features, [5] * lines, hypotheses)


def counted(table: FeatureTable, references: Sequence[Sequence[str]], measure: Tunable) -> Statistics:
    return statistics(line_statistics(table.candidates, references, measure, "13a"), measure, "13a")


@pytest.mark.parametrize("measure", ["bleu", "chrf"])
@pytest.mark.parametrize("references", [1, 2])
def test_sums_of_statistics_give_sacrebleus_score(measure: Tunable, references: int) -> None:
    right, table = corpus(20)
    texts_of = [right, right[::-1]][:references]
    counts, draw = counted(table, texts_of, measure), np.random.default_rng(1)
    for _ in range(5):
        chosen = table.candidates.starts + draw.integers(0, 5, 20)
        expected = MEASURES[measure].score(Outcome(table.texts(chosen), texts_of)).value
        assert counts.score(chosen) == expected


@pytest.mark.parametrize("measure", ["bleu", "chrf"])
def test_no_choice_beats_the_oracle_of_a_small_text(measure: Tunable) -> None:
    right, table = corpus(3, seed=4)
    counts = counted(table, [right], measure)
    every = (counts.score(np.array(choice)) for choice in product(range(5), range(5, 10), range(10, 15)))
    assert counts.score(counts.oracle(table.candidates.starts)) == max(every)


@pytest.mark.parametrize("measure", ["bleu", "chrf"])
def test_tuning_finds_the_combination_that_helps(measure: Tunable) -> None:
    right, table = corpus(40)
    counts = counted(table, [right], measure)
    start = RerankingWeights(weights={"model": 1.0, "reverse_model": 0.0})
    found = tune(table, counts, start, TuningOptions(folds=3))
    assert found.start < found.tuned <= found.oracle
    assert found.tuned > 0.98 * found.oracle
    assert found.held_out is not None
    assert found.first < found.held_out <= found.oracle
    ratio = found.weights.weights["reverse_model"] / found.weights.weights["model"]
    assert ratio == pytest.approx(2, rel=0.1)  # the noise cancels
    assert MEASURES[measure].score(Outcome(found.weights.best(table), [right])).value == found.tuned
    again = tune(table, counts, start, TuningOptions(folds=0))
    assert (again.weights, again.tuned, again.held_out) == (found.weights, found.tuned, None)


def test_the_start_stays_if_nothing_is_better() -> None:
    table = table_of([(-1.0, 2.0), (-2.0, 2.0)], [1, 1], ["ein hund", "der ball"])
    counts = counted(table, [["ein hund", "der ball"]], "chrf")
    start = RerankingWeights(weights={"model": 0.3, "length": -0.1})
    found = tune(table, counts, start, TuningOptions(folds=2))
    assert found.weights == start
    assert found.first == found.start == found.tuned == found.held_out == found.oracle == 100


def test_cross_validation_forgets_the_start() -> None:
    right, table = corpus(6)
    counts = counted(table, [right], "chrf")
    starts = (RerankingWeights(weights={"model": one, "reverse_model": 2.0}) for one in (0.0, 1.0))
    choices = [tune(table, counts, start, TuningOptions(folds=7)).held_out_choice for start in starts]
    assert choices[0] is not None
    assert choices[1] is not None
    assert choices[0].tolist() == choices[1].tolist()  # of six parts, as there are six lines


def test_a_missing_scipy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right, table = corpus(2)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(UserError, match=r"the Python module scipy.*nmt-toolkit\[tune\]"):
        tune(table, counted(table, [right], "bleu"), RerankingWeights(weights={}), TuningOptions())
