"""The five context-free languages of DuSell and Chiang (2020), with the probabilities of their grammars."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from nmt.options import Options

_BITS = ("0", "1")
_PAIRS = (("(", ")"), ("[", "]"))
_FILLERS = ("(", ")", "[", "]", "$")

Mean = Annotated[float, Field(gt=0.0, le=1000.0)]
MeanOverOne = Annotated[float, Field(gt=1.0, le=1000.0)]
Rules = Mapping[str, Mapping[str, float]]


class Language(Options):
    """A context-free language, from whose grammar strings are drawn. Means are those of strings of any length."""

    @abstractmethod
    def rules(self) -> Rules:
        """The grammar of the language, for `Grammar`; its start is `S`."""


class MarkedReversal(Language):
    """`0 1 1 # 1 1 0`: bits, a marker, and the same bits in reverse."""

    kind: Literal["marked_reversal"] = "marked_reversal"
    mean_length: Mean = 60.0
    """Mean number of bits before the marker. It does not matter once the length of a string is given."""

    def rules(self) -> Rules:
        """S: bit S bit, or the marker."""
        return {"S": {**_nested(self.mean_length), "#": 1 - _continuing(self.mean_length)}}


class UnmarkedReversal(Language):
    """`0 1 1 1 1 0`: bits, and the same bits in reverse; the centre has to be guessed."""

    kind: Literal["unmarked_reversal"] = "unmarked_reversal"
    mean_length: Mean = 60.0
    """Mean number of bits of a half. It does not matter once the length of a string is given."""

    def rules(self) -> Rules:
        """S: bit S bit, or nothing."""
        return {"S": {**_nested(self.mean_length), "": 1 - _continuing(self.mean_length)}}


class PaddedReversal(Language):
    """`0 1 0 0 0 1 0`: bits, any number of equal bits, and the first ones in reverse."""

    kind: Literal["padded_reversal"] = "padded_reversal"
    mean_content: Mean = 60.0
    """Mean number of bits that are repeated in reverse."""
    mean_padding: Mean = 30.0
    """Mean number of equal bits in the middle."""

    def rules(self) -> Rules:
        """S: bit S bit, or the padding, whose bit is drawn by itself."""
        ends, pads = 1 - _continuing(self.mean_content), _continuing(self.mean_padding)
        return {
            "S": {**_nested(self.mean_content), **{f"padding{bit}": ends / 2 for bit in _BITS}},
            **{f"padding{bit}": {f"{bit} padding{bit}": pads, "": 1 - pads} for bit in _BITS},
        }


class Dyck(Language):
    """`( [ ] ) ( )`: balanced brackets of two kinds."""

    kind: Literal["dyck"] = "dyck"
    mean_splits: Mean = 1.0
    """Mean number of further bracketed parts beside each one."""
    mean_nesting: MeanOverOne = 40.0
    """Mean depth of the brackets, if nothing stood side by side."""

    def rules(self) -> Rules:
        """S: several parts; part: a pair of brackets with or without S inside."""
        splits, nests = _continuing(self.mean_splits), _continuing(self.mean_nesting - 1)
        return {
            "S": {"S part": splits, "part": 1 - splits},
            "part": {f"{left} inside {right}": 0.5 for left, right in _PAIRS},
            "inside": {"S": nests, "": 1 - nests},
        }


class Hardest(Language):
    """Balanced brackets hidden among decoys, after Greibach's hardest context-free language.

    `] , $ ( , ) ; [ , ) , ;`: each block, up to a semicolon, is a list of alternatives between commas. One of each is
    chosen, never the first or the last, so that together they are a `$` and balanced brackets: here `$ (` and `)`. The
    others are decoys. All context-free languages can be recognised by a machine that recognises this one, after a
    translation of each word into a block.
    """

    kind: Literal["hardest"] = "hardest"
    mean_commas: Mean = 0.5
    """Mean number of further decoys on each side of the chosen alternative."""
    mean_short_filler: Mean = 0.5
    """Mean number of symbols of the outermost decoys of a block, which may be empty."""
    mean_long_filler: MeanOverOne = 2.0
    """Mean number of symbols of the other decoys."""
    semicolon_probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    """Probability that a new block begins before a bracket."""
    mean_splits: Mean = 1.5
    """Mean number of further bracketed parts beside each one."""
    mean_nesting: Mean = 3.0
    """Mean number of brackets around brackets."""

    def rules(self) -> Rules:
        """S: decoys, `$`, brackets with block boundaries between them, and decoys again."""
        commas, short = _continuing(self.mean_commas), _continuing(self.mean_short_filler)
        long, splits = _continuing(self.mean_long_filler - 1), _continuing(self.mean_splits)
        nests, bounds = _continuing(self.mean_nesting), self.semicolon_probability
        return {
            "S": {"before $ boundary brackets after ;": 1.0},
            "after": {"decoys , short": 1.0},
            "decoys": {", long decoys": commas, "": 1 - commas},
            "before": {"short , earlier": 1.0},
            "earlier": {"earlier long ,": commas, "": 1 - commas},
            "short": {**{f"{one} short": short / len(_FILLERS) for one in _FILLERS}, "": 1 - short},
            "long": {
                **{f"{one} long": long / len(_FILLERS) for one in _FILLERS},
                **{one: (1 - long) / len(_FILLERS) for one in _FILLERS},
            },
            "boundary": {"after ; before": bounds, "": 1 - bounds},
            "brackets": {"brackets boundary part": splits, "part": 1 - splits},
            "part": {f"{left} inside {right}": 0.5 for left, right in _PAIRS},
            "inside": {"boundary brackets boundary": nests, "boundary": 1 - nests},
        }


LanguageConfig = Annotated[
    MarkedReversal | UnmarkedReversal | PaddedReversal | Dyck | Hardest, Field(discriminator="kind")
]


def _continuing(mean: float) -> float:
    """The probability to go on at each step that gives this mean number of steps."""
    return mean / (mean + 1)


def _nested(mean: float) -> dict[str, float]:
    """A bit around S, this many times on average."""
    return {f"{bit} S {bit}": _continuing(mean) / len(_BITS) for bit in _BITS}
