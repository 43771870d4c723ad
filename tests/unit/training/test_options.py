"""Short forms in the `training` section mean what their long forms mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.options import renewed_options
from nmt.recipe import load_recipe
from nmt.training import Training
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


def test_what_earlier_versions_recorded_is_the_same_training() -> None:
    """The records of stages are compared with today's recipe so."""
    assert renewed_options(Training, {"label_smoothing": 0.1, "refine": None}) == Training()
    recorded = {"refine": {"samples": 4, "unit": "pieces"}}
    assert renewed_options(Training, recorded) == Training(objective=Refinement(samples=4, unit="pieces"))


def test_two_that_say_different_things_are_refused() -> None:
    with pytest.raises(UserError, match=r"training: expected .* got refine and objective say different things"):
        load_recipe({**PLAIN, "training": {"refine": {"samples": 4}, "objective": {"kind": "likelihood"}}})


def test_a_refinement_without_a_start_is_named_by_the_key_that_was_written() -> None:
    for key, value in {"refine": {}, "objective": {"kind": "refinement"}}.items():
        with pytest.raises(UserError, match=rf"training\.{key}: expected training\.start_from"):
            load_recipe({**PLAIN, "training": {key: value}})
