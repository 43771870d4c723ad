"""A recipe as written: plain values, and the line number of every key for error messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.documents import KeyPath, read_yaml
from nmt.errors import UserError


@dataclass(frozen=True)
class Document:
    """A YAML mapping as written."""

    where: str
    """The file, for messages."""
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    """The line of each key and list item, from 1."""


def read_document(
    path: Path,
    expected: str = "a recipe",
    sections: str = "corpus, model, …",
    fix: str = "`nmt init` writes one for your files; `nmt recipe copy NAME` gives a shipped one.",
) -> Document:
    """Reads one YAML mapping.

    Args:
        path: the file.
        expected: what it should be, for errors.
        sections: some of its keys, for errors.
        fix: how to get one, for errors.

    Raises:
        UserError: the file is missing, not text, not YAML, too large, has a duplicate key, or is not a mapping.
    """
    data, lines = read_yaml(path, f"{expected}, which is a YAML file")
    if data is None:
        raise UserError(str(path), expected, "an empty file", fix)
    if not isinstance(data, dict):
        raise UserError(str(path), f"a mapping of sections ({sections}) at the top level", shown(data))
    return Document(str(path), data, lines)


def shown(value: object) -> str:
    """A value as YAML would write it, shortened for a message."""
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
    """The path as written in an override: training.optimizer.betas.0."""
    return ".".join(map(str, path))
