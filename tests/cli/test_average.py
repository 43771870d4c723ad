"""`nmt average`: the mean of weights, as a model directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from nmt.bundle import load_bundle, read_metadata
from nmt.cli.average import command
from nmt.errors import UserError
from nmt.models.deq import DEQ, Pretraining
from nmt.pipeline.quantizing import quantize_model
from tests.cli.model_directory import save_tiny_model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with a model and three checkpoints."""
    folder = tmp_path_factory.mktemp("run")
    model = save_tiny_model(folder)
    checkpoints = folder / "train" / "checkpoints"
    checkpoints.mkdir(parents=True)
    weights = load_file(model / "weights.safetensors")
    for number in range(3):
        moved = {name: tensor + number for name, tensor in weights.items()}
        save_file(moved, checkpoints / f"weights_{number:08d}.safetensors")
    return folder


def average(*arguments: Path | str) -> str:
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False).output


def test_the_checkpoints_of_a_run(run: Path, tmp_path: Path) -> None:
    assert "out" in average(run / "train" / "checkpoints", "-o", tmp_path / "out")
    found, start = (load_file(folder / "weights.safetensors") for folder in (tmp_path / "out", run / "model"))
    for name, tensor in start.items():
        torch.testing.assert_close(found[name], tensor + 1)
    metadata = read_metadata(tmp_path / "out")
    assert metadata.scores == {}  # those of another model
    assert len(metadata.provenance["average_of"]) == 3
    assert load_bundle(tmp_path / "out").tokenizers.joint


def test_model_directories_and_files_together(run: Path, tmp_path: Path) -> None:
    average(run / "model", run / "train" / "checkpoints" / "weights_00000002.safetensors", "-o", tmp_path / "out")
    found, start = (load_file(folder / "weights.safetensors") for folder in (tmp_path / "out", run / "model"))
    torch.testing.assert_close(found["source_embedding.weight"], start["source_embedding.weight"] + 1)


def test_mistakes(run: Path, tmp_path: Path) -> None:
    one = run / "train" / "checkpoints" / "weights_00000000.safetensors"
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(one.read_bytes())
    for arguments, words in (
        ((one,), "at least two"),
        ((one, tmp_path / "missing"), "no such file or folder"),
        ((alone, one), "--like"),
        ((tmp_path, one), "a folder of weights_"),
    ):
        with pytest.raises(UserError, match=words):
            average(*arguments, "-o", tmp_path / "out")
        assert not (tmp_path / "out").exists()
    average(alone, one, "--like", run / "model", "-o", tmp_path / "out")
    with pytest.raises(UserError, match="--force"):
        average(alone, one, "--like", run / "model", "-o", tmp_path / "out")
    average(alone, one, "--like", run / "model", "-o", tmp_path / "out", "--force")


def test_8_bit_models_are_not_averaged(run: Path, tmp_path: Path) -> None:
    quantize_model(run / "model", tmp_path / "small")
    for inputs in ((tmp_path / "small", tmp_path / "small"), (run / "model", tmp_path / "small")):
        with pytest.raises(UserError, match=r"small: .*floating-point.*8-bit.*quantise the mean"):
            average(*inputs, "-o", tmp_path / "out")
    checkpoints = run / "train" / "checkpoints"
    with pytest.raises(UserError):
        average(checkpoints, "--like", tmp_path / "small", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_but_a_model_is_replaced(run: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    for output in (precious, precious / "file", precious / "file" / "below", "/proc/none"):
        with pytest.raises(UserError):
            average(run / "model", run / "model", "-o", output, "--force")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (precious / "file").read_text() == "x"


def test_into_the_current_folder(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    average(run / "model", run / "model", "-o", ".")
    assert load_bundle(tmp_path / "empty").tokenizers.joint


def test_options_that_act_in_training_only_may_differ(run: Path, tmp_path: Path) -> None:
    """So may options that an older version did not write."""
    average(run / "train" / "checkpoints", "-o", tmp_path / "other")
    recipe = tmp_path / "other" / "recipe.yaml"
    lines = recipe.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "decoder_heads" not in line]
    assert len(kept) < len(lines)
    recipe.write_text("\n".join(kept).replace("  dropout: 0.1", "  dropout: 0.4") + "\n", encoding="utf-8")
    assert "dropout: 0.4" in recipe.read_text(encoding="utf-8")
    average(run / "model", tmp_path / "other", "-o", tmp_path / "out")


def test_other_models_are_not_averaged(run: Path, tmp_path: Path) -> None:
    average(run / "train" / "checkpoints", "-o", tmp_path / "other")
    recipe = tmp_path / "other" / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("heads: 2", "heads: 4"), encoding="utf-8")
    with pytest.raises(UserError, match="model options"):
        average(run / "model", tmp_path / "other", "-o", tmp_path / "out")


@pytest.fixture(scope="module")
def two_phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a deep equilibrium model with checkpoints of pretraining (0, 1) and of after it (2, 3)."""
    folder = tmp_path_factory.mktemp("phases")
    config = DEQ.Config(model_dim=8, feedforward_dim=8, heads=2, pretraining=Pretraining(updates=5, steps=3))
    weights = load_file(save_tiny_model(folder, config) / "weights.safetensors")
    checkpoints = folder / "train" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for number in range(4):
        moved = {name: tensor + number for name, tensor in weights.items() if name != "explicit_steps"}
        moved["explicit_steps"] = torch.tensor(3 if number < 2 else 0)
        save_file(moved, checkpoints / f"weights_{number:08d}.safetensors")
    return folder


def test_weights_of_one_phase_are_averaged_and_stay_of_it(two_phases: Path, tmp_path: Path) -> None:
    files = sorted((two_phases / "train" / "checkpoints").iterdir())
    start = load_file(two_phases / "model" / "weights.safetensors")
    for pair, steps, mean in ((files[:2], 3, 0.5), (files[2:], 0, 2.5)):
        average(*pair, "-o", tmp_path / f"out{steps}")
        found = load_file(tmp_path / f"out{steps}" / "weights.safetensors")
        assert found["explicit_steps"].item() == steps
        torch.testing.assert_close(found["source_embedding.weight"], start["source_embedding.weight"] + mean)


def test_weights_of_different_phases_are_not_averaged(two_phases: Path, tmp_path: Path) -> None:
    """They make different functions; the first file that differs is named, and what to do."""
    checkpoints = two_phases / "train" / "checkpoints"
    files = sorted(checkpoints.iterdir())
    for inputs, named in (
        ((checkpoints,), files[2]),
        ((files[1], files[2]), files[2]),
        ((files[3], files[0]), files[0]),
        ((files[2], two_phases / "model"), two_phases / "model" / "weights.safetensors"),
    ):
        with pytest.raises(UserError) as caught:
            average(*inputs, "-o", tmp_path / "out")
        assert caught.value.where == str(named)
        assert "explicit_steps" in str(caught.value)
        assert "another phase" in caught.value.fix
        assert not (tmp_path / "out").exists()
