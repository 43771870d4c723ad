"""News text, with its quotes, dashes, numbers and foreign names: our ids and our detokenised text are fairseq's."""

from __future__ import annotations

import io
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from nmt.interop.fairseq.dictionary import read_dictionary
from nmt.text import clean_line, read_lines
from nmt.tokenizer.bpe import read_merges
from nmt.tokenizer.moses_bpe import MosesBPEOptions, MosesBPETokenizer
from tests.conftest import corpus_directory
from tests.parity.fairseq_programs import write_lines
from tests.parity.reference import their_ids

LINES = 600


@pytest.fixture(scope="module", params=["de", "en"])
def news(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """The language and its lines, as a model sees them."""
    name = {"de": "newstest2013.de.gz", "en": "newsdev2016.en.gz"}[request.param]
    lines = [clean_line(line) for line in read_lines(corpus_directory("newstest") / name)]
    return request.param, lines[:LINES]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")  # subword-nmt's reader leaves its file open
@pytest.mark.parametrize("kind", ["subword_nmt", "fastbpe"])
@pytest.mark.parametrize("escape", [True, False])
def test_ids_and_text(kind: Any, escape: bool, news: tuple[str, list[str]], tmp_path: Path) -> None:
    from fairseq.data import Dictionary
    from fairseq.data.encoders import build_bpe, build_tokenizer

    language, lines = news
    moses = build_tokenizer(
        Namespace(tokenizer="moses", source_lang=language, target_lang=language, moses_no_escape=not escape,
                  moses_no_dash_splits=False)
    )  # fmt: skip
    codes = _codes(tmp_path, [moses.encode(line) for line in lines[: LINES // 2]], kind)
    bpe = build_bpe(Namespace(bpe=kind, bpe_codes=str(codes), bpe_separator="@@"))
    pieces = [bpe.encode(moses.encode(line)) for line in lines]
    dictionary = Dictionary()
    for line in pieces[: LINES // 2]:  # so that some pieces of the others are unknown
        dictionary.encode_line(line)
    dictionary.finalize()
    dictionary.save(str(tmp_path / "dict.txt"))

    options = MosesBPEOptions(moses=language, escape=escape)
    ours = MosesBPETokenizer(read_dictionary(tmp_path / "dict.txt"), read_merges(codes, kind), options)
    assert ours.vocabulary_size == len(dictionary)
    unknown = 0
    for line, cut in zip(lines, pieces, strict=True):
        theirs = dictionary.encode_line(cut, add_if_not_exist=False, append_eos=False).long()
        ids = ours.encode(line)
        assert their_ids(theirs.new_tensor(ids)).tolist() == theirs.tolist()
        assert ours.decode(ids) == moses.decode(bpe.decode(dictionary.string(theirs)))
        unknown += int((theirs == dictionary.unk()).sum())
    assert unknown, "no piece was unknown"


def _codes(directory: Path, lines: list[str], kind: str) -> Path:
    from subword_nmt.learn_bpe import learn_bpe

    codes = io.StringIO()
    learn_bpe(io.StringIO("\n".join(lines)), codes, 500)
    learned = codes.getvalue().splitlines()
    return write_lines(directory / "codes", learned if kind == "subword_nmt" else [f"{pair} 1" for pair in learned[1:]])
