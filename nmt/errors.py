"""The one exception meant for users."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in the user's input: a file, a line, a recipe key, an option.

    The command line prints it without a traceback and exits with status 2. It is never caught and
    rewrapped on the way, so the code that notices the mistake writes the message.

    Args:
        where: the file, file:line or recipe key at fault.
        expected: what would have been right.
        got: what was found instead.
        fix: what to do now, as a full sentence; empty if `expected` already says it.
    """

    def __init__(self, where: str, expected: str, got: str, fix: str = "") -> None:
        self.where, self.expected, self.got, self.fix = where, expected, got, fix
        message = f"{where}: expected {expected}, got {got}."
        super().__init__(f"{message} {fix}" if fix else message)
