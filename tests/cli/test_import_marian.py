from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from nmt.bundle import load_bundle, read_metadata
from nmt.cli.importing import command as import_group
from nmt.cli.main import main
from nmt.cli.translate import command as translate
from nmt.errors import UserError
from tests.unit.interop.marian_directory import save


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    return save(tmp_path / "opus-mt-en-de")


def run(directory: Path, *options: str) -> Result:
    arguments = ["marian", str(directory), *options, str(directory.parent / "out")]
    return CliRunner().invoke(import_group, arguments, catch_exceptions=False)


def test_an_imported_model_translates(directory: Path) -> None:
    out = directory.parent / "out"
    shown = run(directory).output
    for part in ("marian MarianMTModel", "transformer", "en → de", "sentencepiece_vocabulary", "beam 4"):
        assert part in shown
    assert f'echo "…" | nmt translate {out}' in shown
    lines = "the cat\n\n>>deu<< the cat\n</s>\n"
    found = CliRunner().invoke(translate, [str(out), "--workers", "0"], input=lines, catch_exceptions=False)
    assert len(found.stdout.splitlines()) == 4
    assert found.stdout.splitlines()[1] == ""
    provenance = read_metadata(out).provenance
    assert (provenance["directory"], provenance["weights"]) == ("opus-mt-en-de", "model.safetensors")


def test_search_and_languages_can_be_set(directory: Path) -> None:
    run(directory, "--beam", "2", "--early-stopping", "--no-stop-at-current-length", "--target-language", "deu")
    bundle = load_bundle(directory.parent / "out")
    search = bundle.recipe["search"]
    assert (search["beam"], search["early_stopping"], search["stop_at_current_length"]) == (2, True, False)
    assert (bundle.metadata.source_language, bundle.metadata.target_language) == ("en", "deu")


def test_nothing_is_written_where_something_is_wrong(directory: Path) -> None:
    out = directory.parent / "out"
    (directory / "target.spm").unlink()
    with pytest.raises(UserError, match=r"target\.spm"):
        run(directory)
    assert not out.exists()
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a model"):
        run(directory, "--force")


def test_a_mistake_is_one_line(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "config.json").unlink()
    with pytest.raises(SystemExit) as ended:
        main(["import", "marian", str(directory), str(directory.parent / "out")])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "config.json" in line
