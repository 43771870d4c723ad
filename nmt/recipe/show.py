"""A resolved recipe as YAML with every option under its description: a manual for this system."""

from __future__ import annotations

import io
import re
import textwrap
import types
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from nmt.options import Options
from nmt.recipe.keys import kinds, option_classes

_WIDTH = 110
_INDENT = 2
# Words that are not text in YAML 1.1, which many editors still use; YAML 1.2 reads them as text.
_NOT_TEXT = {"yes", "no", "on", "off", "y", "n"}
# Text that ruamel writes without quotes and then reads back differently.
_MISREAD = re.compile("^[:?]|[\x85\u2028\u2029]")


def as_yaml(options: Options) -> str:
    """YAML that loads back as equal options, with each option's description as a comment above it."""
    yaml, written = YAML(), io.StringIO()
    yaml.Representer = _Representer
    yaml.width = 1 << 30  # each value on one line
    yaml.dump(_section(options, 0), written)
    return written.getvalue()


class _Representer(RoundTripRepresenter):
    """Writes None as `null`: an empty value would look like something missing."""

    def represent_none(self, data: None) -> ScalarNode:
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:null", "null")
        return node


_Representer.add_representer(type(None), _Representer.represent_none)


def _section(options: Options, depth: int) -> CommentedMap:
    section = CommentedMap()
    for number, (name, field) in enumerate(type(options).model_fields.items()):
        value = getattr(options, name)
        section[name] = _section(value, depth + 1) if isinstance(value, Options) else _value(value)
        comment = _comment(field, _WIDTH - depth * _INDENT)
        if comment or (number and not depth):
            above = ("\n" if number and not depth else "") + comment
            section.yaml_set_comment_before_after_key(name, before=above, indent=depth * _INDENT)
    return section


def _comment(field: FieldInfo, width: int) -> str:
    text = " ".join((field.description or "").split())
    choices = _choices(field.annotation)
    if len(choices) > 1:
        text = f"{text} [{' | '.join(choices)}]".strip()
    return textwrap.fill(text, width - len("# "))


def _choices(annotation: object) -> list[str]:
    """The words allowed here, alone or in a list, or else the allowed kinds of the section."""
    kinds_here = [f"kind: {kind}" for member in option_classes(annotation) for kind in kinds(member)]
    return _words(annotation) or kinds_here


def _words(annotation: object) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    if get_origin(annotation) in (tuple, Annotated, Union, types.UnionType):
        return [word for inside in get_args(annotation) for word in _words(inside)]
    return []


def _value(value: object) -> object:
    """The value in a form that ruamel writes on one line."""
    if isinstance(value, Options):
        value = dict(value)
    if isinstance(value, dict):
        mapping = CommentedMap({_value(key): _value(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, (tuple, list, set, frozenset)):
        sequence = CommentedSeq(map(_value, value))
        sequence.fa.set_flow_style()
        return sequence
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return DoubleQuotedScalarString(text) if text.lower() in _NOT_TEXT or _MISREAD.search(text) else text
