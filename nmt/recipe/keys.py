"""The schema of a key: the classes allowed there, and their fields."""

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
    """The Options classes that an annotation allows: itself, or the members of a (nested) union."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return (annotation,)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return option_classes(arguments[0])
    if origin in (Union, types.UnionType):
        return tuple(found for argument in arguments for found in option_classes(argument))
    return ()


def kinds(options: type[Options]) -> tuple[str, ...]:
    """The values of `kind` that select this class; empty if it is not a member of a union."""
    field = options.model_fields.get("kind")
    return tuple(get_args(field.annotation)) if field else ()


def class_of(annotation: object, kind: object = None) -> type[Options] | None:
    """The class that an annotation stands for: the only one, or the one of this kind."""
    classes = option_classes(annotation)
    if len(classes) == 1:
        return classes[0]
    return next((member for member in classes if kind in kinds(member)), None)


@dataclass(frozen=True)
class SchemaKey:
    """A key of the recipe as the schema defines it."""

    path: KeyPath
    owner: type[Options] | None
    """The class that has this key; None inside lists and free mappings."""
    field: FieldInfo | None
    """None if the owner has no such key."""
    annotation: object
    """Type of the value; None if unknown."""


def locate(root: type[Options], location: Sequence[str | int]) -> SchemaKey:
    """The key that a pydantic error location points to, without the union tags that pydantic inserts."""
    key = SchemaKey((), None, None, root)
    for element in location:
        key = _enter(key, element)
    return key


def _enter(key: SchemaKey, element: str | int) -> SchemaKey:
    path, annotation = (*key.path, element), key.annotation
    classes = option_classes(annotation)
    if len(classes) > 1:  # the element is the tag: same key, one class
        return SchemaKey(key.path, key.owner, key.field, class_of(annotation, element))
    if classes:
        fields = classes[0].model_fields
        if element not in fields and element in (classes[0].__name__, *kinds(classes[0])):  # a union of one
            return SchemaKey(key.path, key.owner, key.field, classes[0])
        field = fields.get(str(element))
        return SchemaKey(path, classes[0], field, _annotation(field) if field else None)
    if isinstance(element, int):
        return SchemaKey(path, key.owner, key.field, _item(annotation, _SEQUENCES, 0))
    mapped = _item(annotation, (dict, Mapping), 1)
    if mapped is not None and element != "[key]":
        return SchemaKey(path, key.owner, key.field, mapped)
    return key  # the element is a label of a union of plain types


def _annotation(field: FieldInfo) -> Any:  # noqa: ANN401 -- a type form
    return field.annotation


def _item(annotation: object, containers: tuple[object, ...], argument: int) -> object:
    """The annotation of a container's items, looking through unions; None if unknown."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in containers or origin in tuple(get_origin(c) or c for c in containers):
        return arguments[argument] if argument < len(arguments) else None
    if origin is Annotated:
        return _item(arguments[0], containers, argument)
    if origin in (Union, types.UnionType):
        return next((found for a in arguments if (found := _item(a, containers, argument)) is not None), None)
    return None


def add_default_kinds(root: type[Options], data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with each omitted `kind` filled in, where the schema has a default for the section."""
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
