"""A model's warnings, reported when they begin instead of at every log line."""

from __future__ import annotations

from pydantic import BaseModel

_SILENT = 50
"""Log lines before a persistent warning is repeated."""
_CLEAR = 3
"""Consecutive log lines without the warning before it counts as gone: figures near a limit cross it back and forth."""


class Concern(BaseModel):
    """Tracks `EncoderDecoder.concern` from log line to log line; saved as part of a training's position."""

    last: str = ""
    """The latest warning, reported or not; empty once it is gone."""
    told: int = 0
    """Update at which it was last reported."""
    silent: int = 0
    """Log lines until it is reported again."""
    clear: int = 0
    """Consecutive log lines without it."""

    def hear(self, update: int, words: str) -> str:
        """Takes in the warning at one log line, empty if all is well.

        Returns:
            The message to report: the warning, or that it no longer holds; empty for none.
        """
        if words:
            tell = self.silent == 0
            self.last, self.clear = words, 0
            self.told, self.silent = (update, _SILENT) if tell else (self.told, self.silent - 1)
            return words if tell else ""
        self.clear += 1
        if not self.last or self.clear < _CLEAR:
            return ""
        self.last, self.silent = "", 0
        return f"the warning of update {self.told} no longer holds"
