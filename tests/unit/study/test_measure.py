from __future__ import annotations

import pytest

from nmt.study.measure import Curve, Measured, OfTest, OfValidation, UpdatesTo

CURVE = Curve((4, 8, 12), {"loss": [3.0, 1.5, 2.0], "bleu": [None, 10.0, 12.0]})
MEASURED = Measured({"mine": {"bleu": {"score": 20.0}}, "other": {"bleu": {"score": 30.0}}}, CURVE)


def test_a_test_set_is_the_first_or_the_named_one() -> None:
    assert OfTest(name="bleu").of(MEASURED) == 20.0
    assert OfTest(name="bleu", set="other").of(MEASURED) == 30.0
    assert OfTest(name="chrf").of(MEASURED) is None
    assert OfTest(name="bleu", set="absent").of(MEASURED) is None
    assert OfTest(name="bleu").of(Measured({}, CURVE)) is None


def test_a_validation_is_the_best_or_the_last() -> None:
    assert OfValidation(name="loss").of(MEASURED) == 1.5
    assert OfValidation(name="loss", at="final").of(MEASURED) == 2.0
    assert OfValidation(name="bleu").of(MEASURED) == 12.0
    assert OfValidation(name="ter").of(MEASURED) is None


@pytest.mark.parametrize(
    ("name", "value", "updates"),
    [
        ("loss", 3.0, 4),
        ("loss", 1.6, 8),
        ("loss", 1.4, None),
        ("bleu", 10.0, 8),
        ("bleu", 11.0, 12),
        ("bleu", 13.0, None),
    ],
)
def test_updates_to_a_value_in_the_measures_own_direction(name: str, value: float, updates: int | None) -> None:
    measure = UpdatesTo.model_validate({"name": name, "value": value})
    assert measure.of(MEASURED) == updates
    assert measure.lower_is_better
