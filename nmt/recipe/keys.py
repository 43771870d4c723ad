"""What the schema says about a key: which classes may stand there, and their fields."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nmt.documents import KeyPath
from nmt.options import Options

_SEQUENCES = (tuple, list, set, frozenset, Sequence)


def option_classes(annotation: object) -> tuple[type[Options], ...]:
    """The Options classes that an annotation admits: itself, or the members of a (nested) union."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return (annotation,)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return option_classes(arguments[0])
    if origin in (Union, types.UnionType):
        return tuple(found for argument in arguments for found in option_classes(argument))
    return ()


def kinds(options: type[Options]) -> tuple[str, ...]:
    """The values of `kind` that choose this class; none when it is not a member of a union."""
    field = options.model_fields.get("kind")
    return tuple(get_args(field.annotation)) if field else ()


def class_of(annotation: object, kind: object = None) -> type[Options] | None:
    """The class that stands here: the only one, or the one of this kind."""
    classes = option_classes(annotation)
    if len(classes) == 1:
        return classes[0]
    return next((member for member in classes if kind in kinds(member)), None)


@dataclass(frozen=True)
class Place:
    """A key of the recipe, as the schema sees it."""

    path: KeyPath
    owner: type[Options] | None
    """The class whose key this is; None inside lists and free mappings."""
    field: FieldInfo | None
    """None when the owner has no such key."""
    annotation: object
    """What may stand here; None when unknown."""


def locate(root: type[Options], location: Sequence[str | int]) -> Place:
    """The key that a pydantic error location points at, without the union tags pydantic puts into it."""
    place = Place((), None, None, root)
    for element in location:
        place = _enter(place, element)
    return place


def _enter(place: Place, element: str | int) -> Place:
    path, annotation = (*place.path, element), place.annotation
    classes = option_classes(annotation)
    if len(classes) > 1:  # the element is the tag: same key, one class
        return Place(place.path, place.owner, place.field, class_of(annotation, element))
    if classes:
        fields = classes[0].model_fields
        if element not in fields and element in (classes[0].__name__, *kinds(classes[0])):  # a union of one
            return Place(place.path, place.owner, place.field, classes[0])
        field = fields.get(str(element))
        return Place(path, classes[0], field, _annotation(field) if field else None)
    if isinstance(element, int):
        return Place(path, place.owner, place.field, _item(annotation, _SEQUENCES, 0))
    mapped = _item(annotation, (dict, Mapping), 1)
    if mapped is not None and element != "[key]":
        return Place(path, place.owner, place.field, mapped)
    return place  # a label of a union of plain types


def _annotation(field: FieldInfo) -> Any:  # noqa: ANN401 -- a type form
    return field.annotation


def _item(annotation: object, containers: tuple[object, ...], argument: int) -> object:
    """The annotation of what a container holds, looking through unions; None when it holds nothing known."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in containers or origin in tuple(get_origin(c) or c for c in containers):
        return arguments[argument] if argument < len(arguments) else None
    if origin is Annotated:
        return _item(arguments[0], containers, argument)
    if origin in (Union, types.UnionType):
        return next((found for a in arguments if (found := _item(a, containers, argument)) is not None), None)
    return None


def add_default_kinds(root: type[Options], data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with `kind` filled in where it is left out and the schema has a default for the section."""
    filled = dict(data)
    for name, field in root.model_fields.items():
        section = filled.get(name)
        if not isinstance(section, dict):
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if "kind" not in section and isinstance(default, Options) and "kind" in type(default).model_fields:
            section = {"kind": default.kind, **section}  # type: ignore[attr-defined]
        chosen = class_of(field.annotation, section.get("kind"))
        filled[name] = add_default_kinds(chosen, section) if chosen else section
    return filled
