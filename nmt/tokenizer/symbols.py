"""Words or characters of a closed alphabet, without wordpieces: the text of synthetic tasks."""

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
    """Which symbols text is made of; the training text says how many there are."""

    kind: Literal["symbols"] = "symbols"
    unit: Unit = "words"
    """`words`: what stands between blanks. `characters`: each code point, blanks included. A symbol that the training
    text does not have is unknown in all other text."""
    joint: bool = True
    """One alphabet for both languages (needed to tie source and target embeddings) instead of one each."""
    most_symbols: VocabularySize = 1000
    """Most symbols of an alphabet. Text with more is refused: it is hardly of a closed alphabet."""

    @property
    def samples(self) -> bool:
        """Never: there is one way to cut text."""
        return False

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """The most ids that source and target may have, the special ones included."""
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
        """SHA-256 of what is read besides the text: nothing."""
        return {}

    def train(self, source_text: Path, target_text: Path, directory: Path) -> TokenizerPair:
        """Lists the symbols of the text, the most frequent first and equally frequent ones by code point.

        Args:
            source_text: one sentence a line, plain or compressed.
            target_text: the other side.
            directory: gets what `nmt.tokenizer.load_tokenizers` reads.

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
        """Reads the file of a tokenizer that was made with these options.

        Raises:
            UserError: it is no such file.
        """

        def make(data: Mapping[str, Any]) -> SymbolTokenizer:
            if data["unit"] != self.unit:
                raise ValueError(f"symbols that are {data['unit']}")
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
                    fix = "Raise it, or use the tokenizer sentencepiece, which is for natural text."
                    raise UserError(where, expected, "text with more", fix)
        if not counts:
            raise UserError(where, "lines of text to find symbols in", "no line with text")
        return SymbolTokenizer((*_SPECIAL_NAMES, *sorted(counts, key=lambda symbol: (-counts[symbol], symbol))), self)


class SymbolTokenizer(VocabularyTokenizer):
    """An alphabet; implements `nmt.tokenizer.base.Tokenizer`.

    Args:
        vocabulary: the name of each id: padding, unknown, begin, end, then the symbols. The first four are names only:
            a symbol that is spelled as one of them is another token.
        options: what a symbol is.

    Raises:
        ValueError: the vocabulary has no symbols, one twice, or something else than symbols.
    """

    def __init__(self, vocabulary: Sequence[str], options: SymbolsOptions) -> None:
        super().__init__(vocabulary, {"unit": options.unit, "vocabulary": tuple(vocabulary)}, indent=0)
        self._options = options
        symbols = self._vocabulary[FIRST_PIECE:]
        if len(self._ids) < len(symbols):
            raise ValueError("an alphabet that has a symbol twice")
        strange = [symbol for symbol in symbols if not self._is_symbol(symbol)]
        if strange:
            raise ValueError(f"{strange[0]!r}, which is none of the {options.unit} of a line")

    @property
    def options(self) -> SymbolsOptions:
        """What it was made with."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        return [self._ids.get(symbol, SPECIAL.unk) for symbol in self._options.cut(line)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids: always one line, whatever the ids are; what is unknown or special gives none."""
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
