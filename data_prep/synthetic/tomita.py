"""The seven regular languages of Tomita (1982)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cache
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import ACCEPT, EITHER, REJECT, Distribution, Example, Synthetic, accepted, verdict
from data_prep.synthetic.strings import count_strings, draw_string
from nmt.automata.automaton import Automaton

_BITS = ("0", "1")


def _recogniser(successors: tuple[tuple[int, ...], ...], accepting: Set[int]) -> Automaton:
    outputs = (ACCEPT if state in accepting else REJECT for state in range(len(successors)))
    return Automaton(_BITS, successors, tuple(outputs))


GRAMMARS: Mapping[int, Automaton] = {
    # 1*
    1: _recogniser(((1, 0), (1, 1)), {0}),
    # (10)*
    2: _recogniser(((2, 1), (0, 2), (2, 2)), {0}),
    # no odd number of consecutive 1s followed later by an odd number of consecutive 0s
    3: _recogniser(((0, 1), (2, 0), (3, 4), (2, 3), (4, 4)), {0, 1, 3}),
    # no 000
    4: _recogniser(((1, 0), (2, 0), (3, 0), (3, 3)), {0, 1, 2}),
    # an even number of 0s and an even number of 1s
    5: _recogniser(((1, 2), (0, 3), (3, 0), (2, 1)), {0}),
    # the number of 1s minus the number of 0s is divisible by 3
    6: _recogniser(((2, 1), (0, 2), (1, 0)), {0}),
    # 0*1*0*1*
    7: _recogniser(((0, 1), (2, 1), (2, 3), (4, 3), (4, 4)), {0, 1, 2, 3}),
}
"""The smallest automaton of each grammar."""

_Length = Annotated[int, Field(ge=1, le=2000)]


class Tomita(Synthetic):
    """Strings of bits; the answer says whether they belong to a regular language.

    `1 0 1 0` has the answer `accept` under grammar 2, `1 0 0` has `reject`. Half of the strings are accepted. Their
    length is drawn first, among those that have such strings, then one of the strings of this length. Half of the
    rejected strings differ from an accepted one in a single bit, because random bits are easily told from those of
    grammars 1, 2 and 7. Validation has the lengths of training; so has the first test set, the second has longer
    strings. Grammars 1 and 2 have only 16 and 8 accepted strings of up to 16 bits, so those repeat.

    Without reading the input, half of the answers are right; the perplexity is 2^(1/2) = 1.41 with the end of the
    answer, the token accuracy 75 %. The optimum is exact match 100 %, perplexity 1. (Accepted strings of grammars 2
    and 5 have an even number of bits, so looking at the length alone gives about 62 % there.)
    """

    kind: Literal["tomita"] = "tomita"
    grammar: Literal[1, 2, 3, 4, 5, 6, 7] = 4
    """1: 1*. 2: (10)*. 3: no odd number of consecutive 1s followed later by an odd number of consecutive 0s. 4: no 000.
    5: even numbers of 0s and of 1s. 6: the number of 1s minus the number of 0s is divisible by 3. 7: 0*1*0*1*."""
    lengths: tuple[_Length, _Length] = (1, 16)
    """Shortest and longest strings of training, of validation and of the first test set."""
    test_lengths: tuple[_Length, _Length] = (100, 200)
    """Shortest and longest strings of the second test set."""

    @model_validator(mode="after")
    def _lengths_have_both_answers(self) -> Self:
        if self.lengths == self.test_lengths:
            raise ValueError(f"lengths and test_lengths must differ, both are {list(self.lengths)}")
        for name, (shortest, longest) in (("lengths", self.lengths), ("test_lengths", self.test_lengths)):
            if shortest > longest:
                raise ValueError(f"{name} must be the shortest, then the longest, not {[shortest, longest]}")
            for answer in (True, False):
                if not _lengths_with(self.grammar, shortest, longest, answer):
                    raise ValueError(
                        f"grammar {self.grammar} {'accepts' if answer else 'rejects'} no string of {name}="
                        f"{[shortest, longest]}: allow more lengths"
                    )
        return self

    @property
    def automaton(self) -> Automaton:
        """The smallest automaton of the grammar."""
        return GRAMMARS[self.grammar]

    @property
    def test_sets(self) -> tuple[str, ...]:
        """One of the lengths of training, one of longer strings."""
        return tuple(f"test_{shortest}_{longest}" for shortest, longest in (self.lengths, self.test_lengths))

    def example(self, random: Random, split: str, number: int) -> Example:
        """A string of which the length is drawn first; a rejected one may be an accepted one with one wrong bit."""
        answer = accepted(number)
        lengths = self.test_lengths if split == self.test_sets[1] else self.lengths
        if not answer and random.random() < 0.5 and (string := self._near_miss(random, *lengths)):
            return Example(string, verdict(False))
        length = random.choice(_lengths_with(self.grammar, *lengths, answer))
        return Example(draw_string(random, self.automaton, length, *verdict(answer)), verdict(answer))

    def _near_miss(self, random: Random, shortest: int, longest: int) -> list[str]:
        """An accepted string with one bit changed so that it is rejected; empty if the one drawn has no such bit."""
        length = random.choice(_lengths_with(self.grammar, shortest, longest, True))
        string = draw_string(random, self.automaton, length, ACCEPT)
        for position in random.sample(range(length), length):
            changed = [*string[:position], "10"[int(string[position])], *string[position + 1 :]]
            if self.automaton.answer(changed) == REJECT:
                return changed
        return []

    def blind(self) -> Sequence[Distribution]:
        """Either answer."""
        return [EITHER]


@cache
def _lengths_with(grammar: int, shortest: int, longest: int, answer: bool) -> tuple[int, ...]:
    """The lengths that have accepted strings, or rejected ones."""
    automaton, lengths = GRAMMARS[grammar], range(shortest, longest + 1)
    return tuple(length for length in lengths if count_strings(automaton, length, *verdict(answer)))
