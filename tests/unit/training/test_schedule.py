"""Learning rates at points that are worked out by hand."""

from __future__ import annotations

import pytest

from nmt.training.schedule import Constant, Cosine, InverseSquareRoot, Linear, Noam


def test_inverse_square_root() -> None:
    schedule = InverseSquareRoot(learning_rate=5e-4, warmup_updates=4000)
    assert schedule.rate(2000, 0) == pytest.approx(2.5e-4)
    assert schedule.rate(4000, 0) == pytest.approx(5e-4)
    assert schedule.rate(16_000, 0) == pytest.approx(2.5e-4)


def test_noam_is_inverse_square_root_by_another_name() -> None:
    """Its peak is (D * warmup)^-0.5: 6.99e-4 for the Transformer-base."""
    noam = Noam(model_dim=512, warmup_updates=4000)
    twin = InverseSquareRoot(learning_rate=(512 * 4000) ** -0.5, warmup_updates=4000)
    assert noam.rate(4000, 0) == pytest.approx(6.99e-4, rel=1e-3)
    for update in (1, 100, 4000, 5000, 100_000):
        assert noam.rate(update, 0) == pytest.approx(twin.rate(update, 0))


def test_constant_after_its_warm_up() -> None:
    schedule = Constant(learning_rate=0.1, warmup_updates=10)
    assert [schedule.rate(n, 100) for n in (1, 5, 10, 100)] == pytest.approx([0.01, 0.05, 0.1, 0.1])


@pytest.mark.parametrize("kind", [Cosine, Linear])
def test_annealing_ends_at_the_final_rate(kind: type[Cosine] | type[Linear]) -> None:
    schedule = kind(learning_rate=1.0, final_learning_rate=0.1, warmup_updates=10)
    rates = [schedule.rate(n, 110) for n in range(1, 111)]
    assert rates[9] == pytest.approx(1.0)
    assert rates[59] == pytest.approx(0.55)  # half way
    assert rates[-1] == pytest.approx(0.1)
    assert rates[9:] == sorted(rates[9:], reverse=True)
