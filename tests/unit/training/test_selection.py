"""Which validation is the best: by the measure, and by the loss where the measure makes no difference."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.measures import MEASURES, MeasureName
from nmt.training.options import BestBy
from nmt.training.position import Scores
from nmt.training.selection import Selection
from nmt.training.validation import Validation


def validation(value: float, loss: float) -> Validation:
    return Validation(loss=loss, measures=dict.fromkeys(MEASURES, value), samples=(), statistics={})


def considered(scores: list[tuple[float, float]], best_by: BestBy = "bleu") -> Scores:
    """Where a training stands after validations with these scores and losses at updates 1, 2 and so on."""
    position = Scores()
    selection = Selection(position, best_by, "13a")
    for update, (value, loss) in enumerate(scores, 1):
        selection.consider(validation(value, loss), update)
    return position


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 50.0]), st.floats(0.1, 10)), min_size=1, max_size=12))
@pytest.mark.parametrize("best_by", MEASURES)
def test_the_best_has_the_best_score_and_of_those_the_lowest_loss(
    best_by: MeasureName, scores: list[tuple[float, float]]
) -> None:
    position = considered(scores, best_by)
    sign = 1 if MEASURES[best_by].higher_is_better else -1
    best = max(scores, key=lambda score: (sign * score[0], -score[1]))
    assert scores[position.best_update - 1] == best
    assert position.best_update == 1 + scores.index(best)
    assert position.stale == len(scores) - position.best_update


def test_a_score_that_never_changes_is_not_the_first_ones_victory() -> None:
    """BLEU of 0, as text without blanks has it by the wrong words: the loss chooses, and patience does not run out."""
    position = considered([(0.0, loss) for loss in (5.0, 4.0, 3.0, 2.0, 2.5)])
    assert (position.best_update, position.stale) == (4, 1)


def test_by_loss_the_lowest_is_the_best_and_none_that_is_not_finite() -> None:
    assert considered([(9.0, 3.0), (1.0, 2.0), (99.0, math.nan), (2.0, 2.5)], "loss").best_update == 2


def test_a_constant_measure_is_told_once() -> None:
    position = Scores()
    selection = Selection(position, "bleu", "zh")
    told = []
    for update in range(1, 8):
        selection.consider(validation(0.0, 9.0 - update), update)
        told.append(selection.concern())
    assert [bool(each) for each in told] == [False, False, True, False, False, False, False]
    assert "BLEU (zh) was 0.0 at 3 validations in a row" in told[2]
    assert "evaluation.tokenize" in told[2]
    by_loss = Selection(Scores(), "loss", "zh")
    for update in range(1, 5):
        by_loss.consider(validation(0.0, 1.0), update)
        assert not by_loss.concern()


def test_scores_by_another_measure_are_not_compared() -> None:
    position = considered([(30.0, 2.0)])
    Selection(position, "bleu", "13a")
    assert position.best == 30.0
    Selection(position, "bleu", "zh")
    assert position.best is None
    position = considered([(30.0, 2.0)])
    position.measure = ""  # from before it was noted: BLEU in the words of 13a
    Selection(position, "bleu", "13a")
    assert position.best == 30.0
    Selection(position, "loss", "13a")
    assert position.best is None


def test_an_error_rate_is_better_when_it_falls() -> None:
    position = considered([(60.0, 2.0), (40.0, 3.0), (50.0, 1.0)], "ter")
    assert position.best_update == 2
    assert position.best_measures["ter"] == 40.0
    selection = Selection(position, "ter", "13a")
    for update in range(4, 7):
        selection.consider(validation(70.0, 1.0), update)
    assert "TER (13a) was 70.0 at 3 validations in a row" in selection.concern()


def test_a_measure_that_counts_no_words_is_not_judged_anew_for_other_words() -> None:
    position = considered([(30.0, 2.0)], "chrf")
    Selection(position, "chrf", "zh")
    assert position.best == 30.0
    Selection(position, "exact_match", "zh")
    assert position.best is None
