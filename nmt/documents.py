"""Read untrusted JSON and YAML, with bounds on size, depth and time, and clear errors."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from nmt.errors import UserError

KeyPath = tuple[str | int, ...]
"""Path of a value: keys and list indices from the top."""

MOST_YAML_BYTES = 1 << 18
"""Recipes are a page or two; parsing more than this would take unreasonably long."""
MOST_JSON_BYTES = 1 << 28
"""Enough for a vocabulary of several million entries."""
_MOST_NODES = 20_000
"""Keys, values and items of a YAML document, with aliases expanded."""
_DEEPEST = 100


def read_bounded(path: Path, expected: str, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Args:
        path: the file.
        expected: what it should be, for errors.
        most: largest accepted size in bytes.

    Raises:
        UserError: the file cannot be read, is a pipe or device (which may be endless), or is larger.
    """
    try:
        check_regular(path, expected)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise UserError(str(path), expected, getattr(error, "strerror", None) or str(error)) from None
    if len(data) > most:
        raise UserError(str(path), f"{expected} of at most {most:,} bytes", "a larger file")
    return data


def check_regular(path: Path, expected: str) -> None:
    """Refuses a path that could be read endlessly.

    Raises:
        UserError: the path exists and is not a regular file.
        OSError: the path does not exist.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        got = "a folder" if path.is_dir() else "a pipe, a device or another special file"
        raise UserError(str(path), expected, got)


def read_json(path: Path, expected: str) -> Any:  # noqa: ANN401 -- whatever the file holds
    """The value in a JSON file.

    Args:
        path: the file.
        expected: what it should hold, for errors.

    Raises:
        UserError: it cannot be read, is not JSON, or is nested too deeply.
    """
    data = read_bounded(path, expected, MOST_JSON_BYTES)
    try:
        value = json.loads(data.decode("utf-8"))
    except RecursionError:
        value = None
        deep = True
    except ValueError as error:
        raise UserError(str(path), expected, f"damaged JSON ({error})") from None
    else:
        deep = _is_deep(value)
    if deep:
        raise UserError(str(path), expected, f"JSON nested more than {_DEEPEST} levels deep")
    return value


def read_json_object(path: Path, expected: str) -> dict[str, Any]:
    """As `read_json`, for a file that must hold an object."""
    value = read_json(path, expected)
    if not isinstance(value, dict):
        raise UserError(str(path), expected, f"a JSON {type(value).__name__} instead of an object")
    return value


def read_yaml(path: Path, expected: str) -> tuple[Any, dict[KeyPath, int]]:
    """The value in a YAML file and the line of each of its keys; the value is None for an empty file.

    Raises:
        UserError: as `read_bounded` and `parse_yaml`.
    """
    raw = read_bounded(path, expected, MOST_YAML_BYTES)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(str(path), "a YAML file in UTF-8", f"invalid UTF-8 at byte {error.start}") from None
    if "\0" in text:
        raise UserError(str(path), "a YAML file in UTF-8", "a binary file")
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> tuple[Any, dict[KeyPath, int]]:
    """The value of a YAML text and the line of each of its keys.

    YAML 1.2: `no` is a string and 5e-4 a number. Duplicate keys are refused.

    Raises:
        UserError: the text is not valid; the message gives line and column where known.
    """
    if len(text) > MOST_YAML_BYTES:
        raise UserError(where, f"YAML of at most {MOST_YAML_BYTES:,} characters", f"{len(text):,}")
    yaml = YAML(typ="safe", pure=True)
    try:
        yaml.composer.warn_double_anchors = False  # legal YAML: an alias refers to the latest anchor
        node = yaml.compose(text)
        if node is None:
            return None, {}
        _check_extent(node, where)
        lines = dict(_lines(node, ()))
        return yaml.constructor.construct_document(node), lines
    except DuplicateKeyError as error:
        problem = (error.problem or "").split(" with value")[0]
        raise UserError(_position(error, where), "each key once", problem, "Remove one of them.") from None
    except MarkedYAMLError as error:
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise UserError(_position(error, where), "YAML", problem, "Check the indentation and the brackets.") from None
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        # ruamel raises the last few for a value that does not fit its tag, such as `!!int ""`.
        raise UserError(where, "YAML", " ".join(str(error).split())[:200] or type(error).__name__) from None
    except RecursionError:
        raise UserError(where, "a recipe", "lists or mappings nested too deeply") from None


def _position(error: MarkedYAMLError, where: str) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where


def _check_extent(node: Node, where: str) -> None:
    """Refuses a document that aliases make larger or deeper than any recipe, without expanding them.

    Raises:
        UserError: it is too large or too deep.
        ValueError: a mapping or list contains itself.
    """
    known: dict[int, tuple[int, int]] = {}

    def extent(node: Node, above: frozenset[int]) -> tuple[int, int]:
        """Number of nodes and of levels, including the node itself."""
        if id(node) in above:
            raise ValueError("a mapping or list that contains itself")
        if id(node) not in known:
            inside = [extent(child, above | {id(node)}) for child in _children(node)]
            known[id(node)] = 1 + sum(nodes for nodes, _ in inside), 1 + max((deep for _, deep in inside), default=0)
        return known[id(node)]

    nodes, levels = extent(node, frozenset())
    if nodes > _MOST_NODES:
        got = f"{nodes:,} with aliases expanded"
        raise UserError(where, f"a recipe of at most {_MOST_NODES:,} keys and values", got)
    if levels > _DEEPEST:
        raise UserError(where, "a recipe", f"lists or mappings nested {levels:,} levels deep")


def _children(node: Node) -> Iterator[Node]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, SequenceNode):
        yield from node.value


def _lines(node: Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    """The line of every key; below an alias, the lines of the node that it refers to."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _lines(item, (*path, index))


def _is_deep(value: Any) -> bool:  # noqa: ANN401 -- parsed JSON
    """Whether recursion over the value could raise RecursionError."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
