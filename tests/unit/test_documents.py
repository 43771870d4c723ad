"""JSON and YAML that a stranger made: read, or refused in words, soon and within little memory."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.documents import parse_yaml, read_json, read_json_object, read_yaml
from nmt.errors import UserError
from tests.forked import Forked

ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
"""Ten lines that say 9^9 values."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=15,
)


@given(json_values)
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    assert read_json(path, "a value") == value


@given(st.binary(max_size=50) | st.text('[]{}:,"\\\n 0123456789eE+-.&*!a', max_size=50).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for read in (read_json, read_yaml):
        with suppress(UserError):
            read(path, "a value")


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("[" * 100_000, "nested more than 100 levels deep"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested more than 100 levels deep"),
        ("[1, 2", "damaged JSON"),
        ("1" * 5000, "damaged JSON"),
        ('"\ud800"', "damaged JSON"),
        ("[]", "a JSON list instead of an object"),
        ("", "damaged JSON"),
    ],
)
def test_json_beyond_reason_is_refused(content: str, got: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(UserError, match=f"file: expected an object of ours, got .*{got}"):
        read_json_object(tmp_path / "file", "an object of ours")


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (ALIASES, "aliases expanded"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "[" * 5000, "nested"),
        ("a: " + "{b: " * 150 + "1" + "}" * 150, "nested"),
        ("".join(f"k{n}: 1\n" for n in range(11_000)), "22,001 with aliases expanded"),
        ("a" * 300_000, "larger file"),
        ("a: !!int x", "x"),
        ("a: 2001-99-99", "month"),
        ("a: " + "1" * 5000, "digits"),
        ('a: "\\UFFFFFFFF"', "."),
        ("a: !!float ''", "."),
        ("a: 1\na: 2", 'found duplicate key "a"'),
        ("? [1, 2]\n: 3\n? {a: b}\n: c", "."),
        ("a: !!python/object:os.system x", "python"),
    ],
)
def test_yaml_beyond_reason_is_refused(content: str, got: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(content)
    with pytest.raises(UserError, match=rf"file\.yaml.*expected .*, got .*{got}"):
        read_yaml(tmp_path / "file.yaml", "a recipe")


def test_lines_of_keys_and_the_values_of_yaml_1_2() -> None:
    value, lines = parse_yaml("a: no\nb:\n  c: 5e-4\n  d: &x [1, 2]\ne: *x\n", "text")
    assert value == {"a": "no", "b": {"c": 5e-4, "d": [1, 2]}, "e": [1, 2]}
    assert lines[("b", "c")] == 3
    assert lines[("e", 1)] == 4  # where it was written


def test_aliases_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(ALIASES)

    def work() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(UserError):
            read_yaml(tmp_path / "bomb.yaml", "a recipe")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB

    process = Forked(work)
    _, errors = process.wait(timeout=30)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_what_has_no_end_is_not_read(read: Callable[[Path, str], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, got in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(UserError, match=got):
            read(path, "a file")
    for name in ("nowhere", "nul\0", "a" * 300):
        with pytest.raises(UserError):
            read(tmp_path / name, "a file")
