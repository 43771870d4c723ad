"""Another toolkit's settings of one model, by name; errors report missing, wrong or unsupported ones by that name."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.options import WIDEST, Count, Probability

_OFF: tuple[object, ...] = (None, False, 0, "", "None", [], {})
"""Values with which a setting changes nothing."""


class Settings:
    """Settings by name.

    Args:
        values: the settings in a checkpoint or configuration file; None counts as not set.
        defaults: the toolkit's defaults, for settings that a file lacks, for instance because they did not exist yet.
        where: the file, for errors.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> None:
        self.values = {**defaults, **{name: value for name, value in values.items() if value is not None}}
        self.where = where

    def get(self, name: str) -> Any:  # noqa: ANN401 -- any value in a checkpoint
        """The setting, or None."""
        return self.values.get(name)

    def read(self, name: str, kind: Any, expected: str) -> Any:  # noqa: ANN401 -- a value of that type
        """The setting, checked strictly for its type: true is not a number, 1 is not a boolean, and "1" is neither.

        Args:
            name: name of the setting.
            kind: the type, in pydantic's notation.
            expected: the type in words, for the error.

        Raises:
            UserError: it has another type.
        """
        value = self.get(name)
        try:
            return TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError:
            raise UserError(f"{self.where}: {name}", expected, _shown(value)) from None

    def size(self, name: str, most: int = WIDEST) -> int:
        """A setting that must be a whole number from 1 to `most`, by default the largest width that we allow."""
        size: int = self.read(name, Annotated[int, Field(ge=1, le=most)], f"a whole number from 1 to {most:,}")
        return size

    def token(self, name: str) -> int:
        """A setting that must be a token id."""
        token: int = self.read(name, Count, "the id of a token")
        return token

    def probability(self, name: str) -> float:
        """A setting that must be a dropout rate; 0 if not set."""
        probability: float | None = self.read(name, Probability | None, "a probability below 1")
        return probability or 0.0

    def flag(self, name: str) -> bool:
        """A setting that must be true or false; false if not set."""
        return bool(self.read(name, bool | None, "true or false"))

    def text(self, name: str) -> str | None:
        """A setting that must be text; None if not set."""
        text: str | None = self.read(name, str | None, "text")
        return text

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Context for building our options or a model from these settings; turns its errors into user errors.

        Raises:
            UserError: the options do not fit together, or the model does not fit into memory.
        """
        try:
            yield
        except ValidationError as error:
            first = error.errors()[0]
            name = "".join(f"{part}: " for part in first["loc"])
            raise UserError(self.where, "settings that fit together", name + str(first["msg"])) from error
        except (ValueError, TypeError, IndexError, RuntimeError, MemoryError) as error:
            got = (str(error) or "more than fits into memory").splitlines()[0]
            raise UserError(self.where, "settings of one model", got) from error

    def refuse(self, names: tuple[str, ...]) -> None:
        """Raises:
        UserError: one of these settings is turned on.
        """
        for name in names:
            if (value := self.get(name)) not in _OFF:
                raise self.unsupported(name, "a model without it", value)

    def unsupported(self, name: str, expected: str, value: object) -> UserError:
        """The error for a setting that changes a model's arithmetic and that we do not support."""
        got = value if isinstance(value, str) else _shown(value)
        return UserError(f"{self.where}: {name}", expected, got, "Such a model cannot be imported.")


def _shown(value: object) -> str:
    """A short representation of any value."""
    return reprlib.repr(value)
