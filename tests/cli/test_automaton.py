"""`nmt automaton`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nmt.models.language.recurrent import RecurrentLM
from nmt.nn.cells import GRU, LSTM, StateRegularized
from tests.cli.model_directory import save_tiny_model
from tests.cli.symbol_models import decoder_only, save_parity_model, save_symbol_model
from tests.command import nmt, succeed


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_parity_model(tmp_path_factory.mktemp("parity"))


@pytest.mark.parametrize("method", ["count", "query"])
def test_it_reports_draws_and_writes_the_automaton(method: str, parity: Path, tmp_path: Path) -> None:
    dot, values = tmp_path / "parity.dot", tmp_path / "parity.json"
    out = succeed(*("automaton", parity, "--symbols", "0 1", "--method", method, "--dot", dot, "--json", values))
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert "states reached 3 (of 3 centroids and the start)" in words
    assert "states after minimising 2" in words
    assert "transitions 4" in words
    assert any(line.startswith("agreement with the model 100.00%") for line in words)
    assert any(line.startswith("centroids used 2 (entropy ") for line in words)
    assert words[-3:] == ["state answer 0 1", "0 accept 0 1", "1 reject 1 0"]
    found = json.loads(values.read_text())
    assert found["automaton"]["states"] == [
        {"output": "accept", "next": {"0": 0, "1": 1}},
        {"output": "reject", "next": {"0": 1, "1": 0}},
    ]
    assert found["strings"] == found["equal_answers"] > 700
    assert found["mean_largest_weight"] > 0.99
    assert found["right_answers"] is None
    assert "0 -> 1" in dot.read_text()


def test_strings_of_ones_own_give_the_alphabet_and_accuracies(parity: Path, tmp_path: Path) -> None:
    strings = tmp_path / "strings"
    strings.write_text("0 1 1\taccept\n1\treject\n1 0\taccept\n\taccept\n")
    done = nmt("automaton", parity, "--strings", strings)
    assert done.returncode == 0
    assert done.stderr == ""
    words = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "accuracy of the model 75.00% (3 of 4)" in words
    assert "accuracy of the automaton 75.00% (3 of 4)" in words


def test_transitions_that_no_string_takes_are_counted_as_such(parity: Path) -> None:
    out = succeed("automaton", parity, "--symbols", "0 1", "--strings", "-", given="0 1\n0\n")
    assert "before minimising were not seen" in out
    assert "(unseen)" in out


def test_a_whole_vocabulary_is_warned_of(parity: Path) -> None:
    done = nmt("automaton", parity)
    assert done.returncode == 0
    assert "0, 1, accept, reject" in done.stderr
    assert done.stderr.count("warning") == 1


def test_a_language_model_answers_with_the_most_probable_continuation(tmp_path: Path) -> None:
    config = RecurrentLM.Config(model_dim=8, layers=1, cell=StateRegularized.Config(centroids=5))
    done = nmt("automaton", save_symbol_model(tmp_path, config), "--method", "query")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "agreement with the model" in done.stdout


def test_the_memory_of_an_lstm_allows_counting_alone(tmp_path: Path) -> None:
    model = save_symbol_model(tmp_path, decoder_only(StateRegularized.Config(cell=LSTM.Config()), 8))
    assert "agreement with the model" in succeed("automaton", model, "--symbols", "0 1")
    done = nmt("automaton", model, "--symbols", "0 1", "--method", "query")
    assert done.returncode == 2
    assert "--method: expected count, since this model's cell carries more than its output" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--symbols", "0 2"), "--symbols: expected symbols of the model's vocabulary, separated by spaces, got '2'"),
        (("--symbols", " "), "got none"),
        (
            ("--symbols", "0", "--strings", "-"),
            "standard input:2: expected symbols of the alphabet 0, got others in '1'",
        ),
        (("--png", "parity.png"), "--png: expected Graphviz"),
        (("--dot", "/"), "expected a path that can be written to"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    options: tuple[str, ...], says: str, parity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--png" in options:
        monkeypatch.setenv("PATH", str(tmp_path))
    done = nmt("automaton", parity, *options, "--json", tmp_path / "out.json", given="0 0\n1\n")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lines", ["", "0\taccept\n1\n"])
def test_files_of_strings_are_checked(lines: str, parity: Path) -> None:
    done = nmt("automaton", parity, "--strings", "-", given=lines)
    assert done.returncode == 2
    assert "standard input: expected" in done.stderr


def test_models_without_such_a_cell_are_refused(tmp_path: Path) -> None:
    cell = StateRegularized.Config(centroids=3)
    models = [
        save_tiny_model(tmp_path / "transformer"),
        save_symbol_model(tmp_path / "gru", decoder_only(GRU.Config(), 8)),
        save_symbol_model(tmp_path / "deep", decoder_only(cell, 8, layers=2)),
    ]
    for model in models:
        done = nmt("automaton", model)
        assert done.returncode == 2
        assert f"{model}: expected a model of kind decoder_only or recurrent_lm with one layer" in done.stderr


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_a_picture_is_drawn(parity: Path, tmp_path: Path) -> None:
    succeed("automaton", parity, "--symbols", "0 1", "--png", tmp_path / "parity.png")
    assert (tmp_path / "parity.png").read_bytes().startswith(b"\x89PNG")
