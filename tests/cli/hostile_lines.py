"""Lines that a text may hold by accident or by malice."""

from __future__ import annotations

import random

from tests.cli.model_directory import ordinary_line


def hostile_lines() -> list[bytes]:
    """1,000 lines; every third is ordinary."""
    draw = random.Random(7)
    kinds = [
        lambda: b"",
        lambda: b"     ",
        lambda: b"\t\t \xc2\xa0\xe3\x80\x80",
        lambda: b"\x00\x01\x02\x1b[31m\x7f",
        lambda: "\u200b\u200e\ufeff".encode(),
        lambda: b"a\x00b\x0bc\x0cd",
        lambda: bytes(draw.choice([*range(10), *range(11, 256)]) for _ in range(draw.randint(1, 60))),
        lambda: "🙂👩‍👩‍👧‍👦🇩🇪 dog 🐕".encode(),
        lambda: "שלום עולם مرحبا بالعالم \u202edog\u202c".encode(),
        lambda: b"the dog\r",
        lambda: "one\u2028two\u2029three\u0085four".encode(),
        lambda: ("x" * draw.randint(200, 400)).encode(),
        lambda: "漢字かな交じり文。".encode() * 20,
        lambda: b"<s> </s> <pad> <unk> \xe2\x96\x81",
        lambda: "e\u0301" .encode() * 30,
        lambda: b"\xff\xfe\xed\xa0\x80\xf4\x90\x80\x80",
    ]  # fmt: skip
    lines = [ordinary_line(n).encode() if n % 3 == 0 else draw.choice(kinds)() for n in range(1000)]
    lines[500] = " ".join(ordinary_line(n) for n in range(700)).encode()  # about 5,000 words
    lines[998] = b" ".join([b"dog"] * 5000)
    return lines
