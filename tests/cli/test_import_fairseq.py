from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from nmt.bundle import load_bundle, read_metadata
from nmt.cli.importing import command as import_group
from nmt.cli.main import main
from nmt.cli.translate import command as translate
from nmt.errors import UserError
from tests.unit.interop.fairseq_files import old_checkpoint, write_dictionaries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    old_checkpoint(tmp_path / "model.pt")
    return write_dictionaries(tmp_path)


def run(folder: Path, *options: str, out: str = "out") -> Result:
    text = ("--bpe", "subword_nmt", "--tokenizer", "moses")
    arguments = [str(folder / "model.pt"), "--dictionaries", str(folder), *text, *options, str(folder / out)]
    return CliRunner().invoke(import_group, ["fairseq", *arguments], catch_exceptions=False)


def test_an_imported_model_translates(folder: Path) -> None:
    shown = run(folder).output
    for part in ("fairseq transformer_wmt_en_de", "transformer", "en → de", "9 and 9", "subword_nmt", "beam 5"):
        assert part in shown
    assert f'echo "…" | nmt translate {folder / "out"}' in shown
    lines = "a house\n\nA house, isn't it?\n"
    found = CliRunner().invoke(translate, [str(folder / "out"), "--workers", "0"], input=lines, catch_exceptions=False)
    assert len(found.stdout.splitlines()) == 3


def test_the_search_can_be_set(folder: Path) -> None:
    run(folder, "--beam", "2", "--length-penalty", "0.6")
    search = load_bundle(folder / "out").recipe["search"]
    assert (search["beam"], search["length_penalty"], search["early_stopping"]) == (2, 0.6, True)


def test_a_model_that_is_there_is_replaced_only_by_force(folder: Path) -> None:
    run(folder)
    before = read_metadata(folder / "out")
    old_checkpoint(folder / "model.pt", arch="transformer")
    with pytest.raises(UserError, match="--force replaces it"):
        run(folder)
    assert read_metadata(folder / "out") == before
    run(folder, "--force")
    assert read_metadata(folder / "out").provenance["architecture"] == "transformer"


def test_another_folder_is_never_replaced(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="an existing path that is not a model"):
        run(folder, "--force")
    assert (folder / "out" / "thesis.txt").exists()


def test_a_refused_checkpoint_leaves_nothing_behind(folder: Path) -> None:
    old_checkpoint(folder / "model.pt", layernorm_embedding=True)
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match="source_embedding_norm"):
        run(folder)
    assert sorted(folder.iterdir()) == before


class _Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch hostile-ran",)


def test_a_hostile_checkpoint_ends_with_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    torch.save({"model": {}, "args": _Hostile()}, folder / "model.pt")
    with pytest.raises(SystemExit) as ended:
        main(["import", "fairseq", str(folder / "model.pt"), "--dictionaries", str(folder), str(folder / "out")])
    assert ended.value.code == 2
    assert "Nothing was run" in capsys.readouterr().err
    assert not (folder / "hostile-ran").exists()


def test_the_help_teaches() -> None:
    shown = CliRunner().invoke(import_group, ["fairseq", "--help"], catch_exceptions=False).output
    assert "wmt19.en-de.joined-dict.single_model" in shown
    assert "--bpe fastbpe" in shown
    assert "fairseq" in CliRunner().invoke(import_group, ["--help"], catch_exceptions=False).output
