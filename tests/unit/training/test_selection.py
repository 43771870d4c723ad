"""Which validation is the best: by the measure, and by the loss where the measure makes no difference."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.training.position import Scores
from nmt.training.selection import Selection
from nmt.training.validation import Validation


def validation(bleu: float, loss: float, gleu: float | None = None) -> Validation:
    return Validation(loss=loss, bleu=bleu, gleu=gleu, samples=(), statistics={})


def considered(scores: list[tuple[float, float]], best_by: str = "bleu") -> Scores:
    """Where a training stands after validations with these scores and losses at updates 1, 2 and so on."""
    position = Scores()
    selection = Selection(position, best_by, "13a")  # type: ignore[arg-type]
    for update, (bleu, loss) in enumerate(scores, 1):
        selection.consider(validation(bleu, loss, gleu=bleu), update)
    return position


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 50.0]), st.floats(0.1, 10)), min_size=1, max_size=12))
@pytest.mark.parametrize("best_by", ["bleu", "gleu"])
def test_the_best_has_the_highest_score_and_of_those_the_lowest_loss(
    best_by: str, scores: list[tuple[float, float]]
) -> None:
    position = considered(scores, best_by)
    best = max(scores, key=lambda score: (score[0], -score[1]))
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
