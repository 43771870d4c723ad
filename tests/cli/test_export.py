"""`nmt export`: what is written, what it says to do with it, and what it does not overwrite."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sentencepiece import SentencePieceProcessor

from nmt.cli.export import command
from nmt.cli.translate import command as translate
from nmt.errors import UserError
from nmt.interop.ctranslate2.specification import SPECIAL_NAMES, piece_names
from nmt.tokenizer import TokenizerPair, load_tokenizers
from nmt.tokenizer.symbols import SymbolsOptions, SymbolTokenizer
from tests.cli.model_directory import save_tiny_model
from tests.unit.interop.ctranslate2_models import WORDS, reversing_model, save


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def export(*arguments: Path | str) -> str:
    return CliRunner().invoke(command, ["ctranslate2", *map(str, arguments)], catch_exceptions=False).stdout


def output_of(program: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(program, {})
    return output.getvalue()


def test_the_program_that_it_shows_runs(tiny: Path, tmp_path: Path) -> None:
    program = export(tiny, tmp_path / "out")
    assert "import nmt" not in program
    assert program.count("\n") == 5
    assert output_of(program).count("\n") == 1


def test_sentencepiece_alone_names_the_pieces(tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path / "out")
    model = SentencePieceProcessor(model_file=str(tmp_path / "out" / "tokenizer" / "joint.model"))
    ids = list(range(model.get_piece_size()))
    assert piece_names(load_tokenizers(tmp_path / "out" / "tokenizer").source) == model.id_to_piece(ids)


def test_the_program_for_another_tokenizer_translates_as_we_do(tmp_path: Path) -> None:
    bundle, line = reversing_model(), "word3 word1 word4 word15"
    symbols = SymbolTokenizer([*SPECIAL_NAMES, *WORDS], SymbolsOptions(unit="words"))
    metadata = bundle.metadata.model_copy(
        update={"tokenizer_digests": {"source": symbols.digest, "target": symbols.digest}}
    )
    for name, of in (
        ("moses", bundle),
        ("symbols", replace(bundle, tokenizers=TokenizerPair(symbols, symbols), metadata=metadata)),
    ):
        model = save(tmp_path / name, of)
        program = export(model, tmp_path / f"{name}_out")
        assert "A line of en." in program
        search = "--length-normalization power --length-penalty 1 --early-stopping --workers 0 --precision fp32".split()
        ours = CliRunner().invoke(translate, [str(model), *search], input=line, catch_exceptions=False).stdout
        assert output_of(program.replace("A line of en.", line)) == ours


def test_only_an_export_is_replaced_and_only_by_force(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(tiny, out)
    size = (out / "model.bin").stat().st_size
    with pytest.raises(UserError, match="--force"):
        export(tiny, out, "--quantization", "int8")
    assert (out / "model.bin").stat().st_size == size
    export(tiny, out, "--quantization", "int8", "--force")
    assert (out / "model.bin").stat().st_size < size
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").write_text("years of work")
    for precious in (tmp_path / "thesis", tmp_path / "thesis" / "text", tiny):
        with pytest.raises(UserError):
            export(tiny, precious, "--force")
    assert (tmp_path / "thesis" / "text").read_text() == "years of work"
    assert (tiny / "metadata.json").is_file()
