"""What pydantic found wrong, in the words of the recipe: file:line, key, expected, got, what to do."""

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
from nmt.recipe.keys import Place, class_of, kinds, locate, option_classes
from nmt.recipe.overrides import Origins, origin_of

MOST_SHOWN = 20
"""Mistakes of a recipe that are worded; the others are counted."""


def problems_of(
    error: ValidationError,
    root: type[Options],
    data: Any,  # noqa: ANN401 -- parsed YAML
    origins: Origins,
    file: str,
) -> tuple[list[UserError], int]:
    """One UserError per key at fault, in the order of the file; of very many, the first ones and how many follow."""
    order = {path: rank for rank, path in enumerate(origins)}  # of the file; then the overrides, as they were typed
    at_fault: dict[KeyPath, list[tuple[Place, ErrorDetails]]] = {}
    for details in error.errors():
        place = _place(root, details)
        at_fault.setdefault(place.path, []).append((place, details))
    paths = sorted(at_fault, key=lambda path: _rank(path, order))
    problems = [_worded(at_fault[path], data, origins, file) for path in paths[:MOST_SHOWN]]
    return problems, len(paths) - len(problems)


def _worded(faults: list[tuple[Place, ErrorDetails]], data: Any, origins: Origins, file: str) -> UserError:  # noqa: ANN401 -- parsed YAML
    """What is wrong with one key: several faults are those of the members of a union of plain types."""
    path = faults[0][0].path
    where = f"{origin_of(path, origins, file)}: {dotted(path) or 'recipe'}"
    problems = [_problem(where, place, details, data) for place, details in faults]
    expected = " or ".join(dict.fromkeys(problem.expected for problem in problems))
    return UserError(where, expected, problems[-1].got, problems[-1].fix)


def raise_all(problems: Sequence[UserError], file: str, more: int = 0) -> None:
    """Raises one UserError that shows them all, and how many more there are; does nothing when there are none."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listing = "".join(f"\n  {problem}" for problem in problems) + (f"\n  and {more:,} more" if more else "")
        raise UserError(file, "a valid recipe", f"{len(problems) + more:,} mistakes", listing)


def nearest(word: object, known: Iterable[str]) -> str:
    """A question that proposes the most similar known word; empty when none is similar."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"Did you mean `{close[0]}`? " if close else ""


def _rank(path: KeyPath, order: Mapping[KeyPath, int]) -> int:
    return next((order[path[:length]] for length in range(len(path), 0, -1) if path[:length] in order), len(order))


def _place(root: type[Options], details: ErrorDetails) -> Place:
    place = locate(root, details["loc"])
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return Place((*place.path, "kind"), None, None, place.annotation)
    return place


def _problem(where: str, place: Place, details: ErrorDetails, data: Any) -> UserError:  # noqa: ANN401 -- parsed YAML
    match details["type"]:
        case "extra_forbidden" if place.owner is not None:
            return _unknown_key(where, place)
        case "missing":
            return UserError(where, "a value", "nothing", _described(place))
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_kind(where, place, details)
        case "value_error" if option_classes(place.annotation):
            return UserError(where, "options that go together", str(details["ctx"]["error"]))
        case "value_error":
            return UserError(where, "a valid value", _got(place, data), _sentence(str(details["ctx"]["error"])))
        case "literal_error":
            got, expected = _at(place.path, data), details["ctx"]["expected"].replace("'", "")
            fix = nearest(got, expected.replace(" or ", ", ").split(", ")) + _described(place)
            return UserError(where, expected, _got(place, data), fix.strip())
        case "model_type" | "model_attributes_type" | "dataclass_type":
            return UserError(where, "a mapping of " + _keys(place), _got(place, data))
    message = details["msg"].removeprefix("Input should be ").removeprefix("Input should ")
    return UserError(where, message, _got(place, data), _described(place))


def _unknown_key(where: str, place: Place) -> UserError:
    assert place.owner is not None
    section = dotted(place.path[:-1]) or "the recipe"
    known = [name for name in place.owner.model_fields if name != "kind"] or list(place.owner.model_fields)
    fix = f"{nearest(place.path[-1], known)}Its keys: {', '.join(place.owner.model_fields)}."
    return UserError(where, f"a key of {section}", "an unknown one", fix)


def _wrong_kind(where: str, place: Place, details: ErrorDetails) -> UserError:
    known = [kind for member in option_classes(place.annotation) for kind in kinds(member)]
    expected = f"one of {', '.join(known)}" if len(known) > 1 else known[0]
    if details["type"] == "union_tag_not_found":
        return UserError(where, expected, "nothing")
    tag = details["ctx"]["tag"]
    return UserError(where, expected, repr(tag), nearest(tag, known).strip())


def _described(place: Place) -> str:
    description = " ".join((place.field.description or "").split()) if place.field else ""
    key = next((key for key in reversed(place.path) if isinstance(key, str)), "")
    return f"{key}: {_sentence(description)}" if description else ""


def _keys(place: Place) -> str:
    chosen = class_of(place.annotation)
    return ", ".join(chosen.model_fields) if chosen else "kind and the keys of that kind"


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else text + "."


def _got(place: Place, data: Any) -> str:  # noqa: ANN401 -- parsed YAML
    return shown(_at(place.path, data))


def _at(path: KeyPath, data: Any) -> Any:  # noqa: ANN401 -- parsed YAML
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data
