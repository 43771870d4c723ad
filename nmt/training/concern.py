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
    silent: int = 0
    """Log lines until it is told again."""
    clear: int = 0
    """Log lines in a row that were without it."""

    def hear(self, words: str) -> bool:
        """Takes in one log line's words, empty if all is well; whether to tell them."""
        if not words:
            self.clear += 1
            if self.clear >= _CLEAR:
                self.last, self.silent = "", 0
            return False
        tell = self.silent == 0
        self.last, self.clear, self.silent = words, 0, _SILENT if tell else self.silent - 1
        return tell
