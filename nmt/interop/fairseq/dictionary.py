"""fairseq's dictionaries, which map words to ids."""

from __future__ import annotations

from pathlib import Path

from nmt.errors import UserError
from nmt.interop.fairseq.weights import FAIRSEQ_SPECIAL
from nmt.text import read_lines
from nmt.tokenizer.base import SPECIAL

_OVERWRITE = "#fairseq:overwrite"
_SPECIAL_NAMES = {
    FAIRSEQ_SPECIAL.bos: "<s>",
    FAIRSEQ_SPECIAL.pad: "<pad>",
    FAIRSEQ_SPECIAL.eos: "</s>",
    FAIRSEQ_SPECIAL.unk: "<unk>",
}
"""Special tokens come first and are not in the file."""


def read_dictionary(path: Path) -> list[str]:
    """The words of a dictionary in the order of our ids.

    Each line has a word, a space and its count; fairseq pads the list with "madeupword0000 0" to a multiple of eight. A
    line that ends in #fairseq:overwrite may repeat a word; in text the word then has the later id.

    Raises:
        UserError: the file cannot be read, or a line has another form; the line is named.
    """
    words = {_SPECIAL_NAMES[token] for token in range(len(_SPECIAL_NAMES))}
    listed: list[str] = []
    for number, line in enumerate(read_lines(path), 1):
        word, overwrites = _word(line, f"{path}:{number}")
        if word in words and not overwrites:
            fix = f"Only a line that ends in {_OVERWRITE} may repeat a word."
            raise UserError(f"{path}:{number}", "a word that has not occurred before", repr(word), fix)
        words.add(word)
        listed.append(word)
    if not listed:
        raise UserError(str(path), "words with their counts", "none")
    ours = {SPECIAL.pad: "<pad>", SPECIAL.unk: "<unk>", SPECIAL.bos: "<s>", SPECIAL.eos: "</s>"}
    return [ours[token] for token in range(len(ours))] + listed


def _word(line: str, where: str) -> tuple[str, bool]:
    columns = line.rstrip().split(" ")
    overwrites = columns[-1] == _OVERWRITE
    if overwrites:
        columns.pop()
    if len(columns) != 2 or not columns[0] or not columns[1].removeprefix("-").isdecimal():
        raise UserError(where, "a word, a space and a count", repr(line))
    return columns[0], overwrites
