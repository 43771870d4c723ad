"""Flags made from a class: same descriptions, defaults, choices and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field

from nmt.cli.options import option_fields, with_changes
from nmt.errors import UserError
from nmt.options import Options, PositiveFloat, Size
from nmt.search.options import BeamSearch


class Inner(Options):
    """Not for flags."""

    x: int = 0
    """X."""


class Beam(Options):
    """A search."""

    kind: Literal["beam"] = "beam"
    beam: Size = 5
    """How wide."""
    margin: PositiveFloat | None = 3.0
    """How far."""
    rule: Literal["gnmt", "power"] = "gnmt"
    """Which rule."""
    ids: tuple[int, ...] = (1, 2)
    """Some ids."""
    exact: bool = False
    """Be exact."""
    inner: Inner = Inner()
    """Nested."""


class Sampling(Options):
    """Another search."""

    kind: Literal["sampling"] = "sampling"
    temperature: PositiveFloat = 1.0
    """How hot."""


SearchConfig = Annotated[Beam | Sampling, Field(discriminator="kind")]


def invoke(options: object, *arguments: str) -> tuple[str, Mapping[str, Any]]:
    received: dict[str, Any] = {}

    @click.command()
    @option_fields(options, "search")
    def command(search: Mapping[str, Any]) -> None:
        received.update(search)

    return CliRunner().invoke(command, arguments, prog_name="x").output, received


def test_help_comes_from_the_class() -> None:
    out = " ".join(invoke(Beam, "--help")[0].split())
    assert "--beam NUMBER How wide. [default: 5]" in out
    assert "--rule gnmt|power Which rule. [default: gnmt]" in out
    assert "--exact / --no-exact Be exact." in out
    assert "--kind" not in out
    assert "--inner" not in out


def test_only_what_is_given_is_passed() -> None:
    assert invoke(Beam)[1] == {}
    assert invoke(Beam, "--beam", "4", "--no-exact")[1] == {"beam": 4, "exact": False}
    assert invoke(Beam, "--margin", "none", "--ids", "3,4")[1] == {"margin": None, "ids": (3, 4)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--beam", "0"), "greater than 0"), (("--beam", "x"), "integer"), (("--rule", "x"), "'gnmt' or 'power'")],
)
def test_limits_come_from_the_class(arguments: tuple[str, ...], says: str) -> None:
    out, received = invoke(Beam, *arguments)
    assert arguments[0] in out
    assert says in out
    assert received == {}


def test_changes_apply_to_what_the_recipe_says() -> None:
    assert with_changes(Beam(beam=7), {"margin": None}) == Beam(beam=7, margin=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"n_best": 9, "length_penalty": 1.0},
            "--n-best 9 --length-penalty 1.0: expected options that go together, got --n-best 9 needs a beam of at "
            "least 9, but beam is 5.",
        ),
        (
            {"early_stopping": True},
            "--early-stopping: expected options that go together, got --stop-at-current-length has no effect with "
            "--early-stopping, which ends a sentence sooner. Give --no-stop-at-current-length too.",
        ),
        ({"beam": 0}, "--beam: expected a number greater than 0, got 0."),
        ({"length_normalization": "best"}, "--length-normalization: expected 'gnmt' or 'power', got 'best'."),
    ],
)
def test_flags_that_do_not_go_with_the_rest(changes: Mapping[str, Any], says: str) -> None:
    with pytest.raises(UserError) as raised:
        with_changes(BeamSearch(stop_at_current_length=True), changes)
    assert str(raised.value) == says


def test_flags_that_are_switched_off_are_named_so() -> None:
    """The model's own settings may be at fault; only what was given is named first."""
    with pytest.raises(UserError, match=r"^--no-early-stopping --token-margin none --beam 2: expected"):
        with_changes(BeamSearch(n_best=5), {"early_stopping": False, "token_margin": None, "beam": 2})


def test_a_union_has_the_flags_of_all_and_a_kind() -> None:
    changes = invoke(SearchConfig, "--kind", "sampling", "--temperature", "2")[1]
    found: Options = with_changes(Beam(), changes, SearchConfig)
    assert found == Sampling(temperature=2.0)
    with pytest.raises(UserError, match="--temperature"):
        with_changes(Beam(), {"temperature": 2.0}, SearchConfig)
