"""The loop's laws: what is computed depends on seed and options, not on kills, resumptions or processes."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nmt.errors import UserError
from nmt.models.gnmt import GNMT
from nmt.nn.clipping import Clipping
from nmt.training.checkpoint import LAST
from nmt.training.distributed import process_count, started_processes
from nmt.training.optimizer import NAG, AdamThenSGD
from nmt.training.schedule import Constant, Plateau
from tests.unit.training.driver import Silence, final_weights, options, prepared, trainer
from tests.unit.training.runs import ALONE, Prepared, interrupting, logged, run_two_processes, start


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


def train(data: Prepared, name: str, reporter: Silence | None = None, **changes: Any) -> Path:
    directory, store, tokenizers = data
    training = options(best_by="loss", **changes)
    trainer(directory / name, store, tokenizers, ALONE, training, reporter=reporter or Silence()).train()
    return directory / name


def test_it_learns(data: Prepared) -> None:
    records = [r for r in logged(train(data, "learns", updates=60)) if r["event"] == "progress"]
    assert records[-1]["loss"] < 0.75 * records[0]["loss"]
    assert [record["update"] for record in records] == list(range(1, 61))
    assert records[-1]["epoch"] > 1


def test_every_update_shows_and_so_does_a_validation(data: Prepared) -> None:
    """Long before the first log line."""
    watching = Silence()
    train(data, "moves", watching, updates=8, validate_every=4, log_every=1000)
    updates = [moved.update for moved in watching.moves if moved.validated is None]
    assert updates == list(range(1, 9))
    assert all(moved.seconds_left is not None for moved in watching.moves)
    shares = [moved.validated for moved in watching.moves if moved.update == 4 and moved.validated is not None]
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)
    assert len(shares) > 3


def test_the_seed_decides_everything(data: Prepared) -> None:
    first, second, other = train(data, "a"), train(data, "b"), train(data, "c", seed=2)
    assert torch.equal(final_weights(first), final_weights(second))
    assert logged(first) == logged(second)
    assert not torch.equal(final_weights(first), final_weights(other))


def test_a_training_in_two_parts_is_the_training_in_one(data: Prepared) -> None:
    """More updates continue a finished training, to the same losses to the last bit."""
    whole, parts = train(data, "whole"), train(data, "parts", updates=11)
    train(data, "parts")
    assert torch.equal(final_weights(whole), final_weights(parts))

    def losses(path: Path) -> list[tuple[int, float]]:
        return [(r["update"], r["loss"]) for r in logged(path) if r["event"] == "progress"]

    assert losses(whole) == losses(parts)


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_ends_with_the_same_weights(data: Prepared) -> None:
    whole = train(data, "unkilled", updates=60)
    killed = data[0] / "killed"
    moments = random.Random(11)
    for _ in range(10):
        process, before = start(killed, 60), _updates(killed)
        while _updates(killed) <= before and process.poll() is None:  # past the start: the kill shall hit the loop
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.04))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(killed, 60)
    _, errors = process.wait(timeout=300)
    assert process.returncode == 0, errors
    assert torch.equal(final_weights(whole), final_weights(killed))
    assert [r for r in logged(whole) if r["event"] == "progress"] == [
        r for r in logged(killed) if r["event"] == "progress"
    ]


def test_a_plateau_lowers_the_rate_and_ends_the_training(data: Prepared) -> None:
    """A rate too high to learn with falls by validations, and the training ends before its last update."""
    schedule = Plateau(learning_rate=1.0, factor=0.1, final_learning_rate=0.1, keep_falling=True)
    reporter = Silence()
    directory = train(
        data, "plateau", reporter, updates=200, validate_every=4, schedule=schedule, optimizer=NAG(momentum=0.9)
    )
    rates = {r["update"]: r["learning_rate"] for r in logged(directory) if r["event"] == "progress"}
    losses = [r["loss"] for r in logged(directory) if r["event"] == "validated" and r["what"] == "weights"]
    stalled = next(n for n, loss in enumerate(losses) if n and loss >= min(losses[:n])) + 1  # validations until then
    assert max(rates) == 4 * (stalled + 1)
    assert sorted(set(rates.values())) == pytest.approx([0.1, 1.0])
    assert [n for n, rate in rates.items() if rate < 1] == list(range(4 * stalled + 1, 4 * stalled + 5))
    assert sum("learning rate" in str(event) for event in reporter.events) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": AdamThenSGD(adam_updates=7, adam_learning_rate=3e-3), "schedule": Constant(learning_rate=0.1)},
        {"optimizer": NAG(), "schedule": Plateau(learning_rate=0.01, factor=0.5, keep_falling=False)},
        {"ema_decay": 0.9},
    ],
)
@pytest.mark.parametrize("stop_at", [6, 9])
def test_every_optimiser_goes_on_where_it_was(
    data: Prepared, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], stop_at: int
) -> None:
    directory, store, tokenizers = data
    name = "_".join([*(str(value) for value in changes.values()), str(stop_at)]).replace(" ", "_")
    whole = train(data, f"whole_{name}", **changes)
    stopped = trainer(directory / name, store, tokenizers, ALONE, options(best_by="loss", **changes))
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
    assert not stopped.train().finished
    assert torch.equal(final_weights(whole), final_weights(train(data, name, **changes)))
    assert logged(whole) == logged(directory / name)


def test_the_moving_average_is_what_validates_and_is_kept(data: Prepared) -> None:
    """With a decay that never forgets the start, the kept weights lag behind those that are trained."""
    plain, averaged = train(data, "no_ema"), train(data, "ema", ema_decay=0.999)
    assert torch.equal(final_weights(plain), final_weights(averaged))  # training itself is the same
    last = load_file(averaged / "checkpoints" / LAST)
    kept = load_file(averaged / "checkpoints" / "weights_00000024.safetensors")
    assert all(torch.equal(tensor, last[f"ema/{name}"]) for name, tensor in kept.items() if f"ema/{name}" in last)
    other = load_file(plain / "checkpoints" / "weights_00000024.safetensors")
    assert not any(torch.equal(kept[name], other[name]) for name in kept)


def test_what_a_model_anneals_goes_on_where_it_was(data: Prepared) -> None:
    """GNMT's bound follows the updates, is in the checkpoint, and a stop in between changes nothing."""
    clipping = Clipping(start=8.0, end=1.0, from_update=4, until_update=20)
    config = GNMT.Config(model_dim=8, encoder_layers=2, decoder_layers=2, clipping=clipping)

    def trained(name: str, updates: int) -> None:
        training = options(best_by="loss", updates=updates)
        trainer(data[0] / name, *data[1:], ALONE, training, config=config).train()

    trained("annealed-parts", 11)
    assert resumed_delta(data, config) == pytest.approx(8.0 - 7.0 * 7 / 16)
    trained("annealed-parts", 24)
    trained("annealed-whole", 24)
    assert torch.equal(final_weights(data[0] / "annealed-parts"), final_weights(data[0] / "annealed-whole"))


