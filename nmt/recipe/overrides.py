"""Overrides of recipe values: `training.updates=500` on the command line, {"training.updates": 500} in Python."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.documents import KeyPath, parse_yaml
from nmt.errors import UserError
from nmt.recipe.document import Document, dotted, shown
from nmt.recipe.plain import plain


@dataclass(frozen=True)
class Setting:
    """An override that a file gives."""

    where: str
    """The file and line, for errors."""
    key: str
    """The dotted key."""
    value: Any
    """The value, as parsed from YAML."""


Overrides = Sequence[str] | Sequence[Setting] | Mapping[str, Any]
"""`key=value` strings with the value in YAML, settings of a file, or a mapping of keys to values. Dots separate the
parts of a key."""

Origins = dict[KeyPath, str]
"""Who set each key: `file:line`, or the override as typed."""


@dataclass(frozen=True)
class Given:
    """How overrides are given, for errors."""

    name: str = "override"
    """Word or flag before each override."""
    example: str = "training.updates=500"
    """A valid example."""
    section: tuple[str, ...] = ()
    """Section that the keys are relative to."""


_OVERRIDES = Given()
_DEEPEST = 20
"""Most parts of a key; keys of a recipe have at most five."""


def apply_overrides(
    document: Document, overrides: Overrides, given: Given = _OVERRIDES
) -> tuple[dict[str, Any], Origins]:
    """The document's data with the overrides applied in order, and who set each key.

    A typed value is YAML: a scalar, or a list or mapping in flow syntax. It replaces the old value as a whole.
    Missing sections are created; a number in the key is an index into a list.

    Raises:
        UserError: an override is not of the form key=value, or its key goes into a value that has no keys.
    """
    data = copy.deepcopy(document.data)
    origins: Origins = {path: f"{document.where}:{line}" for path, line in document.lines.items()}
    for where, parts, value in _parsed(overrides, given):
        path = _set(data, [*given.section, *parts], value, where)
        for known in [known for known in origins if known[: len(path)] == path]:
            del origins[known]
        origins[path] = where
    return data, origins


def parsed_setting(text: str, given: Given = _OVERRIDES) -> Setting:
    """An override typed as `key=value`.

    Raises:
        UserError: it is not of this form.
    """
    ((where, parts, value),) = _parsed([text], given)
    return Setting(where, ".".join(parts), value)


def origin_of(path: KeyPath, origins: Origins, otherwise: str) -> str:
    """Who set this key or anything inside it, else who set the nearest enclosing section."""
    inside = [origin for known, origin in origins.items() if known[: len(path)] == path]
    around = [origins[path[:length]] for length in range(len(path), 0, -1) if path[:length] in origins]
    if path in origins or not inside:
        return around[0] if around else otherwise
    return ", ".join(dict.fromkeys(inside)) if path else otherwise


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def _parsed(overrides: Overrides, given: Given) -> Iterator[tuple[str, list[str], Any]]:
    """For each override: its name for errors, the parts of its key, and its value."""
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            where = f"{given.name} {_short(f'{key}={shown(plain(value))}')!r}"
            yield where, _parts(str(key), where, given.example), plain(value)
        return
    for override in overrides:
        if isinstance(override, Setting):
            parts = _parts(override.key, override.where, given.example)
            yield override.where, parts, plain(override.value)
            continue
        where = f"{given.name} {_short(override)!r}"
        key, equals, text = override.partition("=")
        parts = _parts(key if equals else "", where, given.example)
        yield where, parts, parse_yaml(text, where)[0]


def _parts(key: str, where: str, example: str) -> list[str]:
    parts = [part.strip() for part in key.split(".")]
    if not all(parts):
        raise UserError(where, f"key=value, as in {example}", "something else")
    if len(parts) > _DEEPEST:
        raise UserError(where, f"a key of at most {_DEEPEST} parts", str(len(parts)))
    return parts


def _set(data: dict[str, Any], parts: list[str], value: object, where: str) -> KeyPath:
    """Sets the value in place; returns the key path with list indices as numbers."""
    path: KeyPath = ()
    inside: Any = data
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(inside, list):
            key: str | int = _index(part, inside, path, where)
        elif isinstance(inside, dict):
            key = part
            if not last and inside.get(key) is None:
                inside[key] = {}
        else:
            raise UserError(where, f"a mapping at {dotted(path)}", shown(inside), f"Set {dotted(path)} as a whole.")
        path = (*path, key)
        if last:
            inside[key] = value
        else:
            inside = inside[key]
    return path


def _index(part: str, items: list[Any], path: KeyPath, where: str) -> int:
    if part.isdecimal() and len(part) < _DEEPEST and int(part) < len(items):
        return int(part)
    raise UserError(where, f"an index from 0 to {len(items) - 1} after {dotted(path)}", repr(part))
