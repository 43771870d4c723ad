"""Files of strangers, harmed at random, given to the commands that read them; a Markdown table of what came of it.

    python -m tests.fuzz.strangers [--seed 1] [--cases 400 150 300 40] [--list]

Right: exit status 0 and as many lines out as in. Refused: exit status 2 and a message on standard error that begins
with "nmt: " (where that is open). Everything else is a fault: a traceback, a signal, more than 20 s (of a process that
has imported torch already), 1 GiB more than at its start, something half-written.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nmt.bundle import load_bundle
from nmt.cli.main import main as command_line
from nmt.pipeline.quantizing import quantize_model
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.forked import Forked
from tests.fuzz.mutations import VALUES, YAML_TEXTS, change_bytes, harm
from tests.unit.interop.fairseq_files import MODEL, new_checkpoint, old_checkpoint, write_dictionaries
from tests.unit.interop.fairseq_states import transformer
from tests.unit.interop.marian_directory import save as save_marian

Case = tuple[str, Sequence[object], int | None]
"""What is wrong, the command, and how many lines it prints if that is known."""
MakeCases = Callable[[random.Random, int, Path], Iterator[Case]]
"""Draws so many cases, with their files in a folder."""
TEXTS = [*YAML_TEXTS, *(str(value) for value in VALUES if not isinstance(value, int) or abs(value) < 10**40)]
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
KEYS = "model.model_dim training.updates search.beam corpus.kind tokenizer model a.b.c training.schedule".split()
WEIGHTS = ("encoder.layers.999999999.fc1.weight", "x" * 100_000, "encoder.layers.1.fc1.weight", "\n", "decoder.version")
PLACES = (
    "new",
    "deep/er/new",
    "mine",
    "link",
    "loop",
    "",
    ".",
    "mine/below",
    "a" * 300,
    "out.gz",
    "/dev/null",
    "/dev/full",
)
SECONDS, BYTES = 20.0, 1 << 30
ROOT = Path(__file__).resolve().parents[2]
TEXT = "".join(ordinary_line(number) + "\n" for number in range(3))


@dataclass
class Tally:
    """What came of the cases of one kind."""

    right: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: int = 0

    def count(self, case: str, arguments: Sequence[object], lines: int | None, streams: dict[int, int | None]) -> None:
        """Runs a command and counts what came of it; `lines` is how many it should print, if that is known."""
        process = Forked(lambda: command_line(list(map(str, arguments))), streams=streams)
        start = time.monotonic()
        try:
            output, errors = process.wait(timeout=SECONDS)
        except TimeoutError:
            self.faults.append(f"{case}: more than {SECONDS:.0f} s: {' '.join(map(str, arguments[:2]))}")
            return
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.largest = max(self.largest, process.grown_bytes)
        if process.grown_bytes > BYTES:
            self.faults.append(f"{case}: {process.grown_bytes / 2**20:.0f} MiB")
        elif process.returncode == 0 and (lines is None or output.count("\n") == lines):
            self.right += 1
        elif process.returncode == 2 and ("nmt: " in errors or 2 in streams) and "Traceback" not in errors + output:
            self.refused += 1
        else:
            last = errors.strip().splitlines()[-1:] or [""]
            self.faults.append(f"{case}: status {process.returncode}, {output.count(chr(10))} lines, {last[0][:300]}")


def model_directories(draw: random.Random, cases: int, folder: Path) -> Iterator[Case]:
    """Model directories in fp32 and in 8 bits with one thing wrong."""
    base = save_tiny_model(folder / "base")
    quantize_model(base, folder / "small")
    (folder / "text").write_text(TEXT, encoding="utf-8")
    load_bundle(base)
    for number in range(cases):
        model = folder / f"model{number}"
        shutil.copytree(draw.choice((base, folder / "small")), model)
        said = harm(draw, draw.choice(sorted(path for path in model.rglob("*") if path.is_file())))
        command, lines = draw.choice(
            (
                (("translate", model, folder / "text", "--workers", 0), 3),
                (("score", model, "--source", folder / "text", "--target", folder / "text"), 3),
                (("info", model), None),
                (("translate", model, folder / "text", "--workers", 0, "--model-option", "dropout=0.2"), 3),
            )
        )
        yield said, command, lines
        shutil.rmtree(model)


def imports(draw: random.Random, cases: int, folder: Path) -> Iterator[Case]:
    """Checkpoints of fairseq and models of Marian with one thing wrong."""
    for number in range(cases):
        place = folder / f"import{number}"
        out = place / "out"
        if number % 2:
            save_marian(place / "marian", tokenizer_config={"source_lang": "en", "target_lang": "de"})
            said = harm(draw, draw.choice(sorted(path for path in (place / "marian").iterdir())))
            yield f"marian {said}", ("import", "marian", place / "marian", out), None
        else:
            place.mkdir()
            write_dictionaries(place)
            said = fairseq_harm(draw, place)
            flags = ("--dictionaries", place, "--tokenizer", "moses", "--bpe", "subword_nmt")
            yield f"fairseq {said}", ("import", "fairseq", place / "model.pt", *flags, out), None
        if out.exists():
            load_bundle(out)  # what was written is whole
        shutil.rmtree(place)


def fairseq_harm(draw: random.Random, folder: Path) -> str:
    """Writes a checkpoint with one thing wrong; says which."""
    path, state, how = folder / "model.pt", transformer(), draw.random()
    make = draw.choice((old_checkpoint, new_checkpoint))
    if how < 0.3:  # settings
        name, value = draw.choice(sorted(MODEL)), draw.choice(VALUES)
        old_checkpoint(path, state, **{name: value})
        return f"{name}={str(value)[:30]}" if not isinstance(value, int) or value < 10**30 else f"{name}=10^…"
    if how < 0.6:  # tensors
        name = draw.choice(sorted(state))
        kinds: dict[str, Callable[[torch.Tensor], Any]] = {
            "complex": lambda x: x.to(torch.complex64),
            "float8": lambda x: x.to(torch.float8_e4m3fn),
            "integers": lambda x: x.to(torch.int64),
            "sparse": lambda x: x.to_sparse(),
            "expanded": lambda x: torch.zeros(1).expand(1 << 16, 1 << 15),
            "of 0 dimensions": lambda x: torch.tensor(1.0),
            "empty": lambda x: x[:0],
            "of another shape": lambda x: torch.zeros(*x.shape, 2),
            "NaN": lambda x: x * float("nan"),
            "a list": lambda x: x.tolist(),
        }
        kind = draw.choice(sorted(kinds))
        state[name] = kinds[kind](state[name])
        make(path, state)
        return f"{name} {kind}"
    if how < 0.75:  # names
        name = draw.choice(WEIGHTS)
        make(path, {**state, name: torch.zeros(2, 2)})
        return f"a weight {name[:40]!r}"
    make(path, state)
    if how < 0.9:  # the pickle
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        (name,) = (name for name in entries if name.endswith("data.pkl"))
        entries[name] = change_bytes(draw, entries[name])
        with zipfile.ZipFile(path, "w", draw.choice(COMPRESSIONS)) as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)
        return "instructions"
    if draw.random() < 0.5:
        torch.save(torch.load(path, weights_only=False), path, _use_new_zipfile_serialization=False)
    return harm(draw, draw.choice(sorted(folder.iterdir())))


def recipes(draw: random.Random, cases: int, folder: Path) -> Iterator[Case]:
    """Shipped recipes with one thing wrong, and wrong overrides."""
    shipped = sorted((ROOT / "recipes").rglob("*.yaml"))
    for number in range(cases):
        path = folder / f"recipe{number}.yaml"
        shutil.copy(draw.choice(shipped), path)
        said, overrides = "", []
        if number % 4:
            said = harm(draw, path)
        else:
            text = f"{draw.choice(KEYS)}={draw.choice(TEXTS)}"[:100_000].replace("\0", "?")
            overrides = [text.encode("utf-8", "replace").decode()]
            said = overrides[0][:60]
        yield said, (*draw.choice((("recipe", "check"), ("recipe", "show"))), path, *overrides), None
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


@contextmanager
def opened(*kinds: str) -> Iterator[dict[int, int | None]]:
    """Standard streams of these kinds."""
    streams: dict[int, int | None] = {}
    descriptors = []
    for kind in kinds:
        name, _, what = kind.partition(" ")
        number = ("stdin", "stdout", "stderr").index(name)
        if what == "closed":
            streams[number] = None
        elif what == "broken":
            reading, writing = os.pipe()
            os.close(reading)
            descriptors.append(writing)
            streams[number] = writing
        else:
            descriptors.append(os.open(what, os.O_RDWR))
            streams[number] = descriptors[-1]
    try:
        yield streams
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


STREAMS = [(), ("stdout /dev/full",), ("stdout closed",), ("stdout broken",), ("stdin closed",), ("stderr closed",)]
STREAMS += [("stdin closed", "stderr closed"), ("stderr /dev/full",), ("stdout /dev/null", "stdin closed")]


def outputs(draw: random.Random, cases: int, folder: Path) -> Iterator[tuple[str, Sequence[object], tuple[str, ...]]]:
    """Places to write to, and states of the streams."""
    model = save_tiny_model(folder / "written")
    (folder / "text").write_text(TEXT, encoding="utf-8")
    for number in range(cases):
        place = folder / f"place{number}"
        place.mkdir()
        (place / "mine").write_text("mine")
        (place / "mine").chmod(0o640)
        (place / "link").symlink_to("mine")
        (place / "loop").symlink_to("loop")
        out, streams = draw.choice(PLACES), draw.choice(STREAMS)
        target = out if out.startswith("/dev") else place / out if out else str(place) + "/"
        command: tuple[object, ...] = ("translate", model, folder / "text", "--workers", 0, "--precision", "fp32")
        yield f"-o {out[:20]!r} {', '.join(streams)}", (*command, *(("-o", target) if number % 4 else ())), streams
        assert stat.S_IMODE((place / "mine").stat().st_mode) == 0o640
        assert (place / "link").is_symlink()
        assert (place / "mine").read_text()
        assert not list(place.rglob(".nmt-*"))
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
        shutil.rmtree(place)


def main() -> None:
    """Runs the cases and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, nargs=4, default=(400, 150, 300, 40))
    parser.add_argument("--list", action="store_true", help="print each fault")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kinds = {"model directories": model_directories, "imports": imports, "recipes": recipes}
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as name:
        for (kind, make), cases in zip(kinds.items(), given.cases, strict=False):
            folder = Path(name) / kind.split()[0]
            folder.mkdir()
            tally = tallies[kind] = Tally()
            for case, arguments, lines in make(random.Random(given.seed), cases, folder):
                tally.count(case, arguments, lines, {})
        folder = Path(name) / "outputs"
        folder.mkdir()
        tally = tallies["`-o` and streams"] = Tally()
        for case, arguments, kinds_of_streams in outputs(random.Random(given.seed), given.cases[3], folder):
            with opened(*kinds_of_streams) as streams:
                tally.count(case, arguments, None, streams)
    rows: list[tuple[str, ...]] = [
        ("cases", "right", "refused in words", "anything else", "slowest", "most memory"),
        ("---", *("---:",) * 5),
    ]
    for kind, tally in tallies.items():
        counts = tally.right, tally.refused, len(tally.faults)
        used = f"{tally.slowest:.1f} s", f"{tally.largest / 2**20:.0f} MiB"
        rows.append((f"{sum(counts)} {kind}", *map(str, counts), *used))
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)
    for kind, tally in tallies.items():
        shown = tally.faults if given.list else tally.faults[:10]
        sys.stdout.writelines(f"{kind}: {fault}\n" for fault in shown)


if __name__ == "__main__":
    main()
