"""Learning rates at points that are worked out by hand."""

from __future__ import annotations

import pytest

from nmt.training.schedule import Constant, Cosine, Halving, InverseSquareRoot, Linear, Noam, Plateau


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


def test_halving_as_gnmt_was_trained() -> None:
    schedule = Halving(learning_rate=0.5, hold_updates=1_200_000, halve_every=200_000)
    points = (1, 1_200_000, 1_200_001, 1_400_000, 1_400_001, 1_999_999)
    assert [schedule.rate(n, 0) for n in points] == [0.5, 0.5, 0.25, 0.25, 0.125, 0.03125]


def losses_to_rates(schedule: Plateau, losses: list[float]) -> list[float]:
    """The rate after each validation, as the trainer keeps count."""
    rates, best, stale, reductions = [], float("inf"), 0, 0
    for loss in losses:
        best, stale = (loss, 0) if loss < best else (best, stale + 1)
        if schedule.reduces(stale, reductions):
            reductions, stale = reductions + 1, 0
        rates.append(schedule.rate(1, 1, reductions))
    return rates


def test_plateau_as_convs2s_was_trained() -> None:
    """A tenth after each validation once the loss has stopped falling, to the end at a rate under 1e-4."""
    schedule = Plateau()
    rates = losses_to_rates(schedule, [5, 4, 4, 3, 2, 1])
    assert rates == pytest.approx([0.25, 0.25, 0.025, 0.0025, 0.00025, 0.000025])
    assert [schedule.ended(n) for n in range(6)] == [False, False, False, False, True, True]


def test_plateau_that_waits_for_the_next_one() -> None:
    schedule = Plateau(learning_rate=1.0, factor=0.5, patience=2, keep_falling=False, final_learning_rate=0.25)
    assert losses_to_rates(schedule, [5, 4, 4, 4, 4, 3, 3, 3]) == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]
    assert not schedule.ended(2)  # reached is not yet under
    assert schedule.ended(3)


def test_plateau_warms_up() -> None:
    assert [Plateau(learning_rate=1.0, warmup_updates=4).rate(n, 10) for n in (1, 2, 4, 9)] == [0.25, 0.5, 1, 1]
