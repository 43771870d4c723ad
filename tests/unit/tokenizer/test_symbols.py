"""Closed alphabets: the ids, the text back, the file, and what is none of the alphabet."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.text import clean_line
from nmt.tokenizer import SPECIAL, TokenizerPair, load_tokenizers
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.symbols import SymbolsOptions, SymbolTokenizer, Unit

SOURCE = ["b a c a", "a <s> b", "", "a  b\u00a0▁"]
TARGET = ["x a", "y x", "x", "z"]
UNITS: tuple[Unit, ...] = get_args(Unit)
FIRST = SPECIAL.eos + 1


def made(directory: Path, **options: object) -> TokenizerPair:
    for name, lines in (("source", SOURCE), ("target", TARGET)):
        (directory / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    made_with = SymbolsOptions.model_validate(options)
    return made_with.train(directory / "source", directory / "target", directory)


def alphabet(tokenizer: object) -> list[str]:
    assert isinstance(tokenizer, SymbolTokenizer)
    return tokenizer.pieces(range(FIRST, tokenizer.vocabulary_size))


def test_the_most_frequent_come_first_and_equals_by_code_point(tmp_path: Path) -> None:
    words = made(tmp_path, unit="words", joint=False)
    assert alphabet(words.source) == ["a", "b", "<s>", "c", "▁"]
    assert alphabet(words.target) == ["x", "a", "y", "z"]
    characters = made(tmp_path, unit="characters", joint=False)
    assert alphabet(characters.source)[:2] == ["▁", "a"]  # the blank is the most frequent
    assert alphabet(characters.target) == ["x", "▁", "a", "y", "z"]
    assert alphabet(made(tmp_path, unit="words").source) == ["a", "b", "x", "<s>", "c", "y", "z", "▁"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("joint", [True, False])
def test_training_text_comes_back_and_has_no_unknown_symbol(tmp_path: Path, unit: Unit, joint: bool) -> None:
    pair = made(tmp_path, unit=unit, joint=joint)
    assert pair.joint == joint
    for tokenizer, lines in ((pair.source, SOURCE), (pair.target, TARGET)):
        assert tokenizer.reading() is tokenizer
        for line in map(clean_line, lines):
            ids = tokenizer.encode(line)
            assert all(FIRST <= token < tokenizer.vocabulary_size for token in ids)
            assert tokenizer.decode([SPECIAL.bos, *ids, SPECIAL.eos, SPECIAL.pad]) == line
            assert len(ids) == (len(line) if unit == "characters" else len(line.split()))
        assert tokenizer.encode_sampled(lines, 1) == [tokenizer.encode(line) for line in lines]


@pytest.mark.parametrize("unit", UNITS)
@given(data=st.data())
def test_other_symbols_are_unknown_and_give_no_text(unit: Unit, data: st.DataObject) -> None:
    symbols = [" ", *"ab<s>▁"] if unit == "characters" else ["a", "b", "<s>", "▁"]
    tokenizer = SymbolTokenizer(["<pad>", "<unk>", "<s>", "</s>", *symbols], SymbolsOptions(unit=unit))
    line = clean_line(data.draw(st.text(st.sampled_from("abcxyz<s>▁ ?é"))))
    ids = tokenizer.encode(line)
    known = alphabet(tokenizer)
    said = [symbol.replace(" ", "▁") for symbol in (line if unit == "characters" else line.split())]
    assert [token != SPECIAL.unk for token in ids] == [symbol in known for symbol in said]
    if SPECIAL.unk not in ids:
        assert tokenizer.decode(ids) == line
    drawn = data.draw(st.lists(st.integers(0, tokenizer.vocabulary_size - 1)))
    text = tokenizer.decode(drawn)
    assert text == clean_line(text) == tokenizer.decode([token for token in drawn if token >= FIRST])
    assert len(tokenizer.pieces(drawn)) == len(drawn)


def test_text_never_spells_a_special_token(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, unit="words").source
    assert tokenizer.encode("<pad> </s> <unk>") == [SPECIAL.unk] * 3
    assert tokenizer.encode("<s>") == [FIRST + alphabet(tokenizer).index("<s>")]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("joint", [True, False])
def test_saved_and_loaded(tmp_path: Path, unit: Unit, joint: bool) -> None:
    pair = made(tmp_path, unit=unit, joint=joint)
    loaded = load_tokenizers(tmp_path)
    assert loaded.joint == joint
    for before, after in ((pair.source, loaded.source), (pair.target, loaded.target)):
        assert (after.digest, after.options, after.vocabulary_size) == (
            before.digest,
            before.options,
            before.vocabulary_size,
        )
        assert pickle.loads(pickle.dumps(after)).digest == before.digest
        assert after.encode("a b x") == before.encode("a b x")
    assert loaded.source.digest == file_digest(tmp_path / ("joint.model" if joint else "source.model"))
    assert ExistingTokenizer(directory=tmp_path).joint == joint
    again = made(tmp_path, unit=unit, joint=joint)
    assert again.source.digest == pair.source.digest
    other = made(tmp_path, unit=next(other for other in UNITS if other != unit), joint=joint)
    assert other.source.digest != pair.source.digest


@pytest.mark.parametrize(
    ("vocabulary", "unit"),
    [
        (["a", "a"], "words"),
        (["a b"], "words"),
        ([" "], "words"),
        ([""], "words"),
        (["a\n"], "words"),
        (["ab"], "characters"),
        ([""], "characters"),
        (["\n"], "characters"),
        (["\ud800"], "characters"),
        ([], "words"),
        ([7], "words"),
    ],
)
def test_files_that_hold_no_alphabet_are_refused(tmp_path: Path, vocabulary: list[object], unit: Unit) -> None:
    content = {"format": 1, "unit": unit, "vocabulary": ["<pad>", "<unk>", "<s>", "</s>", *vocabulary]}
    (tmp_path / "joint.model").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=f"an alphabet of {unit}"):
        SymbolsOptions(unit=unit).load(tmp_path / "joint.model")


def test_a_file_of_the_other_unit_is_refused(tmp_path: Path) -> None:
    made(tmp_path, unit="words")
    with pytest.raises(UserError, match="an alphabet of characters.*an alphabet of words"):
        SymbolsOptions(unit="characters").load(tmp_path / "joint.model")


def test_text_that_is_of_no_closed_alphabet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.most_symbols=7 different words"):
        made(tmp_path, unit="words", most_symbols=7)
    assert made(tmp_path, unit="words", most_symbols=8).source.vocabulary_size == FIRST + 8
    for name in ("source", "target"):
        (tmp_path / name).write_text(" \n\n", encoding="utf-8")
    with pytest.raises(UserError, match="no line with text"):
        SymbolsOptions().train(tmp_path / "source", tmp_path / "target", tmp_path)
