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
        ((one, tmp_path / "missing"), "nothing of this name"),
        ((alone, one), "--like"),
        ((tmp_path, one), "a folder of weights_"),
    ):
        with pytest.raises(UserError, match=words):
            average(*arguments, "-o", tmp_path / "out")
        assert not (tmp_path / "out").exists()
    average(alone, one, "--like", run / "model", "-o", tmp_path / "out")
    with pytest.raises(UserError, match="--force"):
        average(alone, one, "--like", run / "model", "-o", tmp_path / "out")


def test_other_models_are_not_averaged(run: Path, tmp_path: Path) -> None:
    average(run / "train" / "checkpoints", "-o", tmp_path / "other")
    recipe = tmp_path / "other" / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("heads: 2", "heads: 4"), encoding="utf-8")
    with pytest.raises(UserError, match="model options"):
        average(run / "model", tmp_path / "other", "-o", tmp_path / "out")
