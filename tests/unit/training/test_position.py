"""A position is read as it was written, by this version and by earlier ones."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nmt.training.position import Descent, Position, Scores, SinceLog, Spent
from nmt.training.schedule import Plateau
from nmt.training.tally import Tally

OLD = """{"update":40,"epoch":2,"batch":3,"target_tokens":900,"seconds":1.5,"precision":"fp32","since_log":{"loss":2.5,
"likelihood":2.0,"gradient_norm":0.5,"seconds":0.25,"tokens":50,"updates":2,"units":50,"reward":0.0,"statistics":[{},
{"residual":[Infinity,2]}]},"concern":{"last":"","told":0,"silent":0,"clear":7},"validated":40,"measure":"BLEU (13a)",
"best":30.5,"best_loss":1.25,"best_bleu":30.5,"best_update":20,"stale":1,"newest":30.0,"unchanged":1,"lowest_loss":1.0,
"stale_loss":0,"reductions":1,"kept":[20,40]}"""
"""As the version before the parts wrote it."""


def test_a_position_of_an_earlier_version_is_the_same_position() -> None:
    position = Position.model_validate_json(OLD)
    assert (position.update, position.epoch, position.batch, position.validated) == (40, 2, 3, 40)
    assert (position.precision, position.kept, position.concern.clear) == ("fp32", [20, 40], 7)
    assert position.spent == Spent(target_tokens=900, seconds=1.5)
    assert position.scores == Scores(
        measure="BLEU (13a)",
        best=30.5,
        best_loss=1.25,
        best_bleu=30.5,
        best_update=20,
        stale=1,
        newest=30.0,
        unchanged=1,
    )
    assert position.descent == Descent(lowest_loss=1.0, stale_loss=0, reductions=1)
    tally = Tally(loss=2.5, likelihood=2.0, tokens=50, units=50)
    statistics = [{}, {"residual": (float("inf"), 2)}]
    assert position.since_log == SinceLog(
        tally=tally, gradient_norm=0.5, seconds=0.25, updates=2, statistics=statistics
    )
    assert Position.model_validate_json(position.model_dump_json()) == position


def test_what_this_version_does_not_know_is_refused() -> None:
    with pytest.raises(ValidationError, match="tomorrow"):
        Position.model_validate_json('{"update": 1, "tomorrow": 2}')
    with pytest.raises(ValidationError, match="tomorrow"):
        Position.model_validate_json('{"scores": {"tomorrow": 2}}')


def test_two_positions_share_nothing() -> None:
    one, other = Position(), Position()
    one.spent.add(5, 1.0)
    one.scores.stale += 1
    one.descent.hear(1.0, Plateau())
    one.since_log.add(Tally(loss=1.0), 1.0, 1.0)
    one.advance()
    one.keep_weights(3)
    assert other == Position()


def test_only_the_newest_weights_are_kept() -> None:
    position = Position()
    for _ in range(5):
        position.advance()
        position.keep_weights(3)
    assert position.kept == [3, 4, 5]


def test_a_loss_that_stops_falling_lowers_the_rate_and_counting_begins_anew() -> None:
    descent, schedule = Descent(), Plateau(patience=2, keep_falling=False)
    assert [descent.hear(loss, schedule) for loss in (3.0, 2.0, 2.0, 2.5, 2.0, 1.0, 1.0, 1.0)] == [
        False, False, False, True, False, False, False, True,
    ]  # fmt: skip
    assert (descent.lowest_loss, descent.reductions) == (1.0, 2)
    descent.forget()
    assert not descent.hear(9.0, schedule)
    assert (descent.lowest_loss, descent.reductions) == (9.0, 2)
