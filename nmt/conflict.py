"""What is wrong between sections of a recipe: told by the options that it concerns, shown by the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.documents import KeyPath  # at run time it would bring along what reads YAML


@dataclass(frozen=True)
class Conflict:
    """Settings that are right by themselves and wrong together."""

    keys: tuple[KeyPath, ...]
    expected: str
    got: str
    fix: str
