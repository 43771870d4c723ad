"""Another toolkit's settings of one model, by name; what is missing, wrong or unsupported is said by that name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nmt.errors import UserError

_OFF: tuple[object, ...] = (None, False, 0, "", "None", [], {})
"""What a setting is where it changes nothing."""


class Settings:
    """Settings by name.

    Args:
        values: what a checkpoint or a configuration file holds; None is as good as nothing.
        defaults: the toolkit's own, for files from before a setting existed. Later ones may hold them all.
        where: the file, for errors.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> None:
        self.values = {**defaults, **{name: value for name, value in values.items() if value is not None}}
        self.where = where

    def get(self, name: str) -> Any:  # noqa: ANN401 -- what the checkpoint holds
        """The setting, or None."""
        return self.values.get(name)

    def size(self, name: str) -> int:
        """A setting that is a whole number.

        Raises:
            UserError: it is none, or less than 1.
        """
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"{self.where}: {name}", "a whole number of at least 1", repr(value))
        return value

    def probability(self, name: str) -> float:
        """A setting that is a dropout; 0 where there is none.

        Raises:
            UserError: it is not a probability.
        """
        value = self.get(name) or 0.0
        if not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise UserError(f"{self.where}: {name}", "a probability below 1", repr(value))
        return float(value)

    def refuse(self, names: tuple[str, ...]) -> None:
        """Raises:
        UserError: one of these settings is switched on.
        """
        for name in names:
            if (value := self.get(name)) not in _OFF:
                raise self.unsupported(name, "a model without it", value)

    def unsupported(self, name: str, expected: str, value: object) -> UserError:
        """For a setting that changes what a model computes, and that we do not have."""
        return UserError(f"{self.where}: {name}", expected, str(value), "Such a model cannot be imported.")
