"""Moses words cut by byte-pair encoding and numbered by a dictionary: what models trained with fairseq read.

Text becomes words by the Moses rules (sacremoses), words become pieces by a list of merges, and all pieces of a word
but the last carry a mark ("@@"). Decoding goes back the same way. Each step can be left out.
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
    """How text becomes pieces; merges and dictionary are in the tokenizer's file."""

    kind: Literal["moses_bpe"] = "moses_bpe"
    moses: str | None = None
    """Language whose Moses rules divide text into words and join them again; null: words stand between blanks, and
    the output's do too."""
    dash_splits: bool = True
    """Moses takes "well-known" apart, into "well @-@ known"."""
    escape: bool = True
    """Moses writes & < > ' " [ ] | as HTML entities."""
    mark: str = "@@"
    """What all pieces of a word but the last end in."""

    def load(self, path: Path) -> MosesBPETokenizer:
        """Reads the file of a tokenizer with these options.

        Raises:
            UserError: it is no such file.
        """

        def make(data: Mapping[str, Any]) -> MosesBPETokenizer:
            merges = data["merges"] and Merges(
                tuple((left, right) for left, right in data["merges"]["pairs"]), data["merges"]["separate_end"]
            )
            return MosesBPETokenizer(data["vocabulary"], merges, self)

        return load_vocabulary_file(path, "a dictionary and merges", make)


class MosesBPETokenizer(VocabularyTokenizer):
    """Implements `nmt.tokenizer.base.Tokenizer`; an unknown word is `<unk>` in the text, as in fairseq's.

    Args:
        vocabulary: the name of each id, in the order of our ids: padding, unknown, begin, end, then the pieces. Text
            that spells one of the first four is unknown. Of a piece that is listed twice the later id counts.
        merges: of byte-pair encoding; None leaves words whole.
        options: the rest.

    Raises:
        ValueError: the vocabulary has too few entries.
    """

    def __init__(self, vocabulary: Sequence[str], merges: Merges | None, options: MosesBPEOptions) -> None:
        content = {
            "options": options.model_dump(mode="json"),  # for the digest: they decide the ids too
            "vocabulary": tuple(vocabulary),
            "merges": merges and {"pairs": merges.pairs, "separate_end": merges.separate_end},
        }
        super().__init__(vocabulary, content)
        self._merges, self._options = merges, options
        self._bpe = None if merges is None else BPE(merges)
        self._word_ids = lru_cache(_CACHED_WORDS)(self._ids_of_word)

    @property
    def options(self) -> MosesBPEOptions:
        """What it was made with."""
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
        """The text of these ids: always one line, whatever the ids are."""
        text = " ".join(self._vocabulary[token] for token in ids if token >= FIRST_PIECE or token == SPECIAL.unk)
        if self._bpe is not None:
            text = (text + " ").replace(self._options.mark + " ", "")
        words = text.split()
        if self._options.moses is None:
            return " ".join(words)
        detokenized: str = self._moses_backwards.detokenize(words)
        return detokenized

    def _ids_of_word(self, word: str) -> tuple[int, ...]:
        if self._bpe is None:
            return (self._ids.get(word, SPECIAL.unk),)
        *begin, end = self._bpe.cut(word)
        pieces = [piece + self._options.mark for piece in begin] + [end]
        return tuple(self._ids.get(piece, SPECIAL.unk) for piece in pieces)

    # sacremoses takes a moment to import, which only those wait for who need it

    @cached_property
    def _moses(self) -> Any:  # noqa: ANN401 -- sacremoses has no types
        from sacremoses import MosesTokenizer

        return MosesTokenizer(self._options.moses)

    @cached_property
    def _moses_backwards(self) -> Any:  # noqa: ANN401 -- as above
        from sacremoses import MosesDetokenizer

        return MosesDetokenizer(self._options.moses)

    def __reduce__(self) -> tuple[Any, ...]:
        return MosesBPETokenizer, (self._vocabulary, self._merges, self._options)
