"""Exclusive or of two bits that stand anywhere in a long line (Cheng et al. 2022, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from data_prep.synthetic.base import Distribution, Example, Synthetic, uniform
from nmt.data.corpus import Text
from nmt.data.pairs import read_pairs
from nmt.data.yardstick import Yardstick, guesses_of_choices
from nmt.options import LONGEST

SHIFTED = "test_shifted"
"""Name of the test set whose marks stand in the other half."""


class MarkedXor(Synthetic):
    """Bits, two of which are marked, at random positions; the answer is their exclusive or.

    `0 1* 1 0 0* 1` has the answer `1`. A marked bit is a token of its own. In `similar` sets the marks stand anywhere.
    In `dissimilar` ones they tell the answer by themselves: both stand in the first half of the line if it is `0`, in
    the second if it is `1`. The second test set, `test_shifted`, has them in the other half: a model that has learned
    where the marks stand instead of what they mark is always wrong there. The paper has numbers between 0 and 1, of
    which those from 0.5 on count as 1, in place of bits.

    Without reading the input, half of the answers are right; the perplexity is 2^(1/2) = 1.41 with the end of the
    answer, the token accuracy 75 %. So are half of those that follow from one marked bit. The half in which the marks
    stand gives 50 % in similar sets; in dissimilar ones 100 %, shifted 0 %. The optimum is exact match 100 %,
    perplexity 1, in all sets.
    """

    kind: Literal["marked_xor"] = "marked_xor"
    length: Annotated[int, Field(ge=4, le=LONGEST)] = 128
    """Number of bits. Inputs longer than `training.max_length` are not trained on."""
    sets: Literal["similar", "dissimilar"] = "similar"
    """Whether the marks stand anywhere in all sets, or in a half that depends on the answer, and in one more test set
    in the other half."""
    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Number of training examples; as published."""

    @property
    def test_sets(self) -> tuple[str, ...]:
        """One set like training; if the sets are dissimilar, also one that is not."""
        return ("test",) if self.sets == "similar" else ("test", SHIFTED)

    def example(self, random: Random, split: str, number: int) -> Example:
        """Bits drawn uniformly, then two positions, of all or of half of them."""
        bits = [random.randrange(2) for _ in range(self.length)]
        answer = random.randrange(2)
        half = self._halves[answer ^ (split == SHIFTED)]
        first, second = random.sample(range(self.length) if self.sets == "similar" else half, 2)
        bits[second] = bits[first] ^ answer
        line = [f"{bit}*" if position in (first, second) else str(bit) for position, bit in enumerate(bits)]
        return Example(line, [str(answer)])

    def blind(self) -> Sequence[Distribution]:
        """Either bit."""
        return [uniform(("0", "1"))]

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """A strategy that does not read the input, one that reads the positions of the marks, and the optimum."""
        blind, optimum = super().yardsticks(test)
        pairs = list(read_pairs(test))
        chosen, answers = [self._half_of_marks(line) for line, _ in pairs], [answer for _, answer in pairs]
        return blind, Yardstick("trivial: half of the marks", guesses_of_choices(chosen, answers, 2)), optimum

    @property
    def _halves(self) -> tuple[range, range]:
        """The positions of the marks by answer, in dissimilar sets."""
        return range(self.length // 2), range(self.length // 2, self.length)

    def _half_of_marks(self, line: str) -> str:
        """0 if the middle of the two marks is in the first half, else 1."""
        marks = [position for position, bit in enumerate(line.split()) if bit.endswith("*")]
        return "0" if sum(marks) / 2 < self.length // 2 else "1"
