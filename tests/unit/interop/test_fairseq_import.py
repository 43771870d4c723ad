"""From files on the disk to a whole model directory's contents; and what the user must say of the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from nmt.errors import UserError
from nmt.interop.fairseq.importing import import_checkpoint
from nmt.interop.fairseq.text import TextChoices
from nmt.search.options import BeamSearch
from tests.unit.interop.fairseq_files import new_checkpoint, old_checkpoint, write_dictionaries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    old_checkpoint(tmp_path / "old.pt")
    return write_dictionaries(tmp_path)


def choices(folder: Path, **given: Any) -> TextChoices:
    return TextChoices(folder, **{"bpe": "subword_nmt", "tokenizer": "moses", **given})


def test_everything_that_a_model_directory_needs(folder: Path) -> None:
    bundle = import_checkpoint(folder / "old.pt", choices(folder))
    metadata = bundle.metadata
    assert (metadata.source_language, metadata.target_language) == ("en", "de")
    assert metadata.source_vocabulary == metadata.target_vocabulary == 9
    assert (metadata.longest_source, metadata.longest_target) == (29, 39), "one position is EOS's"
    assert metadata.provenance["imported_from"] == "fairseq"
    assert metadata.provenance["updates"] == 7
    assert bundle.tokenizers.source.pieces(bundle.tokenizers.source.encode("a house")) == ["a", "hou@@", "se"]
    search = BeamSearch.model_validate(bundle.recipe["search"])
    assert (search.beam, search.length_penalty, search.length_normalization) == (5, 1.0, "power")
    assert search.max_length_offset == 39, "not 200, because there are 40 positions"


def test_the_checkpoint_may_tell(folder: Path) -> None:
    new_checkpoint(
        folder / "new.pt",
        bpe={"_name": "subword_nmt", "bpe_separator": "@@"},
        tokenizer={"_name": "moses", "moses_no_dash_splits": True, "moses_no_escape": False},
    )
    bundle = import_checkpoint(folder / "new.pt", TextChoices(folder))
    options = bundle.tokenizers.target.options.model_dump()
    assert options == {"kind": "moses_bpe", "moses": "de", "dash_splits": False, "escape": True, "mark": "@@"}
    assert bundle.metadata.provenance["bpe"] == "subword_nmt"


def test_other_languages_than_the_checkpoint_tells(folder: Path) -> None:
    (folder / "dict.de.txt").rename(folder / "dict.nl.txt")
    bundle = import_checkpoint(folder / "old.pt", choices(folder, target_language="nl"))
    assert bundle.metadata.target_language == "nl"


def test_a_sentencepiece_model(folder: Path) -> None:
    text = [f"{word} house{number}" for number in range(30) for word in ("a", "the", "my")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_prefix=str(folder / "sentencepiece.bpe"), vocab_size=24, minloglevel=2
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    pieces = dict.fromkeys([*processor.encode("the house", out_type=str), "1", "2", "3", "4", "5"])
    for language in ("en", "de"):
        lines = "".join(f"{piece} 1\n" for piece in list(pieces)[:5])
        (folder / f"dict.{language}.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(UserError, match="Give --bpe sentencepiece"):
        import_checkpoint(folder / "old.pt", choices(folder, bpe=None, tokenizer=None))
    bundle = import_checkpoint(folder / "old.pt", choices(folder, bpe="sentencepiece", tokenizer=None))
    tokenizer = bundle.tokenizers.source
    assert tokenizer.decode(tokenizer.encode("the house")) == "the house"


@pytest.mark.parametrize(
    ("given", "flag", "without"),
    [
        ({"bpe_codes": Path("codes")}, "--bpe-codes", "--bpe none"),
        ({"sentencepiece_model": Path("spm")}, "--sentencepiece-model", "--bpe none"),
        ({"moses_no_escape": True}, "--moses-no-escape", "--tokenizer none"),
        ({"moses_no_dash_splits": True}, "--moses-no-dash-splits", "--tokenizer none"),
        ({"sentencepiece_model": Path("spm"), "bpe": "subword_nmt"}, "--sentencepiece-model", "--bpe subword_nmt"),
        ({"bpe_codes": Path("codes"), "bpe": "sentencepiece"}, "--bpe-codes", "--bpe sentencepiece"),
    ],
)
def test_a_flag_without_effect_is_refused(folder: Path, given: dict[str, Any], flag: str, without: str) -> None:
    with pytest.raises(UserError, match=f"^{flag}: expected --.*, got {without}"):
        import_checkpoint(folder / "old.pt", choices(folder, **{"bpe": "none", "tokenizer": "none", **given}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bpe": None}, "Give --bpe subword_nmt or --bpe fastbpe"),
        ({"bpe": "fastbpe"}, r"bpecodes:1: expected two symbols and their count.*This looks like subword_nmt"),
        ({"bpe_codes": Path("/nowhere/codes")}, "/nowhere/codes"),
        ({"bpe": "sentencepiece"}, "--tokenizer: expected none with --bpe sentencepiece"),
        ({"bpe": "sentencepiece", "tokenizer": "none"}, "--sentencepiece-model: expected a file"),
        ({"source_language": "fr"}, r"dict\.fr\.txt: expected a readable file"),
        ({"dictionaries": Path("/nowhere")}, r"/nowhere/dict\.en\.txt"),
    ],
)
def test_what_is_missing_is_said(given: dict[str, Any], message: str, folder: Path) -> None:
    dictionaries = given.pop("dictionaries", folder)
    with pytest.raises(UserError, match=message):
        import_checkpoint(folder / "old.pt", choices(dictionaries, **given))


def test_a_dictionary_made_from_moses_words_asks_for_a_tokenizer(folder: Path) -> None:
    write_dictionaries(folder, ("a", "&apos;s", "@-@", "b", "c"))
    with pytest.raises(UserError, match="Give --tokenizer moses; or --tokenizer none"):
        import_checkpoint(folder / "old.pt", TextChoices(folder))
    assert import_checkpoint(folder / "old.pt", TextChoices(folder, tokenizer="none")).tokenizers.source.encode("a b")


def test_plain_words_need_nothing_said(folder: Path) -> None:
    write_dictionaries(folder, ("a", "b", "c", "d", "e"))
    tokenizer = import_checkpoint(folder / "old.pt", TextChoices(folder)).tokenizers.source
    assert tokenizer.pieces(tokenizer.encode("a b.")) == ["a", "<unk>"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bpe": "gpt2"}, r"old\.pt: bpe: expected none or sentencepiece"),
        ({"bpe": "fastbpe", "tokenizer": "nltk"}, r"old\.pt: tokenizer: expected moses"),
        ({"source_lang": None}, "Give --source-language"),
    ],
)
def test_what_the_checkpoint_tells_and_we_have_not(settings: dict[str, Any], message: str, folder: Path) -> None:
    old_checkpoint(folder / "old.pt", **settings)
    with pytest.raises(UserError, match=message):
        import_checkpoint(folder / "old.pt", TextChoices(folder))


def test_an_architecture_of_the_users_own(folder: Path) -> None:
    old_checkpoint(folder / "old.pt", arch="my_transformer")
    with pytest.raises(UserError, match=r"arch: expected one of .*got my_transformer.*--architecture"):
        import_checkpoint(folder / "old.pt", choices(folder))
    bundle = import_checkpoint(folder / "old.pt", choices(folder), "transformer")
    assert bundle.recipe["model"]["kind"] == "transformer"


def test_an_ensemble_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"Ensembles cannot be imported.*nmt average"):
        import_checkpoint(Path(f"{folder}/old.pt:{folder}/old.pt"), choices(folder))


def test_a_checkpoint_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.pt: expected a fairseq checkpoint, got No such file"):
        import_checkpoint(folder / "nowhere.pt", choices(folder))
