"""A newcomer's first hour, in a minute: the wheel, an empty folder, two files of one's own, a translation, a score."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from itertools import islice
from pathlib import Path

import pytest

from nmt.shipped import shipped_recipes, shipped_studies
from nmt.text import read_lines

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "nmt", "data_prep", "recipes")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
SHRUNK = ["training.updates=4", "training.validate_every=2", "training.precision=fp32", "training.batch_tokens=600"]
SHRUNK += ["training.processes=1", "model.model_dim=32", "model.feedforward_dim=32", "search.beam=1"]
SHRUNK += ["search.max_length_factor=0.1", "search.max_length_offset=3"]  # a model that knows nothing never ends

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, where nothing that an earlier build left can get into it."""
    sources, wheels = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheels")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, sources)
    run(*PIP, "wheel", sources, "--no-deps", "--no-build-isolation", "--no-index", "-w", wheels, folder=sources)
    (built,) = wheels.glob("*.whl")
    return built


def run(*words: str | Path, folder: Path, **environment: str) -> str:
    """What a process says on standard output; it has to succeed, and to warn of nothing."""
    outer = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, words)), cwd=folder, env={**outer, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr.lower() or words[0] != sys.executable, done.stderr
    return done.stdout


def test_the_wheel_has_what_it_needs_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        described = HeaderParser().parsestr(archive.read(metadata).decode())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"nmt", "data_prep"}
    assert {f"nmt/recipes/{name}.yaml" for name in (*shipped_recipes(), *shipped_studies())} <= names
    assert "nmt/py.typed" in names
    modules = {
        path.relative_to(ROOT).as_posix() for folder in ("nmt", "data_prep") for path in (ROOT / folder).rglob("*.py")
    }
    assert modules <= names
    assert described["Name"] == "nmt-toolkit"
    assert described["Description-Content-Type"] == "text/markdown"
    readme = described.get_payload()
    assert isinstance(readme, str)
    assert readme.startswith("# nmt\n")


def test_from_two_files_to_a_score(wheel: Path, multi30k: Path, tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path / "empty"
    here.mkdir()
    run(*PIP, "install", "--no-deps", "--no-index", "--target", site, wheel, folder=here)
    for name, lines in (("train", 3000), ("dev", 40)):
        for language in ("en", "fr"):
            text = islice(read_lines(multi30k / f"{'val' if name == 'dev' else name}.{language}.gz"), lines)
            (here / f"{name}.{language}").write_text("".join(line + "\n" for line in text), encoding="utf-8")

    def nmt(*words: str | Path) -> str:
        return run(sys.executable, "-m", "nmt", *words, folder=here, PYTHONPATH=str(site))

    listing = "import nmt, nmt.shipped; print(nmt.__file__, *nmt.shipped.shipped_recipes().values())"
    where = run(sys.executable, "-c", listing, folder=here, PYTHONPATH=str(site))
    assert all(path.startswith(str(site)) for path in where.split())
    assert "nmt recipe check transformer_tiny.yaml" in nmt("init", "train.en", "train.fr")
    assert nmt("recipe", "check", "transformer_tiny.yaml").endswith("OK\n")
    nmt("run", "transformer_tiny.yaml", *SHRUNK, "training.schedule.warmup_updates=2")
    folder = Path("runs/files_en_fr/transformer_tiny")
    nmt("translate", folder, "dev.en", "-o", "dev.out")
    assert (here / "dev.out").read_text(encoding="utf-8").count("\n") == 40
    scores = json.loads(nmt("evaluate", "--hypothesis", "dev.out", "--reference", "dev.fr", "--json"))
    assert scores["lines"] == 40
