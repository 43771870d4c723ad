"""Command-line options from the fields of an Options class: one declaration serves recipe and flags.

    @click.command()
    @option_fields(BeamSearch, "search")
    def command(search: Mapping[str, Any]) -> None:
        options = with_changes(recipe_search, search)       # only what the user gave changes

A flag that is not given is absent from the mapping, so the recipe's value is kept.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import click
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from nmt.changes import Keywords, changed, members
from nmt.options import Options

P = ParamSpec("P")
R = TypeVar("R")
OptionsT = TypeVar("OptionsT", bound=Options)

NONE = object()
"""Value of the word `none` inside click, where None means that the flag was not given."""


def option_fields(
    options: object, parameter: str, *, skip: Collection[str] = (), defaults_from: str = ""
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """A decorator that adds one click option per field and passes the given ones as one mapping.

    Args:
        options: an Options class, or a union of them (such as SearchConfig); a field that several
            members share becomes one flag. Fields that are themselves Options get no flag.
        parameter: name of the command's argument that receives {field: value}.
        skip: fields without a flag.
        defaults_from: source of default values, for the help ("the model's recipe"); empty: the class's own
            defaults.
    """
    fields = {name: field for name, field in _flat_fields(options).items() if name not in skip}

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def collected(*arguments: Any, **values: Any) -> R:  # noqa: ANN401 -- click passes parameters by name
            given = {name: values.pop(name) for name in fields}
            values[parameter] = {
                name: None if value is NONE else value for name, value in given.items() if value is not None
            }
            return function(*arguments, **values)

        decorated: Callable[..., R] = collected
        for name, field in reversed(fields.items()):
            decorated = _click_option(name, field, defaults_from)(decorated)
        return decorated

    return decorate


def with_changes(options: OptionsT, changes: Mapping[str, Any], union: object = None) -> OptionsT:
    """The options with some fields changed, validated together.

    Args:
        options: the original options.
        changes: changed fields, as passed by `option_fields`.
        union: the union that `options` belongs to, if `kind` may be changed; a new kind starts from its own
            defaults and keeps the fields that both kinds share.

    Raises:
        UserError: some flags are incompatible with the other settings; it names them.
    """
    return changed(options, changes, union, _Flags())


class _Flags(Keywords):
    """Fields written as command-line flags."""

    another_kind = "Leave the flag out, or choose another --kind."

    def name(self, field: str) -> str:
        """The flag."""
        return _flag(field)

    def given(self, field: str, value: object) -> str:
        """The flag with its value, as typed."""
        if isinstance(value, bool):
            return _flag(field if value else f"no_{field}")
        return f"{_flag(field)} {_shown(value)}"


def _flat_fields(options: object) -> dict[str, FieldInfo]:
    fields: dict[str, FieldInfo] = {}
    classes = list(members(options))
    for member in classes:
        for name, field in member.model_fields.items():
            if not _holds_options(field.annotation):
                fields.setdefault(name, field)
    if len(classes) == 1 and "kind" in fields:
        del fields["kind"]  # there is nothing to choose
    if len(classes) > 1:
        kinds = tuple(kind for member in classes for kind in get_args(member.model_fields["kind"].annotation))
        fields["kind"] = FieldInfo(annotation=Literal[kinds], description="Kind to use.")  # type: ignore[arg-type]
    return fields


def _holds_options(annotation: object) -> bool:
    return any(True for _ in members(annotation))


def _click_option(name: str, field: FieldInfo, defaults_from: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    help_text = " ".join((field.description or "").split())
    if defaults_from:
        help_text += f"  [default: {defaults_from}]"
    elif not field.is_required():
        help_text += f"  [default: {_shown(field.get_default(call_default_factory=True))}]"
    if field.annotation is bool:
        return click.option(f"{_flag(name)}/{_flag('no_' + name)}", name, default=None, help=help_text)
    return click.option(_flag(name), name, type=FieldType(field), default=None, help=help_text)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(value: object) -> str:
    if isinstance(value, (tuple, list, frozenset, set)):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


class FieldType(click.ParamType[Any]):
    """A click type that accepts exactly the field's values; lists are written a,b,c and None as `none`."""

    def __init__(self, field: FieldInfo) -> None:
        annotation: Any = field.annotation
        self.adapter: TypeAdapter[Any] = TypeAdapter(Annotated[annotation, field] if field.metadata else annotation)
        alternatives = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        self.optional = type(None) in alternatives
        self.choices = tuple(value for part in alternatives if get_origin(part) is Literal for value in get_args(part))
        self.sequence = any(get_origin(part) in (tuple, list, set, frozenset) for part in alternatives)
        self.name = "|".join(map(str, self.choices)) or _word(alternatives, self.sequence)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Placeholder of the value in the help."""
        return self.name if self.choices else self.name.upper()

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """The value in the form of the class's field; click reports an invalid one."""
        given: object = value
        if isinstance(value, str):
            if self.optional and value.lower() == "none":
                return NONE
            if self.sequence:
                given = [item.strip() for item in value.split(",") if item.strip()]
        try:
            return self.adapter.validate_python(given)
        except ValidationError as error:
            self.fail(f"{value!r}: {error.errors()[0]['msg']}", param, ctx)


def _word(alternatives: tuple[object, ...], sequence: bool) -> str:
    if sequence:
        return "a,b,…"
    if int in alternatives or float in alternatives:
        return "number"
    return "text" if str in alternatives else "value"
