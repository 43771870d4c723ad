"""What every measure keeps: the listed ones join by being listed in `nmt.evaluation.measures`."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest

from nmt.errors import UserError
from nmt.evaluation.measure import Measure, Outcome, Score, TokenTotals
from nmt.evaluation.measures import MEASURES, OF_TESTS, OF_VALIDATION, MeasureName, worded
from nmt.evaluation.scores import scores, text_measures, token_measures

REFERENCES = [
    "Ein Mann fährt mit dem Fahrrad durch die Stadt.",
    "Zwei Kinder spielen im Garten!",
    "„Wo ist der Bahnhof?“, fragte sie.",
    "Der Hund schläft unter dem Tisch, obwohl es laut ist.",
    "Ja.",
]
GOOD = [line.replace("Garten", "Park") for line in REFERENCES]
BAD = [line.lower().replace("der", "das").replace("ein", "eine") for line in REFERENCES]
EMPTY = [""] * len(REFERENCES)

CERTAIN = TokenTotals(40, 40, 0.0).with_text(REFERENCES)
CLOSE = replace(CERTAIN, correct=30, log_probability=-40.0)
FAR = replace(CERTAIN, correct=10, log_probability=-120.0)
HOPELESS = replace(CERTAIN, correct=0, log_probability=-1e9)

CASES = [pytest.param(name, measure, id=name) for name, measure in MEASURES.items()]
every_measure = pytest.mark.parametrize(("name", "measure"), CASES)


def outcome(
    hypotheses: Sequence[str], totals: TokenTotals, references: Sequence[str] = REFERENCES, words: str = "13a"
) -> Outcome:
    """A text, and what a model thought of its references."""
    return Outcome(hypotheses, [references], words, totals)


def test_the_two_lists_name_the_same() -> None:
    assert tuple(MEASURES) == get_args(MeasureName)
    assert len({measure.label for measure in MEASURES.values()}) == len(MEASURES)
    assert {*OF_TESTS, *OF_VALIDATION} <= set(text_measures(list(MEASURES)))


@every_measure
@pytest.mark.parametrize("words", ["13a", "char"])
def test_identical_text_has_the_best_value(name: MeasureName, measure: Measure, words: str) -> None:
    assert measure.score(outcome(REFERENCES, CERTAIN, words=words)).value == pytest.approx(measure.best)


@every_measure
def test_worse_text_is_worse(name: MeasureName, measure: Measure) -> None:
    outcomes = outcome(REFERENCES, CERTAIN), outcome(GOOD, CLOSE), outcome(BAD, FAR)
    ranks = [measure.rank(measure.score(each).value) for each in outcomes]
    assert ranks[0] > ranks[1] > ranks[2]


@every_measure
def test_nothing_said_is_no_crash_and_not_better(name: MeasureName, measure: Measure) -> None:
    nothing = measure.score(outcome(EMPTY, HOPELESS)).value
    assert 0 <= nothing < float("inf")
    assert measure.rank(nothing) <= measure.rank(measure.score(outcome(BAD, FAR)).value)
    both_empty = measure.score(outcome(EMPTY, CERTAIN, references=EMPTY)).value
    assert both_empty == both_empty  # a number


@every_measure
def test_the_order_of_the_lines_does_not_matter(name: MeasureName, measure: Measure) -> None:
    order = list(range(len(REFERENCES)))
    random.Random(1).shuffle(order)
    mixed = outcome([BAD[i] for i in order], FAR, references=[REFERENCES[i] for i in order])
    assert measure.score(mixed).value == pytest.approx(measure.score(outcome(BAD, FAR)).value)


@every_measure
def test_of_several_references_a_further_one_does_no_harm(name: MeasureName, measure: Measure) -> None:
    alone = measure.score(outcome(BAD, FAR)).value
    both = measure.score(Outcome(BAD, [REFERENCES, BAD], "13a", FAR)).value
    assert measure.rank(both) >= measure.rank(alone)
    if measure.reads == "text":
        assert both == pytest.approx(measure.best)


@every_measure
def test_lines_are_counted_and_a_model_is_asked_for(name: MeasureName, measure: Measure) -> None:
    if measure.reads == "text":
        with pytest.raises(UserError, match=r"out\.de: expected 5 lines.*got 4 lines"):
            scores(GOOD[:-1], [REFERENCES], "out.de", measures=[name])
        with pytest.raises(UserError, match="at least one line"):
            scores([], [[]], measures=[name])
        assert name not in token_measures([name])
    else:
        for totals in (None, TokenTotals()):
            with pytest.raises(UserError, match=name):
                scores(GOOD, [REFERENCES], measures=[name], totals=totals)
        assert scores([], [REFERENCES], measures=[name], totals=CLOSE).lines == len(REFERENCES)


@every_measure
def test_json_gives_the_score_back(name: MeasureName, measure: Measure) -> None:
    found = scores(GOOD, [REFERENCES], measures=[name], totals=CLOSE)
    plain = json.loads(json.dumps(found.json(), allow_nan=False))
    assert list(plain) == [name, "lines"]
    assert Score.from_json(plain[name]) == found[name] == measure.score(outcome(GOOD, CLOSE))
    assert plain[name].keys() == {"name", "score", "signature", "details"}  # what a model directory asks for
    assert found[name].signature


@every_measure
def test_it_says_whether_words_matter(name: MeasureName, measure: Measure) -> None:
    values = {words: measure.score(outcome(BAD, FAR, words=words)).value for words in ("13a", "char")}
    assert (values["13a"] != values["char"]) <= measure.counts_words
    assert ("(char)" in measure.criterion("char")) == measure.counts_words
    assert measure.label in measure.criterion("char")
    assert worded({name: 12.5}) == f"{measure.label} 12.50"
