"""A closed alphabet of words or characters, for the text of synthetic tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nmt.conflict import Conflict
from nmt.errors import UserError
from nmt.options import Options, VocabularySize
from nmt.text import clean_line, read_lines
from nmt.tokenizer.base import SPECIAL, TWO_VOCABULARIES, TokenizerPair
from nmt.tokenizer.folder import save_tokenizers
from nmt.tokenizer.vocabulary_file import FIRST_PIECE, VocabularyTokenizer, load_vocabulary_file

Unit = Literal["words", "characters"]

_SPECIAL_NAMES = ("<pad>", "<unk>", "<s>", "</s>")
_SPACE_MARK = "\u2581"


class SymbolsOptions(Options):
    """A closed alphabet, collected from the training text."""

    kind: Literal["symbols"] = "symbols"
    unit: Unit = "words"
    """`words`: strings separated by spaces. `characters`: code points, spaces included. Symbols that do not occur in
    the training text are unknown."""
    joint: bool = True
    """One alphabet for both languages (needed to tie source and target embeddings) instead of one each."""
    most_symbols: VocabularySize = 1000
    """Largest size of an alphabet. Text with more distinct symbols is refused: it hardly has a closed alphabet."""

    @property
    def samples(self) -> bool:
        """Never: there is only one segmentation."""
        return False

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Upper bounds on the vocabulary sizes of source and target, special tokens included."""
        return self.most_symbols + FIRST_PIECE, self.most_symbols + FIRST_PIECE

    def conflicts_alone(self) -> Iterable[Conflict]:
        """What these options say against text that has no source."""
        if not self.joint:
            yield TWO_VOCABULARIES

    @property
    def sizes_are_bounds(self) -> bool:
        """Always: the text may have fewer symbols."""
        return True

    def digests(self) -> Mapping[str, str]:
        """SHA-256 of other files that are read besides the text: none."""
        return {}

    def train(self, source_text: Path, target_text: Path, directory: Path) -> TokenizerPair:
        """Collects the symbols of the text, most frequent first, ties by code point.

        Args:
            source_text: one sentence per line, plain or compressed.
            target_text: the other side.
            directory: output folder, to be read by `nmt.tokenizer.load_tokenizers`.

        Raises:
            UserError: the text has no symbols, or more than `most_symbols`.
        """
        if self.joint:
            shared = self._listed(source_text, target_text)
            pair = TokenizerPair(shared, shared)
        else:
            pair = TokenizerPair(self._listed(source_text), self._listed(target_text))
        save_tokenizers(pair, directory)
        return pair

    def train_alone(self, text: Path, directory: Path) -> TokenizerPair:
        """Likewise of one text, for a language model: one alphabet, which both sides have.

        Raises:
            UserError: as `train`.
        """
        listed = self._listed(text)
        pair = TokenizerPair(listed, listed)
        save_tokenizers(pair, directory)
        return pair

    def load(self, path: Path) -> SymbolTokenizer:
        """Reads the file of a tokenizer that was created with these options.

        Raises:
            UserError: the file is not of this kind.
        """

        def make(data: Mapping[str, Any]) -> SymbolTokenizer:
            if data["unit"] != self.unit:
                raise ValueError(f"an alphabet of {data['unit']}")
            return SymbolTokenizer(data["vocabulary"], self)

        return load_vocabulary_file(path, f"an alphabet of {self.unit}", make)

    def cut(self, line: str) -> Sequence[str]:
        """The symbols of a line as `nmt.text.clean_line` gives it."""
        return line if self.unit == "characters" else line.split()

    def joined(self, symbols: Iterable[str]) -> str:
        """The line of these symbols."""
        return ("" if self.unit == "characters" else " ").join(symbols)

    def _listed(self, *texts: Path) -> SymbolTokenizer:
        counts: Counter[str] = Counter()
        where = " and ".join(map(str, texts))
        for path in texts:
            for line in read_lines(path):
                counts.update(self.cut(clean_line(line)))
                if len(counts) > self.most_symbols:
                    expected = f"text of at most tokenizer.most_symbols={self.most_symbols:,} different {self.unit}"
                    fix = "Raise it, or use the tokenizer sentencepiece, which is meant for natural language."
                    raise UserError(where, expected, "text with more", fix)
        if not counts:
            raise UserError(where, "lines of text to find symbols in", "no line with text")
        return SymbolTokenizer((*_SPECIAL_NAMES, *sorted(counts, key=lambda symbol: (-counts[symbol], symbol))), self)


class SymbolTokenizer(VocabularyTokenizer):
    """An alphabet; implements `nmt.tokenizer.base.Tokenizer`.

    Args:
        vocabulary: the name of each id: padding, unknown, begin, end, then the symbols. The first four are only names:
            a symbol with the same spelling is a different token.
        options: the definition of a symbol.

    Raises:
        ValueError: the vocabulary is empty, has a duplicate, or an entry that is not a symbol.
    """

    def __init__(self, vocabulary: Sequence[str], options: SymbolsOptions) -> None:
        super().__init__(vocabulary, {"unit": options.unit, "vocabulary": tuple(vocabulary)}, indent=0)
        self._options = options
        symbols = self._vocabulary[FIRST_PIECE:]
        if len(self._ids) < len(symbols):
            raise ValueError("an alphabet with a duplicate symbol")
        strange = [symbol for symbol in symbols if not self._is_symbol(symbol)]
        if strange:
            raise ValueError(f"the entry {strange[0]!r}, which cannot be one of the {options.unit} of a line")

    @property
    def options(self) -> SymbolsOptions:
        """The options it was created with."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        return [self._ids.get(symbol, SPECIAL.unk) for symbol in self._options.cut(line)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, always a single line; unknown and special tokens are dropped."""
        return clean_line(self._options.joined(self._vocabulary[i] for i in ids if i >= FIRST_PIECE))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The ids as readable pieces; U+2581 stands for a space."""
        return [piece.replace(" ", _SPACE_MARK) for piece in super().pieces(ids)]

    def _is_symbol(self, symbol: str) -> bool:
        if symbol == " ":
            return self._options.unit == "characters"
        whole = clean_line(symbol) == symbol and list(self._options.cut(symbol)) == [symbol]
        return whole and not any("\ud800" <= character <= "\udfff" for character in symbol)

    def __reduce__(self) -> tuple[Any, ...]:
        return SymbolTokenizer, (self._vocabulary, self._options)
