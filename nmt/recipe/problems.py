"""Pydantic's errors in terms of the recipe: file:line, key, expected, got, fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import Options
from nmt.recipe.document import dotted, shown
from nmt.recipe.keys import SchemaKey, class_of, kinds, locate, option_classes
from nmt.recipe.overrides import Origins, origin_of

MOST_SHOWN = 20
"""Mistakes of a recipe that are shown in full; the rest are only counted."""


def problems_of(
    error: ValidationError,
    root: type[Options],
    data: Any,  # noqa: ANN401 -- parsed YAML
    origins: Origins,
    file: str,
) -> tuple[list[UserError], int]:
    """One UserError per key at fault, in file order, at most MOST_SHOWN; and the number of further ones."""
    order = {path: rank for rank, path in enumerate(origins)}  # keys of the file, then overrides as typed
    at_fault: dict[KeyPath, list[tuple[SchemaKey, ErrorDetails]]] = {}
    for details in error.errors():
        key = _key_at_fault(root, details)
        at_fault.setdefault(key.path, []).append((key, details))
    paths = sorted(at_fault, key=lambda path: _rank(path, order))
    problems = [_worded(at_fault[path], data, origins, file) for path in paths[:MOST_SHOWN]]
    return problems, len(paths) - len(problems)


def _worded(faults: list[tuple[SchemaKey, ErrorDetails]], data: Any, origins: Origins, file: str) -> UserError:  # noqa: ANN401 -- parsed YAML
    """The mistake in one key. Several faults come from the members of a union of plain types."""
    path = faults[0][0].path
    where = f"{origin_of(path, origins, file)}: {dotted(path) or 'recipe'}"
    problems = [_problem(where, key, details, data) for key, details in faults]
    expected = " or ".join(dict.fromkeys(problem.expected for problem in problems))
    return UserError(where, expected, problems[-1].got, problems[-1].fix)


def raise_all(problems: Sequence[UserError], file: str, more: int = 0) -> None:
    """Raises one UserError that lists all problems and the number of further ones; does nothing if there are none."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listing = "".join(f"\n  {problem}" for problem in problems) + (f"\n  and {more:,} more" if more else "")
        raise UserError(file, "a valid recipe", f"{len(problems) + more:,} mistakes", listing)


def nearest(word: object, known: Iterable[str]) -> str:
    """A question that suggests the most similar known word; empty if none is similar."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"Did you mean `{close[0]}`? " if close else ""


def _rank(path: KeyPath, order: Mapping[KeyPath, int]) -> int:
    return next((order[path[:length]] for length in range(len(path), 0, -1) if path[:length] in order), len(order))


def _key_at_fault(root: type[Options], details: ErrorDetails) -> SchemaKey:
    key = locate(root, details["loc"])
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return SchemaKey((*key.path, "kind"), None, None, key.annotation)
    return key


def _problem(where: str, key: SchemaKey, details: ErrorDetails, data: Any) -> UserError:  # noqa: ANN401 -- parsed YAML
    match details["type"]:
        case "extra_forbidden" if key.owner is not None:
            return _unknown_key(where, key)
        case "missing":
            return UserError(where, "a value", "nothing", _described(key))
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_kind(where, key, details)
        case "value_error" if option_classes(key.annotation):
            return UserError(where, "options that go together", str(details["ctx"]["error"]))
        case "value_error":
            return UserError(where, "a valid value", _got(key, data), _sentence(str(details["ctx"]["error"])))
        case "literal_error":
            got, expected = _at(key.path, data), details["ctx"]["expected"].replace("'", "")
            fix = nearest(got, expected.replace(" or ", ", ").split(", ")) + _described(key)
            return UserError(where, expected, _got(key, data), fix.strip())
        case "model_type" | "model_attributes_type" | "dataclass_type":
            return UserError(where, "a mapping of " + _keys(key), _got(key, data))
    message = details["msg"].removeprefix("Input should be ").removeprefix("Input should ")
    return UserError(where, message, _got(key, data), _described(key))


def _unknown_key(where: str, key: SchemaKey) -> UserError:
    assert key.owner is not None
    section = dotted(key.path[:-1]) or "the recipe"
    known = [name for name in key.owner.model_fields if name != "kind"] or list(key.owner.model_fields)
    fix = f"{nearest(key.path[-1], known)}Its keys: {', '.join(key.owner.model_fields)}."
    return UserError(where, f"a key of {section}", "an unknown one", fix)


def _wrong_kind(where: str, key: SchemaKey, details: ErrorDetails) -> UserError:
    known = [kind for member in option_classes(key.annotation) for kind in kinds(member)]
    expected = f"one of {', '.join(known)}" if len(known) > 1 else known[0]
    if details["type"] == "union_tag_not_found":
        return UserError(where, expected, "nothing")
    tag = details["ctx"]["tag"]
    return UserError(where, expected, repr(tag), nearest(tag, known).strip())


def _described(key: SchemaKey) -> str:
    description = " ".join((key.field.description or "").split()) if key.field else ""
    name = next((part for part in reversed(key.path) if isinstance(part, str)), "")
    return f"{name}: {_sentence(description)}" if description else ""


def _keys(key: SchemaKey) -> str:
    chosen = class_of(key.annotation)
    return ", ".join(chosen.model_fields) if chosen else "kind and the keys of that kind"


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else text + "."


def _got(key: SchemaKey, data: Any) -> str:  # noqa: ANN401 -- parsed YAML
    return shown(_at(key.path, data))


def _at(path: KeyPath, data: Any) -> Any:  # noqa: ANN401 -- parsed YAML
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data
