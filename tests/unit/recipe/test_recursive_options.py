"""Options that contain others of their own union, as a cell that is made of another: in recipes, errors and manuals."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from nmt.documents import parse_yaml
from nmt.errors import UserError
from nmt.options import Options, Size
from nmt.recipe.document import Document
from nmt.recipe.load import load_options
from nmt.recipe.show import as_yaml


class Plain(Options):
    """The end of it."""

    kind: Literal["plain"] = "plain"
    width: Size = 1
    """How wide."""


class Wrapped(Options):
    """One that contains another."""

    kind: Literal["wrapped"] = "wrapped"
    inner: AnyOptions = Plain()
    """What it contains."""


AnyOptions = Annotated[Plain | Wrapped, Field(discriminator="kind")]
Wrapped.model_rebuild()


class Root(Options):
    """A recipe."""

    cell: AnyOptions = Plain()
    """The outermost one."""


def load(text: str, *overrides: str) -> Root:
    data, lines = parse_yaml(text, "r.yaml")
    return load_options(Root, Document("r.yaml", data, lines), overrides)


NESTED = "cell:\n  kind: wrapped\n  inner:\n    kind: wrapped\n    inner:\n      width: 3\n"


def test_they_are_read_to_any_depth_and_written_as_they_are_read() -> None:
    found = load(NESTED)
    assert found == Root(cell=Wrapped(inner=Wrapped(inner=Plain(width=3))))
    assert load(as_yaml(found)) == found
    assert load(NESTED, "cell.inner.inner.width=5") == Root(cell=Wrapped(inner=Wrapped(inner=Plain(width=5))))
    assert "wrapped" in str(Root.model_json_schema())


def test_a_mistake_is_named_by_its_key_and_line() -> None:
    with pytest.raises(UserError, match=r"r.yaml:6: cell.inner.inner.width: .*got 'wide'"):
        load(NESTED.replace("3", "wide"))
    with pytest.raises(UserError, match=r"cell.inner.inner.kind.*plain, wrapped"):
        load(NESTED, "cell.inner.inner.kind=other")
