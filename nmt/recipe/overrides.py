"""Overrides of a recipe's values: `training.updates=500` on the command line, {"training.updates": 500} in Python."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.documents import KeyPath, parse_yaml
from nmt.errors import UserError
from nmt.recipe.document import Document, dotted, shown
from nmt.recipe.plain import plain

Overrides = Sequence[str] | Mapping[str, Any]
"""`key=value` each, the value in YAML; or values by key. A key has dots between its parts."""

Origins = dict[KeyPath, str]
"""Who set a key: `file:line`, or the override as it was typed."""


@dataclass(frozen=True)
class Given:
    """How overrides are given, for errors."""

    name: str = "override"
    """What stands before each."""
    example: str = "training.updates=500"
    """One that could be meant."""
    section: tuple[str, ...] = ()
    """What their keys are in."""


_OVERRIDES = Given()
_DEEPEST = 20
"""Parts of a key; those of a recipe have up to five."""


def apply_overrides(
    document: Document, overrides: Overrides, given: Given = _OVERRIDES
) -> tuple[dict[str, Any], Origins]:
    """The document's data with the overrides applied in order, and who set each key.

    A typed value is YAML: a scalar, or a list or mapping in flow syntax. It replaces what was there
    as a whole. Sections that are not in the recipe yet are made; an index reaches into a list.

    Raises:
        UserError: an override that is not key=value, or that reaches into a value that has no keys.
    """
    data = copy.deepcopy(document.data)
    origins: Origins = {path: f"{document.where}:{line}" for path, line in document.lines.items()}
    for where, parts, value in _parsed(overrides, given):
        path = _set(data, [*given.section, *parts], value, where)
        for known in [known for known in origins if known[: len(path)] == path]:
            del origins[known]
        origins[path] = where
    return data, origins


def origin_of(path: KeyPath, origins: Origins, otherwise: str) -> str:
    """Who set this key, or what is in it, or else the nearest section around it."""
    inside = [origin for known, origin in origins.items() if known[: len(path)] == path]
    around = [origins[path[:length]] for length in range(len(path), 0, -1) if path[:length] in origins]
    if path in origins or not inside:
        return around[0] if around else otherwise
    return ", ".join(dict.fromkeys(inside)) if path else otherwise


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def _parsed(overrides: Overrides, given: Given) -> Iterator[tuple[str, list[str], Any]]:
    """What to call each override, the parts of its key, and its value."""
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            where = f"{given.name} {_short(f'{key}={shown(plain(value))}')!r}"
            yield where, _parts(str(key), where, given.example), plain(value)
        return
    for override in overrides:
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
    """Puts the value in its place; returns the path with list indices as numbers."""
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
            raise UserError(where, f"{dotted(path)} to be a mapping", shown(inside), f"Set {dotted(path)} as a whole.")
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
