"""The one exception a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in what the user gave us: a file, a line, a recipe key, an option.

    The command line prints it without a traceback and exits with status 2. Nothing is caught and
    rewrapped on the way, so the place that notices the mistake words it.

    Args:
        where: the file, file:line or recipe key that is at fault.
        expected: what would have been right.
        got: what was found instead.
        fix: what to do now, as a full sentence; empty when `expected` already says it.
    """

    def __init__(self, where: str, expected: str, got: str, fix: str = "") -> None:
        self.where, self.expected, self.got, self.fix = where, expected, got, fix
        message = f"{where}: expected {expected}, got {got}."
        super().__init__(f"{message} {fix}" if fix else message)