def resumed_delta(data: Prepared, config: GNMT.Config) -> float:
    resumed = trainer(data[0] / "annealed-parts", *data[1:], ALONE, options(best_by="loss"), config=config)
    return float(resumed.flat.others["limit.delta"])


def _updates(directory: Path) -> int:
    path = directory / "log.jsonl"
    return path.read_text(encoding="utf-8").count("\n") if path.exists() else 0


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one_that_accumulates_two(data: Prepared) -> None:
    alone, together = train(data, "accumulating"), data[0] / "together"
    run_two_processes(together)
    assert torch.equal(final_weights(alone), final_weights(together))
    assert [r for r in logged(alone) if r["event"] == "progress"] == [
        r for r in logged(together) if r["event"] == "progress"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_ends_cleanly(data: Prepared, number: signal.Signals) -> None:
    directory = data[0] / f"signal{number}"
    process = start(directory, 100_000)
    deadline = time.monotonic() + 60
    while _updates(directory) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.wait(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    stopped_at = int(output.split()[0])
    steps = load_file(directory / "checkpoints" / LAST)["optimizer.step"].item()
    assert steps == stopped_at == logged(directory)[-1]["update"]


def test_a_gradient_that_is_not_finite_is_skipped_and_explained(data: Prepared) -> None:
    heard = Silence()
    with pytest.raises(UserError, match=r"diverged.*learning_rate"):
        train(data, "diverges", heard, schedule=Constant(learning_rate=1e30), max_bad_updates=3)
    notes = [event for event in heard.events if isinstance(event, str)]
    assert len(notes) == 3
    assert "not finite" in notes[0]


def test_patience_ends_training(data: Prepared) -> None:
    """A learning rate of nearly nothing: no validation is better than the first by BLEU, which stays 0."""
    directory, store, tokenizers = data
    training = options(updates=1000, patience=2, validate_every=4, schedule=Constant(learning_rate=1e-9))
    result = trainer(directory / "patience", store, tokenizers, ALONE, training).train()
    assert result.finished
    assert result.position.update == 12
    assert result.position.scores.best_update == 4


def test_only_the_needed_weights_are_kept(data: Prepared) -> None:
    directory = train(data, "kept", validate_every=2, average_checkpoints=3, updates=20) / "checkpoints"
    kept = {int(path.stem.split("_")[1]) for path in directory.glob("weights_*")}
    assert {16, 18, 20} <= kept
    assert len(kept) <= 4


def test_resegmented_training_is_reproducible_too(data: Prepared) -> None:
    directory, store, tokenizers = data
    weights = []
    for name in ("resegmented1", "resegmented2"):
        trainer(directory / name, store, tokenizers, ALONE, options(updates=6), resegment=True).train()
        weights.append(final_weights(directory / name))
    assert torch.equal(*weights)


def test_bf16_trains_in_fp32_weights(data: Prepared) -> None:
    directory = train(data, "bf16", precision="bf16", updates=60)
    assert final_weights(directory).dtype == torch.float32
    records = [r for r in logged(directory) if r["event"] == "progress"]
    assert records[-1]["loss"] < 0.75 * records[0]["loss"]


def test_process_count() -> None:
    assert process_count(0, 1, "cpu") == 1
    assert process_count(2, 4, "cpu") == 2
    with pytest.raises(UserError, match="micro_batches"):
        process_count(3, 4, "cpu")


def test_gathered_shares_come_back_in_order() -> None:
    items = list(range(7))
    assert ALONE.gather(ALONE.share(items)) == items


def test_a_stop_at_a_validation_does_not_lose_the_validation(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the signal comes just before or just after update 8, the log is that of an undisturbed training."""
    whole = [r for r in logged(train(data, "undisturbed")) if r["event"] == "validated"]
    for stop_at in (7, 8, 9):
        directory, store, tokenizers = data
        name = directory / f"stopped{stop_at}"
        stopped = trainer(name, store, tokenizers, ALONE, options(best_by="loss"))
        monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
        result = stopped.train()
        assert not result.finished
        assert result.position.update == stop_at
        assert trainer(name, store, tokenizers, ALONE, options(best_by="loss")).train().finished
        assert [r for r in logged(name) if r["event"] == "validated"] == whole


def test_a_stop_during_the_last_update_does_not_lose_its_validation(
    data: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, store, tokenizers = data
    name = directory / "stopped_last"
    stopped = trainer(name, store, tokenizers, ALONE, options(best_by="loss", updates=5))
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, 5))
    assert not stopped.train().finished
    result = trainer(name, store, tokenizers, ALONE, options(best_by="loss", updates=5)).train()
    assert result.finished
    assert result.position.scores.best_update == 5


def test_log_lines_after_a_stop_average_what_came_before_it(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, store, tokenizers = data
    changes: dict[str, Any] = {"log_every": 6, "best_by": "loss"}
    whole = train(data, "every_sixth", log_every=6)
    stopped = trainer(directory / "stopped_between", store, tokenizers, ALONE, options(**changes))
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, 9))
    stopped.train()
    trainer(directory / "stopped_between", store, tokenizers, ALONE, options(**changes)).train()
    assert logged(whole) == logged(directory / "stopped_between")


def test_weights_that_the_checkpoint_names_are_still_there(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after new weights are written and before the checkpoint is: the old checkpoint's weights must exist."""
    directory, store, tokenizers = data
    name = directory / "killed_between"
    training = options(best_by="loss", validate_every=2, save_every=1000, average_checkpoints=1, updates=10)
    killed = trainer(name, store, tokenizers, ALONE, training)
    saves = []

    def save() -> None:
        saves.append(killed.position.update)
        if killed.position.update == 6:
            raise KeyboardInterrupt
        killed.checkpoints.save(killed.position, killed.flat, killed.optimizer, killed.ema)

    monkeypatch.setattr(killed, "_save", save)
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    assert saves == [2, 4, 6]
    position = trainer(name, store, tokenizers, ALONE, training).position
    assert position.update == 4
    for update in {*position.kept, position.scores.best_update}:
        assert killed.checkpoints.weights_path(update).exists()


def test_resuming_puts_the_optimiser_where_the_parameters_are(data: Prepared) -> None:
    directory, store, tokenizers = data
    train(data, "moved")
    resumed = trainer(directory / "moved", store, tokenizers, ALONE, options())
    (group,) = resumed.flat.groups
    state = resumed.optimizer.state[group.parameter]
    assert sorted(state) == ["exp_avg", "exp_avg_sq", "step"]
    assert {tensor.shape for tensor in state.values()} == {resumed.flat.values.shape, torch.Size([])}
    assert {tensor.device for tensor in state.values()} == {resumed.flat.values.device}


def test_the_log_survives_a_line_that_a_kill_cut(data: Prepared) -> None:
    directory = train(data, "cut", updates=8)
    path = directory / "log.jsonl"
    whole = path.read_bytes()
    sample = json.dumps({"event": "progress", "update": 8, "note": "a\u2028b"}, ensure_ascii=False).encode() + b"\n"
    path.write_bytes(whole + sample + '{"event": "ä'.encode()[:-1])
    _, store, tokenizers = data
    trainer(directory, store, tokenizers, ALONE, options(updates=8)).train()
    kept = path.read_bytes()
    assert sample in kept
    assert [json.loads(line)["event"] for line in kept.splitlines()].count("progress") == 9


def test_checkpoints_are_readable_by_others(data: Prepared) -> None:
    directory = train(data, "readable", updates=4)
    umask = os.umask(0)
    os.umask(umask)
    modes = {path.stat().st_mode & 0o777 for path in (directory / "checkpoints").iterdir()}
    assert modes == {0o666 & ~umask}


def test_a_process_that_dies_at_its_start_is_noticed() -> None:
    start = time.monotonic()
    with pytest.raises(UserError, match="status 2"), started_processes(2, ["--no-such-option"]):
        raise AssertionError("not reached")
    assert time.monotonic() - start < 30
    assert "RANK" not in os.environ
