"""SentencePiece segmentation numbered by a vocabulary of its own, as imported models have it.

Marian and fairseq cut text with a SentencePiece model but number the pieces by a vocabulary of theirs, often one for
both languages. What the model cuts and the vocabulary does not know is the unknown token.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import sentencepiece

from nmt.options import Options
from nmt.text import clean_line
from nmt.tokenizer.base import SPECIAL
from nmt.tokenizer.vocabulary_file import FIRST_PIECE, VocabularyTokenizer, load_vocabulary_file

_LANGUAGE_START, _LANGUAGE_END = ">>", "<<"


class SentencePieceVocabularyOptions(Options):
    """A tokenizer that came with an imported model; its file says everything."""

    kind: Literal["sentencepiece_vocabulary"] = "sentencepiece_vocabulary"

    def load(self, path: Path) -> SentencePieceVocabularyTokenizer:
        """Reads the file of a tokenizer.

        Raises:
            UserError: it is no such file.
        """

        def make(data: Mapping[str, Any]) -> SentencePieceVocabularyTokenizer:
            model = base64.b64decode(data["model"], validate=True)
            return SentencePieceVocabularyTokenizer(model, data["vocabulary"], self)

        return load_vocabulary_file(path, "a SentencePiece model and its vocabulary", make)


class SentencePieceVocabularyTokenizer(VocabularyTokenizer):
    """Cuts with one table and numbers with another; implements `nmt.tokenizer.base.Tokenizer`.

    A line that begins with a language token of the vocabulary (`>>fra<<`, as multilingual Marian models want it)
    gives that token; only what follows is cut.

    Args:
        model: a serialised SentencePiece model.
        vocabulary: the name of each id, in the order of our ids: padding, unknown, begin, end, then the pieces. The
            first four are names only: text that spells one never becomes it.
        options: nothing to choose so far.

    Raises:
        ValueError: the vocabulary has too few entries, or one twice; a piece is not UTF-8.
        RuntimeError: not a SentencePiece model.
    """

    def __init__(
        self, model: bytes, vocabulary: Sequence[str], options: SentencePieceVocabularyOptions | None = None
    ) -> None:
        content = {"vocabulary": tuple(vocabulary), "model": base64.b64encode(model).decode("ascii")}
        super().__init__(vocabulary, content, indent=0)
        self._model, self._options = model, options or SentencePieceVocabularyOptions()
        if len(self._ids) < len(self._vocabulary) - FIRST_PIECE:
            raise ValueError("a vocabulary that has a piece twice")
        "".join(self._vocabulary).encode()  # lone surrogates are no text
        if not model:  # which SentencePiece would take for none given
            raise RuntimeError("an empty SentencePiece model")
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._processor.id_to_piece(list(range(self._processor.get_piece_size())))  # those that are no text raise here

    @property
    def options(self) -> SentencePieceVocabularyOptions:
        """Which tokenizer this is."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        language, text = self._language(line)
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return language + [self._ids.get(piece, SPECIAL.unk) for piece in pieces]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids: always one line, without line breaks, whatever the ids are."""
        text: str = self._processor.decode_pieces([self._vocabulary[i] for i in ids if i >= FIRST_PIECE])
        return clean_line(text.replace("\u2581", " "))  # in pieces that the model does not know, as language tokens

    def _language(self, line: str) -> tuple[list[int], str]:
        if line.startswith(_LANGUAGE_START):
            name, end, text = line.partition(_LANGUAGE_END)
            if end and (token := self._ids.get(name + end)) is not None:
                return [token], text
        return [], line

    def __reduce__(self) -> tuple[Any, ...]:
        return SentencePieceVocabularyTokenizer, (self._model, self._vocabulary, self._options)
