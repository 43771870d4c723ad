"""A resolved recipe as YAML with every option, each under its description: a manual for this very system."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from nmt.options import Options
from nmt.recipe.keys import kinds, option_classes

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/.+-]*")
# What YAML does not allow as it is, or takes for the end of a line.
_NOT_PRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Words that YAML 1.2, or the YAML 1.1 that many editors still speak, would read as something else.
_NOT_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def as_yaml(options: Options) -> str:
    """YAML that reads back as equal options, with each option's description as a comment above it."""
    return "\n".join(_section(options, "")) + "\n"


def as_plain_yaml(options: Options) -> str:
    """The same values without comments."""
    return "\n".join(line for line in _section(options, "") if line and not line.lstrip().startswith("#")) + "\n"


def _section(options: Options, indent: str) -> Iterator[str]:
    for number, (name, field) in enumerate(type(options).model_fields.items()):
        value = getattr(options, name)
        if not indent and number:
            yield ""
        yield from _comment(field, indent)
        if isinstance(value, Options):
            yield f"{indent}{name}:"
            yield from _section(value, indent + "  ")
        else:
            yield f"{indent}{name}: {_flow(value)}"


def _comment(field: FieldInfo, indent: str) -> Iterator[str]:
    text = " ".join((field.description or "").split())
    choices = _choices(field.annotation)
    if len(choices) > 1:
        text = f"{text} [{' | '.join(choices)}]".strip()
    yield from textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _choices(annotation: object) -> list[str]:
    """The words that may stand here, or the kinds of the section that may."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [f"kind: {kind}" for member in option_classes(annotation) for kind in kinds(member)]


def _flow(value: object) -> str:
    if isinstance(value, Options):
        value = dict(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (tuple, list, set, frozenset)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else _NOT_PRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"
