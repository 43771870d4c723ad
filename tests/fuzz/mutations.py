"""Random harm to files: to values where they are understood, to bytes anywhere, to the files themselves."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]

VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "auto", "none", "3", [], {}, [1], [[]], DEEP, {"kind": "beam"}, {"a": {"b": 1}}),
    *(-1, 0, 1, 2, 3, 7, 10**6, 10**9, 2**31, 4 * 10**18, 10**30, 10**4000, -(10**9)),
    *(0.5, -0.1, 1e18, 1e308, float("inf"), float("nan")),
    *("\x00", "\ud800", "a" * 100_000, "~nosuchuser/x", "/dev/zero", "../../../etc/passwd"),
)
"""What any value may become."""

YAML_TEXTS = (
    *("!!int x", "!!python/object:os.system x", "!!binary x", "!!timestamp x", "2001-99-99", "1" * 5000, "0x", "1e999"),
    *("[" * 300, '"\\UFFFFFFFF"', "*nowhere", "&a [*a]", "{a: 1, a: 2}", "? ", "- - - -", "|\n", "\t", "%YAML 9"),
)
"""What a line of YAML may end in."""

FILLINGS = (b"", b"\0" * 100, b"\xff" * 100, b"{}", b"[]", b"[" * 10_000, b"null", b"a: b", b"PK\x03\x04")
"""What a file may hold."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in parsed JSON or YAML."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def change_value(draw: random.Random, data: Any) -> Any:
    """Parsed JSON or YAML with one or two values replaced, removed or under another name."""
    for _ in range(draw.choice((1, 1, 2))):
        found = list(places(data))
        if not found:
            return draw.choice(VALUES)
        *above, key = draw.choice(found)
        inside = data
        for step in above:
            inside = inside[step]
        how = draw.random()
        if how < 0.8:
            inside[key] = draw.choice(VALUES)
        elif how < 0.9 or isinstance(inside, list):
            del inside[key]
        else:
            inside[str(key) + "x"] = inside.pop(key)
    return data


def change_bytes(draw: random.Random, content: bytes) -> bytes:
    """Flipped, cut, doubled, filled or mixed with noise."""
    data = bytearray(content)
    how = draw.randrange(6)
    if how == 0 and data:
        for _ in range(draw.choice((1, 1, 5, 50))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif how == 1:
        del data[draw.randrange(len(data) + 1) :]
    elif how == 2:
        place = draw.randrange(len(data) + 1)
        data[place:place] = draw.randbytes(draw.choice((1, 10, 1000)))
    elif how == 3:
        data += bytes(data)
    elif how == 4:
        data[:] = draw.choice(FILLINGS)
    elif data:
        start = draw.randrange(len(data))
        data[start : start + draw.choice((1, 8, 100))] = draw.choice((b"\0", b"\xff", b"0", b"9")) * 8
    return bytes(data)


def change_file(draw: random.Random, path: Path) -> str:
    """One file changed as a file: gone, a folder, a pipe, a link; in words."""
    others = [other for other in path.parent.rglob("*") if other.is_file() and other != path]
    kinds: dict[str, Callable[[], object]] = {
        "gone": lambda: None,
        "a folder": path.mkdir,
        "a pipe": lambda: os.mkfifo(path),
        "a link to itself": lambda: path.symlink_to(path.name),
        "a link to nowhere": lambda: path.symlink_to("nowhere"),
        "/dev/zero": lambda: path.symlink_to("/dev/zero"),
        "/dev/null": lambda: path.symlink_to("/dev/null"),
        "another file": lambda: path.symlink_to(draw.choice(others)) if others else None,
        "twice as long": lambda: path.write_bytes(content * 2),
    }
    name = draw.choice(list(kinds))
    content = path.read_bytes()
    path.unlink()
    kinds[name]()
    return name


def harm(draw: random.Random, path: Path) -> str:
    """Harms one file; says how."""
    how = draw.random()
    if path.suffix in (".json", ".yaml") and how < 0.65:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml" and how < 0.15:
            lines = text.splitlines()
            place = draw.randrange(len(lines))
            lines[place] = lines[place].split(":")[0] + ": " + draw.choice(YAML_TEXTS)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            return f"{path.name}:{place + 1} {lines[place][:60]!r}"
        data = YAML(typ="safe").load(text) if path.suffix == ".yaml" else json.loads(text)
        path.write_bytes(dumped(change_value(draw, data)))
        return f"{path.name}: a value"
    if how < 0.85:
        path.write_bytes(change_bytes(draw, path.read_bytes()))
        return f"{path.name}: bytes"
    return f"{path.name}: {change_file(draw, path)}"


def dumped(data: Any) -> bytes:
    """JSON, which YAML is too, with numbers of any length and text that is none."""
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(data, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    finally:
        sys.set_int_max_str_digits(4300)
