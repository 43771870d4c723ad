"""How far a solver goes, as keywords that every solver takes."""

from __future__ import annotations

from typing import TypedDict


class Limits(TypedDict):
    tolerance: float
    max_iterations: int
