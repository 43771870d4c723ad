"""From a YAML file and overrides to validated options, or to one message with every mistake in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from nmt.conflict import Conflict
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import Options
from nmt.recipe.document import Document, dotted, read_document
from nmt.recipe.keys import add_default_kinds
from nmt.recipe.overrides import Origins, Overrides, apply_overrides, origin_of
from nmt.recipe.plain import plain
from nmt.recipe.problems import problems_of, raise_all

OptionsT = TypeVar("OptionsT", bound=Options)


def locate_keys(path: Path, overrides: Sequence[str] = ()) -> Callable[[KeyPath], str]:
    """A function that says in words who set a key of a recipe, the file and its line or an override, and its name."""
    _, origins = apply_overrides(read_document(path), overrides)
    return lambda key: _where(key, origins, str(path))


def load_options(
    root: type[OptionsT],
    document: Document,
    overrides: Overrides = (),
    check: Callable[[OptionsT], Sequence[Conflict]] = lambda options: (),
    directory: Path | None = None,
    complete: Callable[[Mapping[str, Any], Callable[[KeyPath], str], Path | None], dict[str, Any]] | None = None,
) -> OptionsT:
    """A document as validated options.

    Args:
        root: the class.
        document: what was read.
        overrides: applied in order.
        check: what the sections of a valid recipe say against each other.
        directory: where relative paths start, in the file as in overrides; None: the current folder.
        complete: adds what is left out, given the data, who set a key (in words), and `directory`.
    """
    data, origins = apply_overrides(document, overrides)
    if complete:
        data = complete(data, lambda key: _where(key, origins, document.where), directory)
    options = validated(root, data, origins, document.where, directory)
    raise_all([_conflict(conflict, origins, document.where) for conflict in check(options)], document.where)
    return options


def validated(
    root: type[OptionsT], data: Mapping[str, Any], origins: Origins, file: str, directory: Path | None = None
) -> OptionsT:
    """Parsed YAML as options.

    Raises:
        UserError: with every mistake, named by who set the key.
    """
    data = add_default_kinds(root, data)
    try:
        # Strict, and through JSON: "4" and true are not numbers, but a list may fill a tuple.
        return root.model_validate_json(json.dumps(plain(data)), strict=True, context={"directory": directory})
    except ValidationError as error:
        problems, more = problems_of(error, root, data, origins, file)
        raise_all(problems, file, more)
        raise AssertionError("a validation error without errors") from error


def _conflict(conflict: Conflict, origins: Origins, file: str) -> UserError:
    where = ", ".join(_where(path, origins, file) for path in conflict.keys)
    return UserError(where, conflict.expected, conflict.got, conflict.fix)


def _where(path: KeyPath, origins: Origins, file: str) -> str:
    return f"{origin_of(path, origins, file)}: {dotted(path)}"
