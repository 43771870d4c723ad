"""Random permutations without memory: any part of a shuffled range can be computed without storing it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_ROUNDS = 8
_U64 = np.uint64


def hash_numbers(values: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint64]:
    """64 well-mixed bits for each value under this key: the finaliser of SplitMix64 (Steele et al. 2014).

    Implemented here rather than with a library's generator, so no numpy version changes the data order of a
    resumed training.
    """
    with np.errstate(over="ignore"):
        z = (values + _U64(1)) * _U64(0x9E3779B97F4A7C15) + _U64(key & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> _U64(27))) * _U64(0x94D049BB133111EB)
        return z ^ (z >> _U64(31))


def derive_key(*numbers: int) -> int:
    """One 64-bit key from several numbers, whose order matters."""
    key = 0
    for number in numbers:
        key = int(hash_numbers(np.array([number & 0xFFFFFFFFFFFFFFFF], dtype=_U64), key)[0])
    return key


class Permutation:
    """A pseudo-random permutation of range(size), computed element by element in constant memory.

    A Feistel network over the smallest even number of bits that can hold `size`; values that fall
    outside the range are permuted again until they fall inside (cycle walking; Black & Rogaway 2002).
    """

    def __init__(self, size: int, key: int) -> None:
        self.size = size
        half = max(1, -(-max(size - 1, 1).bit_length() // 2))
        self._half, self._mask = _U64(half), _U64((1 << half) - 1)
        self._keys = [derive_key(key, round_number) for round_number in range(_ROUNDS)]

    def __call__(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Elements `start` to `stop` of the shuffled range."""
        values = self._shuffle(np.arange(start, min(stop, self.size), dtype=_U64))
        outside = np.flatnonzero(values >= _U64(self.size))
        while len(outside):
            values[outside] = self._shuffle(values[outside])
            outside = outside[values[outside] >= _U64(self.size)]
        return values.astype(np.int64)

    def _shuffle(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            left, right = right, left ^ (hash_numbers(right, key) & self._mask)
        return left << self._half | right
