"""Orders without memory: permutations all the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.order import Permutation, derive_key, hash_numbers


@given(st.integers(0, 2000), st.integers(0, 2**64 - 1))
def test_every_element_exactly_once(size: int, key: int) -> None:
    assert sorted(Permutation(size, key)(0, size)) == list(range(size))


@given(st.integers(1, 2000), st.data())
def test_any_part_equals_that_part_of_the_whole(size: int, data: st.DataObject) -> None:
    start, stop = sorted(data.draw(st.tuples(st.integers(0, size), st.integers(0, size + 10))))
    permutation = Permutation(size, 3)
    assert list(permutation(start, stop)) == list(permutation(0, size)[start:stop])


def test_huge_ranges_need_no_memory() -> None:
    part = Permutation(10**15, 1)(10**14, 10**14 + 1000)
    assert len(set(part.tolist())) == 1000
    assert part.min() >= 0
    assert part.max() < 10**15


def test_it_looks_shuffled() -> None:
    order = Permutation(10_000, 7)(0, 10_000)
    correlation = np.corrcoef(order, np.arange(10_000))[0, 1]
    assert abs(correlation) < 0.05  # five standard deviations of a random order
    assert np.mean(order == Permutation(10_000, 8)(0, 10_000)) < 0.001
    first = [int(Permutation(5, key)(0, 1)[0]) for key in range(2000)]
    assert np.bincount(first, minlength=5).min() > 300  # 400 expected


def test_the_hash_is_the_published_one() -> None:
    # The first outputs of SplitMix64 from state 0, as its reference implementation prints them.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert hash_numbers(np.arange(3, dtype=np.uint64), 0).tolist() == published
    assert len({derive_key(1, 2), derive_key(2, 1), derive_key(1), derive_key(1, 2, 0)}) == 4
