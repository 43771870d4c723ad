from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.inference.windows import arriving, windows


@given(st.lists(st.text(max_size=3)), st.integers(1, 5))
def test_windows_are_the_lines_in_order(lines: list[str], size: int) -> None:
    groups = list(windows(lines, size))
    assert [line for group in groups for line in group] == lines
    assert all(len(group) == size for group in groups[:-1])


@settings(max_examples=20)
@given(st.lists(st.text(max_size=3), max_size=12), st.integers(1, 5))
def test_so_are_those_that_arrive(lines: list[str], size: int) -> None:
    groups = list(arriving(lines, size))
    assert [line for group in groups for line in group] == lines
    assert all(1 <= len(group) <= size for group in groups)


def test_a_line_does_not_wait_for_the_next() -> None:
    """The writer sends the second line only after the answer to the first."""
    answered: queue.Queue[None] = queue.Queue()

    def dialogue() -> Iterator[str]:
        yield "first"
        answered.get(timeout=10)
        yield "second"

    groups = arriving(dialogue(), 100)
    assert next(groups) == ["first"]
    answered.put(None)
    assert list(groups) == [["second"]]


def test_a_fault_of_the_input_comes_after_the_lines_before_it() -> None:
    def broken() -> Iterator[str]:
        yield "whole"
        raise OSError("gone")

    groups = arriving(broken(), 10)
    assert next(groups) == ["whole"]
    with pytest.raises(OSError, match="gone"):
        next(groups)
