"""Reading YAML 1.2: plain values, and the line of every key for the error messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from nmt.errors import UserError

KeyPath = tuple[str | int, ...]
"""Where a value sits: keys and list indices from the top."""


@dataclass(frozen=True)
class Document:
    """A mapping as it was written."""

    where: str
    """The file, for messages."""
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    """The line of each key and list item, from 1."""


def read_document(path: Path) -> Document:
    """Reads one YAML mapping.

    Raises:
        UserError: no such file, not text, not YAML, a key given twice, or not a mapping.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(str(path), "a recipe, which is a YAML file", error.strerror or str(error)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(str(path), "a YAML file in UTF-8", f"other bytes at offset {error.start}") from None
    if "\0" in text:
        raise UserError(str(path), "a YAML file in UTF-8", "a binary file")
    data, lines = parse_yaml(text, str(path))
    if data is None:
        raise UserError(str(path), "a recipe", "an empty file", "Start from one of recipes/*/*.yaml.")
    if not isinstance(data, dict):
        raise UserError(str(path), "a mapping of sections (corpus, model, …) at the top level", shown(data))
    return Document(str(path), data, lines)


def parse_yaml(text: str, where: str) -> tuple[Any, dict[KeyPath, int]]:
    """The value of a YAML text and the line of each of its keys.

    YAML 1.2: `no` is a word and 5e-4 a number. Duplicate keys are refused.

    Raises:
        UserError: with line and column.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        yaml.composer.warn_double_anchors = False  # legal YAML: an alias means the latest
        node = yaml.compose(text)
        if node is None:
            return None, {}
        lines = dict(_lines(node, (), ()))
        return yaml.constructor.construct_document(node), lines
    except DuplicateKeyError as error:
        problem = (error.problem or "").split(" with value")[0]
        raise UserError(_position(error, where), "each key once", problem, "Remove one of them.") from None
    except MarkedYAMLError as error:
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise UserError(_position(error, where), "YAML", problem, "Check the indentation and the brackets.") from None
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The last ones are how ruamel answers a value that does not fit its tag, such as `!!int ""`.
        raise UserError(where, "YAML", " ".join(str(error).split()) or type(error).__name__) from None
    except RecursionError:
        raise UserError(where, "a recipe", "lists or mappings nested beyond reason") from None


def shown(value: object) -> str:
    """A value as YAML would write it, short enough for a message."""
    words = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, dict):
        text = "a mapping with " + (", ".join(map(str, value)) or "no keys")
    elif isinstance(value, list):
        text = "the list [" + ", ".join(map(shown, value)) + "]"
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def dotted(path: KeyPath) -> str:
    """The path as an override writes it: training.optimizer.betas.0."""
    return ".".join(map(str, path))


def _position(error: MarkedYAMLError, where: str) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where


def _lines(node: Node, path: KeyPath, above: tuple[Node, ...]) -> Iterator[tuple[KeyPath, int]]:
    """The line of every key; an alias gives the lines of what it stands for."""
    if node in above:
        raise ValueError("a mapping or list that contains itself")
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value), (*above, node))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _lines(item, (*path, index), (*above, node))
