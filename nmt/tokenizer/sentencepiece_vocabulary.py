"""SentencePiece segmentation with a separate vocabulary, as in imported models.

Marian and fairseq segment text with a SentencePiece model but take token ids from a vocabulary of their own, often one
for both languages. Pieces missing from the vocabulary become the unknown token.
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
    """A tokenizer that came with an imported model and is fully defined by its file."""

    kind: Literal["sentencepiece_vocabulary"] = "sentencepiece_vocabulary"

    def load(self, path: Path) -> SentencePieceVocabularyTokenizer:
        """Reads the file of a tokenizer.

        Raises:
            UserError: the file is not of this kind.
        """

        def make(data: Mapping[str, Any]) -> SentencePieceVocabularyTokenizer:
            model = base64.b64decode(data["model"], validate=True)
            return SentencePieceVocabularyTokenizer(model, data["vocabulary"], self)

        return load_vocabulary_file(path, "a SentencePiece model and its vocabulary", make)


class SentencePieceVocabularyTokenizer(VocabularyTokenizer):
    """A SentencePiece model with its own vocabulary; implements `nmt.tokenizer.base.Tokenizer`.

    If a line begins with a language token of the vocabulary (`>>fra<<`, as for multilingual Marian models), that token
    is kept whole and the rest is segmented.

    Args:
        model: a serialised SentencePiece model.
        vocabulary: the name of each id, in the order of our ids: padding, unknown, begin, end, then the pieces. The
            first four are only names: text that spells one is never encoded as it.
        options: has no fields so far.

    Raises:
        ValueError: the vocabulary has too few entries or a duplicate, or a piece is not UTF-8.
        RuntimeError: not a SentencePiece model.
    """

    def __init__(
        self, model: bytes, vocabulary: Sequence[str], options: SentencePieceVocabularyOptions | None = None
    ) -> None:
        content = {"vocabulary": tuple(vocabulary), "model": base64.b64encode(model).decode("ascii")}
        super().__init__(vocabulary, content, indent=0)
        self._model, self._options = model, options or SentencePieceVocabularyOptions()
        if len(self._ids) < len(self._vocabulary) - FIRST_PIECE:
            raise ValueError("a vocabulary with a duplicate piece")
        "".join(self._vocabulary).encode()  # raises for lone surrogates
        if not model:  # SentencePiece would treat it as no model given
            raise RuntimeError("an empty SentencePiece model")
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._processor.id_to_piece(list(range(self._processor.get_piece_size())))  # raises if one is not UTF-8

    @property
    def options(self) -> SentencePieceVocabularyOptions:
        """The options that identify this tokenizer."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        language, text = self._language(line)
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return language + [self._ids.get(piece, SPECIAL.unk) for piece in pieces]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, always a single line."""
        text: str = self._processor.decode_pieces([self._vocabulary[i] for i in ids if i >= FIRST_PIECE])
        return clean_line(
            text.replace("\u2581", " ")
        )  # left over from pieces unknown to the model, such as language tokens

    def _language(self, line: str) -> tuple[list[int], str]:
        if line.startswith(_LANGUAGE_START):
            name, end, text = line.partition(_LANGUAGE_END)
            if end and (token := self._ids.get(name + end)) is not None:
                return [token], text
        return [], line

    def __reduce__(self) -> tuple[Any, ...]:
        return SentencePieceVocabularyTokenizer, (self._model, self._vocabulary, self._options)
