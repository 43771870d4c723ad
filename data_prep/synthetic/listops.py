"""Nested expressions of lists (Nangia and Bowman 2018), at the lengths of the Long Range Arena (Tay et al. 2020)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import Distribution, Example, Synthetic
from nmt.errors import UserError
from nmt.options import LONGEST

END = "]"
"""Closes the list that the nearest open operator begins."""
OPERATOR_SHARE = 0.25
"""Probability that an element, above the lowest level, is a list; otherwise it is a digit."""
_ATTEMPTS = 10_000
"""Draws of an expression until one has an allowed length."""
_SAMPLE = 2000
"""Expressions from which the distribution of the answers is estimated."""

_Length = Annotated[int, Field(ge=4, le=LONGEST)]


def _median(numbers: Sequence[int]) -> int:
    """The one in the middle; of an even number, the mean of the two in the middle, rounded down."""
    ordered, last = sorted(numbers), len(numbers) - 1
    return (ordered[last // 2] + ordered[(last + 1) // 2]) // 2


OPERATORS: Mapping[str, Callable[[Sequence[int]], int]] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": _median,
    "[SM": lambda numbers: sum(numbers) % 10,
}
"""Each with its function of the elements of a list: smallest, largest, median, sum modulo 10."""


class ListOps(Synthetic):
    """Expressions of operators on lists of digits and of other such lists; the answer is the value, a digit.

    `[MAX 4 [MIN 2 3 ] 1 0 [MED 1 5 8 9 2 ] ]` has the answer `5`. An expression is drawn from the grammar of the Long
    Range Arena, as often as it takes until its length is allowed: a list has an operator and 2 to `arguments` elements,
    equally probable; an element is a list with probability 1/4, and on the last of `depth` levels never, else a digit.
    The arena has more than 500 and fewer than 2,000 tokens, and 96,000 training examples; 10,000 take 20 seconds here.

    Answers are not equally probable: the smallest and largest of many digits are mostly 0 and 9. Always answering the
    most frequent one is right in 17 % of lines of 500 to 2,000 tokens; its perplexity is about 10^(1/2) = 3.1 with the
    end of the answer. That distribution is estimated from 2,000 further draws, the only figure here that is not exact.
    The optimum is exact match 100 %, perplexity 1. (On the arena's lines, CDIL-CNN has 44 %, S5 62 %.)
    """

    kind: Literal["listops"] = "listops"
    lengths: tuple[_Length, _Length] = (500, 2000)
    """Fewest and most tokens of an expression, digits, operators and closing brackets. Inputs longer than
    `training.max_length` are not trained on."""
    depth: Annotated[int, Field(ge=2, le=100)] = 10
    """Most levels of an expression, that of the digits included: 2 allows one operator, without others in its list."""
    arguments: Annotated[int, Field(ge=2, le=1000)] = 10
    """Most elements of a list."""
    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Number of training expressions."""

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        shortest, longest = self.lengths
        if shortest > longest:
            raise ValueError(f"lengths must be the shortest, then the longest, not {[shortest, longest]}")
        most = 1
        for _ in range(self.depth - 1):
            most = 2 + self.arguments * most
        if most < shortest:
            raise ValueError(
                f"an expression of depth={self.depth} with arguments={self.arguments} has at most {most} tokens, fewer "
                f"than lengths={[shortest, longest]}: allow more of either, or shorter ones"
            )
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """An expression of an allowed length.

        Raises:
            UserError: none of many draws had one.
        """
        for _ in range(_ATTEMPTS):
            tokens = list[str]()
            answer = self._draw_list(random, 1, tokens)
            if self.lengths[0] <= len(tokens) <= self.lengths[1]:
                return Example(tokens, [str(answer)])
        raise UserError(
            "corpus.lengths",
            f"lengths that an expression of depth={self.depth} with arguments={self.arguments} is likely to have",
            f"{list(self.lengths)}, which none of {_ATTEMPTS:,} expressions had",
            "Allow more lengths, or raise depth or arguments for longer expressions.",
        )

    def blind(self) -> Sequence[Distribution]:
        """The digits by their frequency as answers, which is estimated."""
        counts = _answers(self)
        return [{digit: counts[digit] / _SAMPLE for digit in sorted(counts)}]

    def _draw_list(self, random: Random, level: int, tokens: list[str]) -> int:
        """Draws a list, adds its tokens, and returns its value."""
        operator = random.choice(tuple(OPERATORS))
        tokens.append(operator)
        numbers = [self._draw_element(random, level + 1, tokens) for _ in range(random.randint(2, self.arguments))]
        tokens.append(END)
        return OPERATORS[operator](numbers)

    def _draw_element(self, random: Random, level: int, tokens: list[str]) -> int:
        # an expression that has become too long is not finished, as it is thrown away
        if level < self.depth and random.random() < OPERATOR_SHARE and len(tokens) <= self.lengths[1]:
            return self._draw_list(random, level, tokens)
        digit = random.randrange(10)
        tokens.append(str(digit))
        return digit


@cache
def _answers(made: ListOps) -> Counter[str]:
    """How often each digit is the answer of a sample that is in none of the sets."""
    random = Random(f"{made.kind} answers {made.seed}")
    return Counter(made.example(random, "training", number).answer[0] for number in range(_SAMPLE))
