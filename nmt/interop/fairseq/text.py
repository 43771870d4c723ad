"""The text side of an imported fairseq model: tokenizers made of dictionaries, subword units and word tokenisation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nmt.documents import read_bounded
from nmt.errors import UserError
from nmt.interop.fairseq.checkpoint import FairseqCheckpoint
from nmt.interop.fairseq.dictionary import read_dictionary
from nmt.tokenizer.base import Tokenizer, TokenizerPair
from nmt.tokenizer.bpe import Merges, read_merges
from nmt.tokenizer.moses_bpe import MosesBPEOptions, MosesBPETokenizer
from nmt.tokenizer.sentencepiece import MOST_MODEL_BYTES
from nmt.tokenizer.sentencepiece_vocabulary import SentencePieceVocabularyTokenizer

SubwordKind = Literal["none", "sentencepiece", "subword_nmt", "fastbpe"]
WordKind = Literal["none", "moses"]

CODES_NAMES = ("bpecodes", "code")
SENTENCEPIECE_NAMES = ("sentencepiece.bpe.model", "spm.model")
"""Names of these files in published models, beside the dictionaries."""

_LANGUAGE = re.compile(r"[^\s/\\\0]{1,40}")
"""A language code that can be part of a file name."""
_SPACE = "\u2581"
_MOSES_WORDS = ("&apos;", "&quot;", "&apos;s", "@-@")
_ENOUGH = 0.02
"""Share of marked entries from which a dictionary counts as one of subword units; real ones have far more."""


@dataclass(frozen=True)
class TextChoices:
    """The user's choices about a model's text; None: as in the checkpoint, or as in published models."""

    dictionaries: Path
    """Folder with the files dict.<language>.txt."""
    source_language: str | None = None
    target_language: str | None = None
    bpe: SubwordKind | None = None
    """Subword units."""
    bpe_codes: Path | None = None
    sentencepiece_model: Path | None = None
    tokenizer: WordKind | None = None
    """Word tokenisation."""
    moses_no_dash_splits: bool = False
    moses_no_escape: bool = False


@dataclass(frozen=True)
class ImportedText:
    """Languages and tokenizers of an imported model, and how they were made."""

    source_language: str
    target_language: str
    tokenizers: TokenizerPair
    bpe: SubwordKind
    tokenizer: WordKind


def build_text(checkpoint: FairseqCheckpoint, choices: TextChoices) -> ImportedText:
    """Tokenizers that process text as fairseq-interactive does.

    Raises:
        UserError: a file is missing or damaged, a necessary choice is missing, or one has no effect.
    """
    languages = _languages(checkpoint, choices)
    vocabularies = [read_dictionary(choices.dictionaries / f"dict.{language}.txt") for language in languages]
    bpe = _bpe_kind(checkpoint, choices, vocabularies[0])
    words = _word_kind(checkpoint, choices, vocabularies[0])
    _refuse_flags_without_effect(choices, bpe, words)
    if bpe == "sentencepiece":
        if words == "moses":
            raise UserError("--tokenizer", "none with --bpe sentencepiece", "moses", "SentencePiece reads plain text.")
        made = _sentencepiece(choices, vocabularies)
    else:
        merges = None
        if bpe != "none":
            merges = read_merges(_file(choices.bpe_codes, choices.dictionaries, CODES_NAMES, "--bpe-codes"), bpe)
        made = _moses_bpe(checkpoint, choices, languages, vocabularies, merges, words)
    return ImportedText(*languages, TokenizerPair(*made), bpe, words)


def _languages(checkpoint: FairseqCheckpoint, choices: TextChoices) -> tuple[str, str]:
    found = []
    for side, chosen in (("source", choices.source_language), ("target", choices.target_language)):
        language = chosen or checkpoint.task.get(f"{side}_lang")
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            fix = f"Give --{side}-language: the xx of dict.xx.txt."
            raise UserError(str(checkpoint.path), f"the {side} language among its settings", "none", fix)
        found.append(language)
    return found[0], found[1]


def _bpe_kind(checkpoint: FairseqCheckpoint, choices: TextChoices, vocabulary: Sequence[str]) -> SubwordKind:
    kind = choices.bpe or checkpoint.bpe.get("bpe")
    known: tuple[SubwordKind, ...] = get_args(SubwordKind)
    for each in known:
        if each == kind:
            return each
    if kind is not None:
        raise UserError(f"{checkpoint.path}: bpe", " or ".join(known), str(kind), "Others are not supported.")
    for fix, share in (
        ("subword_nmt or --bpe fastbpe, and --bpe-codes FILE", _share(word.endswith("@@") for word in vocabulary)),
        ("sentencepiece, and --sentencepiece-model FILE", _share(word.startswith(_SPACE) for word in vocabulary)),
    ):
        if share > _ENOUGH:
            expected = "--bpe, because the dictionary has subword units and the checkpoint does not say of what kind"
            raise UserError(
                "command line", expected, "none", f"Give --bpe {fix}; or --bpe none for text that is already split."
            )
    return "none"


def _word_kind(checkpoint: FairseqCheckpoint, choices: TextChoices, vocabulary: Sequence[str]) -> WordKind:
    kind = choices.tokenizer or checkpoint.tokenizer.get("tokenizer")
    if kind == "moses":
        return "moses"
    if kind in ("none", "space"):
        return "none"
    if kind is not None:
        raise UserError(f"{checkpoint.path}: tokenizer", "moses, space or none", str(kind))
    traces = [word for word in _MOSES_WORDS if word in vocabulary]
    if traces:
        raise UserError(
            "command line",
            "--tokenizer, because the dictionary has words that the Moses tokenizer produces and the checkpoint does "
            "not say whether it was used",
            f"none (the dictionary has {' '.join(traces)})",
            "Give --tokenizer moses; or --tokenizer none for text that is already tokenised.",
        )
    return "none"


def _refuse_flags_without_effect(choices: TextChoices, bpe: SubwordKind, words: WordKind) -> None:
    for flag, given, option, kind, needed in (
        ("--bpe-codes", choices.bpe_codes is not None, "--bpe", bpe, ("subword_nmt", "fastbpe")),
        ("--sentencepiece-model", choices.sentencepiece_model is not None, "--bpe", bpe, ("sentencepiece",)),
        ("--moses-no-dash-splits", choices.moses_no_dash_splits, "--tokenizer", words, ("moses",)),
        ("--moses-no-escape", choices.moses_no_escape, "--tokenizer", words, ("moses",)),
    ):
        if given and kind not in needed:
            fix = f"It has no effect: leave it out, or give a different {option}."
            raise UserError(flag, f"{option} {' or '.join(needed)}", f"{option} {kind}", fix)


def _sentencepiece(choices: TextChoices, vocabularies: Sequence[Sequence[str]]) -> list[Tokenizer]:
    option = "--sentencepiece-model"
    path = _file(choices.sentencepiece_model, choices.dictionaries, SENTENCEPIECE_NAMES, option)
    model = read_bounded(path, "a SentencePiece model", MOST_MODEL_BYTES)
    try:
        return [SentencePieceVocabularyTokenizer(model, vocabulary) for vocabulary in vocabularies]
    except RuntimeError as error:
        raise UserError(str(path), "a SentencePiece model", str(error) or "something else") from None
    except ValueError as error:
        raise UserError(str(choices.dictionaries), "dictionaries of SentencePiece's pieces", str(error)) from None


def _moses_bpe(
    checkpoint: FairseqCheckpoint,
    choices: TextChoices,
    languages: Sequence[str],
    vocabularies: Sequence[Sequence[str]],
    merges: Merges | None,
    words: WordKind,
) -> list[Tokenizer]:
    told = checkpoint.tokenizer
    tokenizers: list[Tokenizer] = []
    for language, vocabulary in zip(languages, vocabularies, strict=True):
        options = MosesBPEOptions(
            moses=language if words == "moses" else None,
            dash_splits=not (choices.moses_no_dash_splits or told.get("moses_no_dash_splits")),
            escape=not (choices.moses_no_escape or told.get("moses_no_escape")),
            mark=_mark(checkpoint.bpe),
        )
        tokenizers.append(MosesBPETokenizer(vocabulary, merges, options))
    return tokenizers


def _mark(settings: Mapping[str, object]) -> str:
    separator = settings.get("bpe_separator")
    return separator if isinstance(separator, str) and separator else "@@"


def _file(given: Path | None, folder: Path, names: Sequence[str], option: str) -> Path:
    """The given file, or the one beside the dictionaries."""
    if given is not None:
        return given
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(option, f"a file, or {' or '.join(names)} in {folder}", "none", f"Give {option} FILE.")


def _share(answers: Iterable[bool]) -> float:
    found = list(answers)
    return sum(found) / len(found)
