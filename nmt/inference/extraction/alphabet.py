"""The symbols that an automaton reads, and strings of them in a model's tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nmt.errors import UserError
from nmt.text import clean_line
from nmt.tokenizer.base import SPECIAL, Tokenizer


@dataclass(frozen=True)
class Alphabet:
    """Symbols of a model's vocabulary, which source and target share."""

    symbols: tuple[int, ...]
    """Token ids, without repetitions."""
    pieces: tuple[str, ...]
    """The name of each token id, in symbols and answers."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the symbols."""
        return tuple(self.pieces[symbol] for symbol in self.symbols)


class Strings(NamedTuple):
    """Strings from a file."""

    strings: list[tuple[int, ...]]
    """Token ids of each."""
    answers: list[str] | None
    """The right answer to each, by the name of its first token; None if the file has none."""


def named_alphabet(tokenizer: Tokenizer, text: str, where: str) -> Alphabet:
    """The alphabet of the symbols in a text, separated by spaces.

    Args:
        tokenizer: the model's.
        text: the symbols.
        where: the option that names them, for errors.

    Raises:
        UserError: one of them is not exactly one token.
    """
    found = []
    for name in text.split():
        tokens = tokenizer.encode(clean_line(name))
        if len(tokens) != 1 or tokens[0] == SPECIAL.unk:
            got = f"{name!r}, which is {'not in it' if SPECIAL.unk in tokens else f'{len(tokens)} tokens'}"
            raise UserError(where, "symbols of the model's vocabulary, separated by spaces", got)
        found += tokens
    if not found:
        raise UserError(where, "symbols of the model's vocabulary, separated by spaces", "none")
    return alphabet(tokenizer, found)


def alphabet(tokenizer: Tokenizer, symbols: Iterable[int]) -> Alphabet:
    """The alphabet of these token ids; repetitions are dropped."""
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    return Alphabet(tuple(dict.fromkeys(symbols)), tuple(pieces))


def whole_alphabet(tokenizer: Tokenizer) -> Alphabet:
    """The alphabet of all tokens but the special ones."""
    return alphabet(tokenizer, range(SPECIAL.eos + 1, tokenizer.vocabulary_size))


def read_strings(tokenizer: Tokenizer, lines: Sequence[str], known: Alphabet | None, where: str) -> Strings:
    """Strings, one a line, with the right answer after a tab in all lines or in none.

    Args:
        tokenizer: the model's.
        lines: the lines; a blank one is the empty string.
        known: the alphabet; None: any symbols of the vocabulary.
        where: the file, for errors.

    Raises:
        UserError: there is no line, a symbol is unknown, or only some lines have an answer.
    """
    if not lines:
        raise UserError(where, "strings, one a line", "an empty file")
    allowed = range(SPECIAL.eos + 1, tokenizer.vocabulary_size) if known is None else set(known.symbols)
    alphabet_named = "the model's vocabulary" if known is None else f"the alphabet {' '.join(known.names)}"
    strings, answers = [], []
    for number, line in enumerate(lines, 1):
        text, tab, answer = line.partition("\t")
        tokens = tokenizer.encode(clean_line(text))
        if any(token not in allowed for token in tokens):
            raise UserError(f"{where}:{number}", f"symbols of {alphabet_named}", f"others in {_short(text)!r}")
        strings.append(tuple(tokens))
        if tab:
            answers += tokenizer.pieces([*tokenizer.encode(clean_line(answer)), SPECIAL.eos][:1])
    if answers and len(answers) != len(strings):
        got = f"{len(answers)} answers in {len(strings)} lines"
        raise UserError(where, "the right answer after a tab in all lines, or in none", got)
    return Strings(strings, answers or None)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
