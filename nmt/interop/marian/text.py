"""The text side of a MarianMT model: source.spm and target.spm split text into pieces, vocab.json has their ids.

It follows transformers' MarianTokenizer, without the punctuation normalisation, which that does not apply by default
either. Three things differ on purpose: text that looks like a special token (`</s>`) is text; so is `>>abc<<` in front
of a line if the vocabulary has no such token; and a translation is one line with single spaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.documents import read_bounded, read_json_object
from nmt.errors import UserError
from nmt.interop.marian.weights import TokenOrder, our_order
from nmt.interop.settings import Settings
from nmt.options import MOST_TOKENS
from nmt.tokenizer.base import TokenizerPair
from nmt.tokenizer.sentencepiece import MOST_MODEL_BYTES
from nmt.tokenizer.sentencepiece_vocabulary import SentencePieceVocabularyTokenizer

NAMES = {"unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>"}
"""Names of the special tokens, unless tokenizer_config.json has others."""

_START = "<s>"
"""The name of our BOS; a vocabulary may also have a token of this name."""


@dataclass(frozen=True)
class MarianText:
    """Tokenizers of an imported model, the order of their ids, and its languages."""

    tokenizers: TokenizerPair
    order: TokenOrder
    source_language: str | None
    target_language: str | None


def marian_text(directory: Path, settings: Settings) -> MarianText:
    """Tokenizers for the model's vocabulary, with ids in our order.

    Args:
        directory: the model's directory.
        settings: the settings in config.json.

    Raises:
        UserError: a file is missing or damaged, contradicts config.json, or requires something that is not supported.
    """
    path = directory / "tokenizer_config.json"
    config = Settings(read_object(path) if path.exists() else {}, NAMES, str(path))
    config.refuse(("sp_model_kwargs",))
    names = [_name(config.read(kind, str | dict[str, Any], "the name of a token")) for kind in NAMES]
    vocabulary = _vocabulary(directory / "vocab.json", settings.size("vocab_size", MOST_TOKENS))
    _refuse_added(directory, config, names)
    if separate := config.flag("separate_vocabs"):
        if settings.flag("share_encoder_decoder_embeddings"):
            expected = "false, as separate_vocabs in tokenizer_config.json is true"
            raise settings.unsupported("share_encoder_decoder_embeddings", expected, "true")
        size = settings.size("decoder_vocab_size" if settings.get("decoder_vocab_size") else "vocab_size", MOST_TOKENS)
        target = _vocabulary(directory / "target_vocab.json", size)
    else:
        target = vocabulary
    _check_specials(target, names, settings, directory / ("target_vocab.json" if separate else "vocab.json"))
    start = settings.token("decoder_start_token_id")
    if start >= len(target):
        raise settings.unsupported("decoder_start_token_id", "the id of a token", start)
    # a separate source vocabulary has no start token, and needs none
    orders = [
        _order(vocabulary, names, None if separate else start, directory),
        _order(target, names, start, directory),
    ]
    tokenizers = [
        _tokenizer(directory / f"{side}.spm", ids, order)
        for side, ids, order in zip(("source", "target"), (vocabulary, target), orders, strict=True)
    ]
    return MarianText(
        TokenizerPair(*tokenizers), TokenOrder(*orders), config.text("source_lang"), config.text("target_lang")
    )


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in one of the model's files.

    Raises:
        UserError: it cannot be read, or is not a JSON object.
    """
    return read_json_object(path, "a file of a MarianMT model in Hugging Face's layout")


def _name(token: object) -> str:
    """The name of a token, which is given as the name or as an object that contains it."""
    return str(token["content"] if isinstance(token, Mapping) and "content" in token else token)


def _vocabulary(path: Path, size: int) -> dict[str, int]:
    vocabulary = read_object(path)
    ids = vocabulary.values()
    if len(vocabulary) != size or not all(type(token) is int for token in ids) or set(ids) != set(range(size)):
        got = f"{len(vocabulary)} tokens" if len(vocabulary) != size else "other ids"
        raise UserError(str(path), f"{size} tokens with the ids 0 to {size - 1}, as config.json says", got)
    return vocabulary


def _refuse_added(directory: Path, config: Settings, names: Sequence[str]) -> None:
    """Refuses tokens added to a tokenizer later, which transformers matches in text before SentencePiece sees it."""
    path = directory / "added_tokens.json"
    added = set(read_object(path)) if path.exists() else set()
    noted = config.read("added_tokens_decoder", dict[str, Any] | None, "tokens by their ids") or {}
    added |= {_name(token) for token in noted.values()}
    if others := added - set(names):
        got = ", ".join(sorted(others)[:5])
        raise UserError(str(directory), "no tokens added to the vocabulary", got, "They are not supported.")


def _check_specials(target: Mapping[str, int], names: Sequence[str], settings: Settings, path: Path) -> None:
    for name, kind in zip(names[1:], ("eos_token_id", "pad_token_id"), strict=True):
        if target.get(name) != (token := settings.token(kind)):
            got = "none of this name" if name not in target else str(target[name])
            raise UserError(str(path), f"{name} with the id {token}, {kind} of config.json", got)


def _order(vocabulary: Mapping[str, int], names: Sequence[str], start: int | None, directory: Path) -> list[int]:
    missing = [name for name in names if name not in vocabulary]
    if missing or len(set(names)) < len(names):
        got = f"no {', '.join(missing)}" if missing else "one for two purposes"
        raise UserError(f"{directory}: vocabulary", f"the tokens {', '.join(names)}", got)
    unk, eos, pad = (vocabulary[name] for name in names)
    return our_order(len(vocabulary), pad, unk, pad if start is None else start, eos)


def _tokenizer(path: Path, vocabulary: Mapping[str, int], order: Sequence[int]) -> SentencePieceVocabularyTokenizer:
    by_id = {token: name for name, token in vocabulary.items()}
    pad, unk, _, eos, *others = [by_id[token] for token in order]
    model = read_bounded(path, "a SentencePiece model", MOST_MODEL_BYTES)
    try:
        return SentencePieceVocabularyTokenizer(model, [pad, unk, _START, eos, *others])
    except (RuntimeError, ValueError) as error:
        raise UserError(str(path), "a SentencePiece model", str(error)) from None
