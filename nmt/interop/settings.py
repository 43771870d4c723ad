"""Another toolkit's settings of one model, by name; what is missing, wrong or unsupported is said by that name."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.options import WIDEST, Count, Probability

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

    def read(self, name: str, kind: Any, expected: str) -> Any:  # noqa: ANN401 -- a value of that type
        """The setting, if it is of a type: true is no number, 1 is no truth value, and "1" is neither.

        Args:
            name: of the setting.
            kind: the type, as pydantic understands it.
            expected: the type in words, for the error.

        Raises:
            UserError: it is of another type.
        """
        value = self.get(name)
        try:
            return TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError:
            raise UserError(f"{self.where}: {name}", expected, _shown(value)) from None

    def size(self, name: str, most: int = WIDEST) -> int:
        """A setting that must be a whole number of at least 1, and no more than a width of ours may be."""
        size: int = self.read(name, Annotated[int, Field(ge=1, le=most)], f"a whole number from 1 to {most:,}")
        return size

    def token(self, name: str) -> int:
        """A setting that must be the id of a token."""
        token: int = self.read(name, Count, "the id of a token")
        return token

    def probability(self, name: str) -> float:
        """A setting that must be a dropout; 0 where there is none."""
        probability: float | None = self.read(name, Probability | None, "a probability below 1")
        return probability or 0.0

    def flag(self, name: str) -> bool:
        """A setting that must be true or false; false where there is none."""
        return bool(self.read(name, bool | None, "true or false"))

    def text(self, name: str) -> str | None:
        """A setting that must be text, or None where there is none."""
        text: str | None = self.read(name, str | None, "text")
        return text

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """For the making of our options, or a model, from settings that were read one by one, and weights of any shape.

        Raises:
            UserError: the options do not go together, or no memory is large enough for the model.
        """
        try:
            yield
        except ValidationError as error:
            first = error.errors()[0]
            name = "".join(f"{part}: " for part in first["loc"])
            raise UserError(self.where, "settings that go together", name + str(first["msg"])) from error
        except (ValueError, TypeError, IndexError, RuntimeError, MemoryError) as error:
            got = (str(error) or "more than there is memory for").splitlines()[0]
            raise UserError(self.where, "settings of one model", got) from error

    def refuse(self, names: tuple[str, ...]) -> None:
        """Raises:
        UserError: one of these settings is switched on.
        """
        for name in names:
            if (value := self.get(name)) not in _OFF:
                raise self.unsupported(name, "a model without it", value)

    def unsupported(self, name: str, expected: str, value: object) -> UserError:
        """For a setting that changes what a model computes, and that we do not have."""
        got = value if isinstance(value, str) else _shown(value)
        return UserError(f"{self.where}: {name}", expected, got, "Such a model cannot be imported.")


def _shown(value: object) -> str:
    """Short, whatever it is."""
    return reprlib.repr(value)
