"""What is wrong between sections of a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.documents import KeyPath


@dataclass(frozen=True)
class Conflict:
    """Settings that are right by themselves and wrong together."""

    keys: tuple[KeyPath, ...]
    expected: str
    got: str
    fix: str
