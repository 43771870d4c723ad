"""What a person was told of a model's concerns, so that it is said when one begins and not at every log line."""

from __future__ import annotations

from pydantic import BaseModel

_SILENT = 50
"""Log lines for which a concern that stays is not repeated."""
_CLEAR = 3
"""Log lines in a row without it after which it has gone: figures about a limit cross it to and fro."""


class Concern(BaseModel):
    """Follows `EncoderDecoder.concern` from log line to log line; part of the position that a training saves."""

    last: str = ""
    """The newest words, told or not; empty once it has gone."""
    told: int = 0
    """Update at which it was told last."""
    silent: int = 0
    """Log lines until it is told again."""
    clear: int = 0
    """Log lines in a row that were without it."""

    def hear(self, update: int, words: str) -> str:
        """Takes in what one log line gave rise to, empty if all is well.

        Returns:
            What to tell: the words, or that they no longer hold; empty for nothing.
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
        return f"what was noted at update {self.told} no longer holds"
