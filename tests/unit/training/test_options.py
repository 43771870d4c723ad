"""Short forms in the `training` section mean what their long forms mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.options import renewed_options
from nmt.recipe import load_recipe
from nmt.training import Training
from nmt.training.gradients import Clip
from nmt.training.objectives import Likelihood, Refinement

PLAIN = {
    "corpus": {"kind": "multi30k", "source": "en", "target": "de"},
    "model": {"kind": "transformer", "preset": "tiny"},
    "name": "plain",
}


def test_refine_is_short_for_an_objective() -> None:
    short = Training(refine=Refinement(samples=4), start_from=Path("model"))
    assert short == Training(objective=Refinement(samples=4), start_from=Path("model"))
    assert (short.objective, short.refine) == (Refinement(samples=4), None)
    assert Training(refine=None).objective == Likelihood()
    assert Training.model_validate(short.model_dump()) == short


def test_clip_norm_is_short_for_a_rule() -> None:
    assert Training(clip_norm=0.25) == Training(gradient=Clip(norm=0.25))
    assert Training(clip_norm=0.0) == Training(clip_norm=None) == Training()
    assert Training.model_validate(Training(clip_norm=0.25).model_dump()) == Training(clip_norm=0.25)


def test_a_short_form_is_checked_by_its_own_name() -> None:
    with pytest.raises(UserError, match=r"training\.clip_norm: expected greater than or equal to 0"):
        load_recipe({**PLAIN, "training": {"clip_norm": -1.0}})


def test_what_earlier_versions_recorded_is_the_same_training() -> None:
    """The records of stages are compared with today's recipe so."""
    assert renewed_options(Training, {"label_smoothing": 0.1, "clip_norm": 0.0, "refine": None}) == Training()
    recorded = {"clip_norm": 5.0, "refine": {"samples": 4, "unit": "pieces"}}
    assert renewed_options(Training, recorded) == Training(
        gradient=Clip(norm=5.0), objective=Refinement(samples=4, unit="pieces")
    )


def test_two_that_say_different_things_are_refused() -> None:
    with pytest.raises(UserError, match=r"training: expected .* got refine and objective contradict each other"):
        load_recipe({**PLAIN, "training": {"refine": {"samples": 4}, "objective": {"kind": "likelihood"}}})


def test_a_refinement_without_a_start_is_named_by_the_key_that_was_written() -> None:
    for key, value in {"refine": {}, "objective": {"kind": "refinement"}}.items():
        with pytest.raises(UserError, match=rf"training\.{key}: expected training\.start_from"):
            load_recipe({**PLAIN, "training": {key: value}})


def test_a_rule_may_be_set_without_its_kind() -> None:
    assert load_recipe(PLAIN, ["training.gradient.norm=2"]).training.gradient == Clip(norm=2.0)
    with pytest.raises(UserError, match=r"training\.gradient\.norm: expected greater than or equal to 0"):
        load_recipe(PLAIN, ["training.gradient.norm=-2"])
