"""Strings over an alphabet on which a model and its automaton are compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

_SHORT, _LONG = 500, 500
_LONGEST = 200


def chosen_strings(symbols: Sequence[int], seed: int) -> list[tuple[int, ...]]:
    """All short strings, the empty one included, and random ones of up to 200 symbols.

    A random string has its own random frequencies of the symbols: with equal ones, long strings would nearly always be
    outside a language such as that of strings without a zero.

    Args:
        symbols: the alphabet.
        seed: for the random strings.
    """
    draw = random.Random(seed)
    found: list[tuple[int, ...]] = [()]
    length = 1
    while length == 1 or len(found) + len(symbols) ** length <= _SHORT:
        found += product(symbols, repeat=length)
        length += 1
    for _ in range(_LONG):
        frequencies = [draw.random() ** 4 for _ in symbols]
        found.append(tuple(draw.choices(symbols, frequencies, k=draw.randint(length, _LONGEST))))
    return found
