"""Change some fields of options; errors spell a field the way the caller does.

A command-line flag, `--n-best 5`, and a Python keyword, `n_best=5`, are two spellings of one field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

from pydantic import ValidationError

from nmt.errors import UserError
from nmt.options import Options

OptionsT = TypeVar("OptionsT", bound=Options)


class Keywords:
    """The spelling of fields as Python keywords."""

    another_kind: str = "To use another kind of search, pass it whole: search=nmt.Sampling(...)."
    """Advice about a field that only another member of the union has."""

    def name(self, field: str) -> str:
        """The spelling of a field."""
        return field

    def given(self, field: str, value: object) -> str:
        """The spelling of a field with its value."""
        return f"{field}={value!r}"


def changed(
    options: OptionsT, changes: Mapping[str, Any], union: object = None, spelling: Keywords | None = None
) -> OptionsT:
    """A copy of the options with some fields changed, validated as a whole.

    Args:
        options: values of the fields that are not changed.
        changes: the new values, by field.
        union: the union that `options` belongs to, if `kind` may be changed. The new kind starts from
            its own defaults and keeps the values of fields that both kinds have.
        spelling: how the caller spells fields; by default as Python keywords.

    Raises:
        UserError: a change is invalid or conflicts with the other options; the message names it.
    """
    spelling = spelling or Keywords()
    chosen: type[OptionsT] = type(options)
    for member in members(union):
        if changes.get("kind") in get_args(member.model_fields["kind"].annotation):
            chosen = cast(type[OptionsT], member)
    for name in changes:
        if name not in chosen.model_fields:
            raise _unknown(name, chosen, union, spelling)
    kept = {name: value for name, value in options if name in chosen.model_fields}
    if chosen is not type(options):
        kept.pop("kind", None)
    try:
        return chosen.model_validate({**kept, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"]:
            expected = first["msg"].removeprefix("Input should be ")
            expected = "a number " + expected if expected.startswith(("greater", "less")) else expected
            raise UserError(spelling.name(str(first["loc"][0])), expected, repr(first["input"])) from None
        raise _unfit(first["msg"].removeprefix("Value error, "), kept, changes, spelling) from None


def members(options: object) -> Iterator[type[Options]]:
    """The Options classes of a class, an Annotated class, or a (nested) union of them."""
    if isinstance(options, type) and issubclass(options, Options):
        yield options
        return
    arguments = get_args(options)
    for argument in arguments[:1] if get_origin(options) is Annotated else arguments:
        yield from members(argument)


def _unknown(name: str, chosen: type[Options], union: object, spelling: Keywords) -> UserError:
    near = get_close_matches(name, chosen.model_fields, n=1)
    if any(name in member.model_fields for member in members(union)):
        fix = spelling.another_kind
    else:
        fix = f"Did you mean {spelling.name(near[0])}?" if near else ""
    return UserError(spelling.name(name), f"an option of {chosen.__name__}", "an unknown name", fix)


def _unfit(message: str, kept: Mapping[str, Any], changes: Mapping[str, Any], spelling: Keywords) -> UserError:
    """The error for changes that are valid one by one but conflict with each other or with the other options."""
    words = re.findall(r"\w+", message)
    where = " ".join(spelling.given(name, value) for name, value in changes.items()) or "options"
    on = [name for name, value in kept.items() if value is True and name not in changes]
    off = [spelling.given(name, False) for name in on if name in words]
    got = re.sub(r"\w+_\w+", lambda word: spelling.name(word[0]) if word[0] in kept else word[0], message)
    return UserError(where, "options that go together", got, f"Give {' '.join(off)} too." if off else "")
