"""Turns a YAML file and overrides into validated options, or into one message that lists every mistake."""

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


def locate_keys(path: Path, overrides: Overrides = ()) -> Callable[[KeyPath], str]:
    """A function that names a key of a recipe and who set it: the file and line, or the override."""
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
        root: the options class.
        document: the parsed file.
        overrides: applied in order.
        check: finds conflicts between the sections of a valid recipe.
        directory: base of relative paths in the file and in overrides; None: the current folder.
        complete: fills in omitted settings, given the data, a function that says who set a key, and `directory`.
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
        UserError: with every mistake, and who set the key at fault.
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
