"""Every mistake in a recipe is answered with the line, the key, what was wrong, and what is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from nmt.conflict import Conflict
from nmt.errors import UserError
from nmt.options import LARGEST, Options, PositiveFloat, Size
from nmt.recipe.document import read_document
from nmt.recipe.load import load_options
from nmt.recipe.show import as_yaml


class Adam(Options):
    """An optimizer."""

    kind: Literal["adam"] = "adam"
    betas: tuple[float, float] = (0.9, 0.98)
    """Decay rates."""


class Sgd(Options):
    """Another."""

    kind: Literal["sgd"] = "sgd"
    momentum: PositiveFloat | None = None
    """Of the past."""


class Learning(Options):
    """A section."""

    updates: Size = 100
    """How many steps."""
    learning_rate: PositiveFloat = 1e-3
    """The step."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """The numbers."""
    optimizer: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    """Which optimizer."""
    compile: bool = False
    """Whether to compile."""

    @model_validator(mode="after")
    def _agree(self) -> Learning:
        if self.updates == 13:
            raise ValueError("13 updates bring bad luck")
        return self


class Item(Options):
    """Of a list."""

    path: str
    """Where."""


class Root(Options):
    """A small recipe."""

    name: str = "anonymous"
    """What it is called."""
    language: str = "de"
    """A code."""
    model: Annotated[Adam | Sgd, Field(discriminator="kind")]
    """No default: must be given."""
    training: Learning = Learning()
    """How."""
    items: tuple[Item, ...] = ()
    """Some."""
    weights: dict[str, float] = {}
    """By name."""


MODEL = "model: {kind: sgd}\n"


def load(tmp_path: Path, text: str, overrides: Sequence[str] = ()) -> Root:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return load_options(Root, read_document(path), overrides)


def complaint(tmp_path: Path, text: str, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text, overrides)
    return str(caught.value).replace(str(tmp_path / "r.yaml"), "r.yaml")


def test_yaml_1_2_scalars(tmp_path: Path) -> None:
    recipe = load(tmp_path, MODEL + "language: no\ntraining: {learning_rate: 5e-4, updates: 1e3}\n")
    assert recipe.language == "no"
    assert recipe.training.learning_rate == 5e-4
    assert recipe.training.updates == 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            MODEL + "training:\n  lerning_rate: 1\n",
            ["r.yaml:3: training.lerning_rate", "Did you mean `learning_rate`?"],
        ),
        (MODEL + "trainin: {}\n", ["r.yaml:2: trainin:", "Did you mean `training`?"]),
        (MODEL + "training:\n\n  # why\n  updates: 0\n", ["r.yaml:5: training.updates", "greater than 0", "got 0"]),
        (MODEL + "training: {updates: true}\n", ["training.updates", "valid integer", "got true", "How many steps."]),
        (MODEL + "training: {updates: '100'}\n", ["training.updates", "valid integer", "got '100'"]),
        (MODEL + "training: {updates: 1.5}\n", ["training.updates", "got 1.5"]),
        (MODEL + "training: {compile: yes}\n", ["training.compile", "boolean", "got 'yes'"]),
        (MODEL + "training: {learning_rate: .nan}\n", ["training.learning_rate", "finite"]),
        (MODEL + "training: {precision: bf61}\n", ["training.precision", "fp32 or bf16", "Did you mean `bf16`?"]),
        (MODEL + "training: 3\n", ["r.yaml:2: training:", "a mapping of updates,", "got 3"]),
        (MODEL + "training: null\n", ["r.yaml:2: training:", "a mapping of updates,", "got null"]),
        (MODEL + "training:\n  updates: 13\n", ["r.yaml:2: training:", "13 updates bring bad luck"]),
        ("model:\n  kind: adm\n", ["r.yaml:2: model.kind", "one of adam, sgd", "'adm'", "Did you mean `adam`?"]),
        ("model:\n  betas: [1, 2]\n", ["r.yaml:1: model.kind", "one of adam, sgd", "got nothing"]),
        ("name: x\n", ["r.yaml: model", "a value", "got nothing", "No default: must be given."]),
        (
            "model:\n  kind: adam\n  betas: [1, x]\n",
            ["r.yaml:3: model.betas.1", "a valid number", "'x'", "Decay rates."],
        ),
        ("model:\n  kind: adam\n  betas:\n  - 1\n  - x\n", ["r.yaml:5: model.betas.1"]),
        ("model: {kind: sgd, momentum: -1}\n", ["r.yaml:1: model.momentum", "greater than 0"]),
        ("model:\n  kind: sgd\n  betas: []\n", ["r.yaml:3: model.betas", "unknown", "Its keys: kind, momentum."]),
        (MODEL + "items:\n- path: x\n- pth: y\n", ["r.yaml:4: items.1.pth", "`path`"]),
        (MODEL + "weights: {a: 1, b: heavy}\n", ["r.yaml:2: weights.b", "valid number"]),
        (MODEL + "3: x\n", ["r.yaml:2: 3", "unknown"]),
        (MODEL + MODEL, ["r.yaml:2:1", "each key once", '"model"']),
        (MODEL + "training: {updates: 3\nname: x", ["r.yaml:3", "expected YAML"]),
        ("model: [1, 2\n", ["r.yaml:2:1", "expected YAML"]),
        ("a: b: c\n", ["r.yaml:1:5", "expected YAML"]),
        ("model: !!python/object:os.system {}\n", ["r.yaml:1:8", "expected YAML"]),
        ("model: &m {kind: *m}\n", ["contains itself"]),
        ("---\nmodel: {kind: sgd}\n---\nname: x\n", ["r.yaml:3:1", "single document"]),
        ("", ["r.yaml", "an empty file"]),
        ("# only a comment\n", ["an empty file"]),
        ("- model\n", ["a mapping of sections", "the list ['model']"]),
        ("just words\n", ["a mapping of sections", "'just words'"]),
        ("model: " + "[" * 5000 + "\n", ["r.yaml"]),
    ],
)
def test_each_mistake_is_explained(tmp_path: Path, text: str, says: list[str]) -> None:
    message = complaint(tmp_path, text)
    for words in says:
        assert words in message


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "training:\n  updates: -1\n  precison: fp32\nmodel:\n  kind: x\nnaem: y\n"
    message = complaint(tmp_path, text, ["training.learning_rate=-1"])
    assert "4 mistakes" not in message
    places = ["r.yaml:2: ", "r.yaml:3: ", "r.yaml:5: ", "r.yaml:6: ", "override 'training.learning_rate=-1'"]
    found = [message.index(place) for place in places]
    assert found == sorted(found)
    assert "5 mistakes" in message


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"model: \xff\n", b"a: \0\n", b"a: \x01\n"])
def test_binary_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"r\.yaml"):
        read_document(path)


def test_no_file_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_document(tmp_path / "absent.yaml")
    with pytest.raises(UserError, match="a folder"):
        read_document(tmp_path)


FRAGMENTS = [
    "model",
    "kind",
    "sgd",
    "training",
    "updates",
    "betas",
    ":",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "-",
    "- ",
    "\n",
]
FRAGMENTS += ["  ", "&a ", "*a", "!!int ", "'", '"', "|", ">", "#", "<<: ", "? ", "1", "1e9", "~", "2024-01-01", "---"]


@given(st.binary(max_size=40) | st.lists(st.sampled_from(FRAGMENTS)).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_give_a_recipe_or_a_user_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("recipe") / "r.yaml"
    path.write_bytes(content)
    assert isinstance(outcome(path), Root) or str(path) in str(outcome(path))


def outcome(path: Path) -> Root | UserError:
    try:
        return load_options(Root, read_document(path))
    except UserError as error:
        return error


def test_an_override_is_typed_by_the_schema(tmp_path: Path) -> None:
    overrides = [
        "training.learning_rate=3e-4",
        "training.updates=7",
        "name=12-a",
        "language=no",
        "training.compile=true",
    ]
    recipe = load(tmp_path, MODEL + "training: {updates: 3}\n", overrides)
    assert (recipe.training.learning_rate, recipe.training.updates) == (3e-4, 7)
    assert (recipe.name, recipe.language, recipe.training.compile) == ("12-a", "no", True)


def test_later_overrides_win_and_sections_appear_when_needed(tmp_path: Path) -> None:
    recipe = load(tmp_path, MODEL, ["training.updates=7", "training.updates=8", "training.optimizer.betas.1=0.5"][:2])
    assert recipe.training.updates == 8


def test_an_override_may_hold_a_mapping_or_list_or_reach_into_one(tmp_path: Path) -> None:
    overrides = [
        "model={kind: adam, betas: [0.5, 0.6]}",
        "model.betas.1=0.7",
        "items=[{path: a}, {path: b}]",
        "items.0.path=c",
    ]
    recipe = load(tmp_path, MODEL, overrides)
    assert recipe.model == Adam(betas=(0.5, 0.7))
    assert [item.path for item in recipe.items] == ["c", "b"]


def test_a_section_with_a_default_may_leave_its_kind_out(tmp_path: Path) -> None:
    recipe = load(tmp_path, MODEL, ["training.optimizer.betas=[0.1, 0.2]"])
    assert recipe.training.optimizer == Adam(betas=(0.1, 0.2))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.updates", ["key=value"]),
        ("=3", ["key=value"]),
        ("training..updates=3", ["key=value"]),
        ("training.updates=many", ["training.updates", "valid integer", "'many'"]),
        ("training.updats=3", ["training.updats", "Did you mean `updates`?"]),
        ("trainin.updates=3", ["trainin", "Did you mean `training`?"]),
        ("name.first=x", ["a mapping at name", "'r'"]),
        ("items.1.path=x", ["an index from 0 to 0", "'1'"]),
        ("items.path=x", ["an index from 0 to 0", "'path'"]),
        ("model.kind=x", ["model.kind", "one of adam, sgd"]),
        ("training={updates: [}", ["expected YAML"]),
        ("training={updates: 1, updates: 2}", ["each key once"]),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, says: list[str]) -> None:
    message = complaint(tmp_path, MODEL + "name: r\nitems: [{path: a}]\n", [override])
    assert f"override {override!r}" in message
    assert "r.yaml:" not in message
    for words in says:
        assert words in message


def test_conflicts_name_every_key_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(MODEL + "training:\n  updates: 3\n", encoding="utf-8")
    conflict = Conflict((("training", "updates"), ("language",)), "harmony", "discord", "Sing.")
    with pytest.raises(UserError, match=r"r\.yaml:3: training\.updates, override 'language=fr': language: .*harmony"):
        load_options(Root, read_document(path), ["language=fr"], lambda options: [conflict])


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)


@given(
    st.builds(
        Root,
        name=NAMES | st.sampled_from(["no", "null", "1e5", "2024-01-01", "~", "a: b", "#", "true", "", "\x85"]),
        model=st.sampled_from([Adam(), Sgd(momentum=0.5)]),
        training=st.builds(Learning, updates=st.integers(14, LARGEST), learning_rate=st.floats(1e-300, 1e300)),
        items=st.lists(st.builds(Item, path=NAMES), max_size=3).map(tuple),
        weights=st.dictionaries(NAMES | st.just(":0"), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    )
)
def test_what_show_prints_reads_back_as_the_same_recipe(tmp_path_factory: pytest.TempPathFactory, recipe: Root) -> None:
    path = tmp_path_factory.mktemp("recipe") / "r.yaml"
    path.write_text(as_yaml(recipe), encoding="utf-8")
    assert load_options(Root, read_document(path)) == recipe


def test_show_puts_each_description_and_its_choices_above_the_option() -> None:
    lines = as_yaml(Root(model=Sgd())).splitlines()
    assert lines[lines.index("  updates: 100") - 1] == "  # How many steps."
    assert lines[lines.index("  precision: fp32") - 1] == "  # The numbers. [fp32 | bf16]"
    assert lines[lines.index("model:") - 1] == "# No default: must be given. [kind: adam | kind: sgd]"
