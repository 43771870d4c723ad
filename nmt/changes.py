"""Options with some fields changed, and what is wrong with a change in the words of whoever made it.

A flag of the command line, `--n-best 5`, and a keyword of Python, `n_best=5`, are two spellings of one field.
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
    """Fields as Python has them."""

    another_kind: str = "Another kind of search is given whole, as search=nmt.Sampling(...)."
    """What to do about a field that only another member of the union has."""

    def name(self, field: str) -> str:
        """What a field is called."""
        return field

    def given(self, field: str, value: object) -> str:
        """The field with its value, as it is written."""
        return f"{field}={value!r}"


def changed(
    options: OptionsT, changes: Mapping[str, Any], union: object = None, spelling: Keywords | None = None
) -> OptionsT:
    """The same options with some fields changed, validated together.

    Args:
        options: what stands where nothing is changed.
        changes: the new values, by field.
        union: the union that `options` is of, where `kind` may be changed; the other kind starts from
            its own defaults, and keeps the fields that both kinds have.
        spelling: how fields are written where the changes come from; keywords by default.

    Raises:
        UserError: naming the changes that are wrong, or do not go with the rest.
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
    return UserError(spelling.name(name), f"an option of {chosen.__name__}", "one that it does not have", fix)


def _unfit(message: str, kept: Mapping[str, Any], changes: Mapping[str, Any], spelling: Keywords) -> UserError:
    """For changes that each are right but do not go with each other, or with the rest."""
    words = re.findall(r"\w+", message)
    where = " ".join(spelling.given(name, value) for name, value in changes.items()) or "options"
    on = [name for name, value in kept.items() if value is True and name not in changes]
    off = [spelling.given(name, False) for name in on if name in words]
    got = re.sub(r"\w+_\w+", lambda word: spelling.name(word[0]) if word[0] in kept else word[0], message)
    return UserError(where, "options that go together", got, f"Give {' '.join(off)} too." if off else "")
