"""Moses tokenization, byte-pair encoding and a dictionary, as used by models trained with fairseq.

Text is split into words by the Moses rules (sacremoses) and words into pieces by a list of merges; all pieces of a
word but the last carry a mark ("@@"). Decoding reverses these steps. Each step is optional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from nmt.options import Options
from nmt.tokenizer.base import SPECIAL
from nmt.tokenizer.bpe import BPE, Merges
from nmt.tokenizer.vocabulary_file import FIRST_PIECE, VocabularyTokenizer, load_vocabulary_file

_CACHED_WORDS = 1 << 16


class MosesBPEOptions(Options):
    """Segmentation of text into pieces; merges and dictionary are in the tokenizer's file."""

    kind: Literal["moses_bpe"] = "moses_bpe"
    moses: str | None = None
    """Language whose Moses rules tokenize and detokenize the text; null: words are separated by spaces, in the output
    too."""
    dash_splits: bool = True
    """Moses splits "well-known" into "well @-@ known"."""
    escape: bool = True
    """Moses writes & < > ' " [ ] | as HTML entities."""
    mark: str = "@@"
    """Suffix of all pieces of a word but the last."""

    def load(self, path: Path) -> MosesBPETokenizer:
        """Reads the file of a tokenizer with these options.

        Raises:
            UserError: the file is not of this kind.
        """

        def make(data: Mapping[str, Any]) -> MosesBPETokenizer:
            merges = data["merges"] and Merges(
                tuple((left, right) for left, right in data["merges"]["pairs"]), data["merges"]["separate_end"]
            )
            return MosesBPETokenizer(data["vocabulary"], merges, self)

        return load_vocabulary_file(path, "a dictionary and merges", make)


class MosesBPETokenizer(VocabularyTokenizer):
    """Implements `nmt.tokenizer.base.Tokenizer`; an unknown word becomes `<unk>` in the text, as in fairseq.

    Args:
        vocabulary: the name of each id, in the order of our ids: padding, unknown, begin, end, then the pieces. Text
            that spells one of the first four is unknown. If a piece is listed twice, the later id counts.
        merges: merges of byte-pair encoding; None leaves words whole.
        options: all other settings.

    Raises:
        ValueError: the vocabulary has too few entries.
    """

    def __init__(self, vocabulary: Sequence[str], merges: Merges | None, options: MosesBPEOptions) -> None:
        content = {
            "options": options.model_dump(mode="json"),  # part of the digest, because they affect the ids too
            "vocabulary": tuple(vocabulary),
            "merges": merges and {"pairs": merges.pairs, "separate_end": merges.separate_end},
        }
        super().__init__(vocabulary, content)
        self._merges, self._options = merges, options
        self._bpe = None if merges is None else BPE(merges)
        self._word_ids = lru_cache(_CACHED_WORDS)(self._ids_of_word)

    @property
    def options(self) -> MosesBPEOptions:
        """The options it was created with."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        if self._options.moses is not None:
            line = self._moses.tokenize(
                line,
                aggressive_dash_splits=self._options.dash_splits,
                escape=self._options.escape,
                return_str=True,
            )
        return [token for word in line.split() for token in self._word_ids(word)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, always a single line."""
        text = " ".join(self._vocabulary[token] for token in ids if token >= FIRST_PIECE or token == SPECIAL.unk)
        if self._bpe is not None:
            text = (text + " ").replace(self._options.mark + " ", "")
        words = text.split()
        if self._options.moses is None:
            return " ".join(words)
        detokenized: str = self._moses_detokenizer.detokenize(words)
        return detokenized

    def _ids_of_word(self, word: str) -> tuple[int, ...]:
        if self._bpe is None:
            return (self._ids.get(word, SPECIAL.unk),)
        *begin, end = self._bpe.cut(word)
        pieces = [piece + self._options.mark for piece in begin] + [end]
        return tuple(self._ids.get(piece, SPECIAL.unk) for piece in pieces)

    # sacremoses is slow to import, so it is imported only if needed

    @cached_property
    def _moses(self) -> Any:  # noqa: ANN401 -- sacremoses has no types
        from sacremoses import MosesTokenizer

        return MosesTokenizer(self._options.moses)

    @cached_property
    def _moses_detokenizer(self) -> Any:  # noqa: ANN401 -- as above
        from sacremoses import MosesDetokenizer

        return MosesDetokenizer(self._options.moses)

    def __reduce__(self) -> tuple[Any, ...]:
        return MosesBPETokenizer, (self._vocabulary, self._merges, self._options)
