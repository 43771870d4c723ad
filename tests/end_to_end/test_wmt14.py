"""The recipes of WMT14, shrunk by their own overrides, run on archives of the same layout that a server hands out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmt.bundle import read_recipe
from tests.cli.model_directory import ordinary_line
from tests.command import Done, nmt
from tests.loopback import Server, serving
from tests.wmt14_archives import FILES, Checksums, Pair, write_archives

ROOT = Path(__file__).resolve().parents[2]
FRENCH_ONLY = {"un", "giga-fren"}

SHRUNK = [
    "training.updates=6",
    "training.validate_every=3",
    "training.save_every=3",
    "training.batch_tokens=400",
    "training.micro_batches=2",
    "training.processes=1",
    "training.precision=fp32",
    "search.beam=2",
    "search.max_length_factor=0.1",  # a model that knows nothing never ends
    "search.max_length_offset=3",
]
TOKENIZER = ["tokenizer.vocabulary_size=310"]
LAYERS = "[{width: 16, kernel: 3, layers: 1}, {width: 32, kernel: 1}]"
RATES = [
    f"training.{rate}" for rate in ("optimizer.adam_updates=3", "schedule.hold_updates=4", "schedule.halve_every=1")
]
SMALL = {
    "gnmt": ["model.model_dim=16", "model.encoder_layers=3", "model.decoder_layers=3", *RATES],
    "gnmt_rl": ["training.refine.samples=3"],
    "convs2s": ["model.embedding_dim=16", "model.output_dim=8", f"model.encoder={LAYERS}", f"model.decoder={LAYERS}"],
    "deq": [
        *("model.model_dim=16", "model.feedforward_dim=32", "model.heads=2", "model.pretraining.updates=2"),
        *(f"model.{solver}.max_iterations=3" for solver in ("encoder_solver", "decoder_solver", "gradient.solver")),
        *("model.jacobian.frequency=1.0", "training.schedule.warmup_updates=2"),
    ],
    "transformer_base": ["model.model_dim=16", "model.feedforward_dim=32", "model.heads=2"],
    "transformer_big": ["model.model_dim=32", "model.feedforward_dim=32", "model.heads=4"],
}


def sentences(start: int, count: int) -> list[Pair]:
    """Pairs with words of their own; every tenth has a side that cleaning drops."""
    pairs = [(ordinary_line(n), ordinary_line(-n)) for n in range(start, start + count)]
    return [(f"{english} {english} {english}" if n % 10 == 9 else english, o) for n, (english, o) in enumerate(pairs)]


@pytest.fixture(scope="module", params=["de", "fr"])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The language and the overrides that make a recipe take its archives from the server."""
    folder = tmp_path_factory.mktemp("server")
    other = str(request.param)
    parts = [part for part in FILES if other == "fr" or part not in FRENCH_ONLY]
    training = {part: sentences(1000 * number, 300) for number, part in enumerate(parts)}
    sets = {f"newstest{year}": sentences(20_000 + year * 10, 10) for year in (2012, 2013, 2014)}
    checksums = write_archives(folder, other, training, sets)
    archives = tmp_path_factory.mktemp("archives")
    with serving(folder) as server:
        yield other, [*from_server(server, checksums), f"corpus.archives={archives}"]


def from_server(server: Server, checksums: Checksums) -> list[str]:
    return [f"corpus.address={server.url}", f"corpus.checksums={json.dumps(checksums)}"]


def nmt_run(recipe: Path, runs: Path, *overrides: str) -> Done:
    return nmt("run", recipe, *overrides, "--runs", runs)


@pytest.fixture(autouse=True)
def _no_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMT_DATA", raising=False)


@pytest.mark.slow
def test_the_recipes_run(corpus: tuple[str, list[str]], tmp_path: Path) -> None:
    other, source = corpus
    runs = tmp_path / f"wmt14_en_{other}"
    for name, small in SMALL.items():
        more = [f"training.start_from={runs / 'gnmt' / 'model'}"] if name == "gnmt_rl" else TOKENIZER
        recipe = ROOT / "recipes" / runs.name / f"{name}.yaml"
        done = nmt_run(recipe, tmp_path, *SHRUNK, *source, *small, *more)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        report = json.loads((runs / name / "report.json").read_text())
        assert set(report["scores"]) == {"newstest2014"}
        kept = json.loads((runs / name / "prepare" / "report.json").read_text())
        assert kept["dropped"]["max_word_ratio"]["pairs"] > 0
        assert kept["sets"] == {"validation": 20 if name.startswith("gnmt") else 10, "newstest2014": 10}
        resolved = read_recipe(runs / name / "model")
        assert resolved["model"]["kind"] in name.replace("gnmt_rl", "gnmt").replace("transformer_", "transformer")
    assert {path.name for path in runs.iterdir()} == set(SMALL)


@pytest.mark.slow
def test_a_bad_archive_ends_the_run_with_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    training = {part: sentences(0, 20) for part in ("europarl-v7", "commoncrawl", "news-commentary-v9")}
    checksums = write_archives(folder, "de", training, {f"newstest{y}": sentences(y, 5) for y in (2012, 2013, 2014)})
    recipe = ROOT / "recipes" / "wmt14_en_de" / "transformer_base.yaml"
    with serving(folder) as server:
        overrides = from_server(server, {**checksums, "dev.tgz": f"sha256:{'0' * 64}"})
        done = nmt_run(recipe, tmp_path / "runs", *overrides)
    assert done.returncode == 2
    assert "dev.tgz: expected the file, got a different file" in done.stderr
    assert "Traceback" not in done.stderr
