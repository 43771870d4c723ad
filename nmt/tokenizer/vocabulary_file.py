"""Base of tokenizers with a given vocabulary, saved as a single JSON file."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from nmt.documents import read_json_object
from nmt.errors import UserError
from nmt.output import write_bytes_atomically
from nmt.tokenizer.base import SPECIAL

T = TypeVar("T")

FIRST_PIECE = SPECIAL.eos + 1
_FORMAT = 1


class VocabularyTokenizer(ABC):
    """The part of `nmt.tokenizer.base.Tokenizer` that does not depend on the segmentation.

    Args:
        vocabulary: the name of each id, in the order of our ids: padding, unknown, begin, end, then the pieces.
        content: content of the file; everything that affects the ids, and so the digest.
        indent: indentation of the file, as for `json.dumps`.

    Raises:
        ValueError: the vocabulary has too few entries.
    """

    def __init__(self, vocabulary: Sequence[str], content: Mapping[str, object], indent: int | None = None) -> None:
        self._vocabulary = tuple(vocabulary)
        if len(self._vocabulary) <= FIRST_PIECE or not all(isinstance(piece, str) for piece in self._vocabulary):
            raise ValueError(f"a vocabulary of {len(self._vocabulary)} entries")
        self._ids = {piece: token for token, piece in enumerate(self._vocabulary) if token >= FIRST_PIECE}
        text = json.dumps({"format": _FORMAT, **content}, ensure_ascii=True, indent=indent)
        self._file = text.encode("ascii") + b"\n"
        self.digest = hashlib.sha256(self._file).hexdigest()
        self.vocabulary_size = len(self._vocabulary)

    def reading(self) -> Self:
        """Itself: both sides are segmented alike."""
        return self

    @abstractmethod
    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        """The ids of each line, without sampling."""
        return [self.encode(line) for line in lines]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The ids as readable pieces."""
        return [self._vocabulary[token] for token in ids]

    def save(self, path: Path) -> None:
        """Writes everything as one JSON file."""
        with write_bytes_atomically(path) as handle:
            handle.write(self._file)


def load_vocabulary_file(path: Path, expected: str, make: Callable[[Mapping[str, Any]], T]) -> T:
    """Loads a tokenizer from its file.

    Args:
        path: the file.
        expected: what it should contain, for error messages.
        make: creates the tokenizer from the file's content.

    Raises:
        UserError: the file does not contain such a tokenizer.
    """
    data = read_json_object(path, expected)
    try:
        if data["format"] != _FORMAT:
            raise ValueError(f"format {data['format']}")
        return make(data)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(str(path), expected, str(error) or "something else") from None
