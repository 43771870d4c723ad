"""`nmt rerank`, with tiny models and n-best lists made of damaged references."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import pytest

import nmt as toolkit
from nmt.models.language.recurrent import RecurrentLM
from nmt.pipeline.quantizing import quantize_model
from tests.cli.model_directory import WORDS, ordinary_line, save_tiny_model
from tests.command import Done, nmt, succeed

LINES, HYPOTHESES, BLANK = 24, 4, 5
"""Lines, hypotheses of each that is not blank, and the index of the blank line."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models `direct`, `reverse` and `lm`, texts `source` and `reference`, and their n-best `list`."""
    folder, draw = tmp_path_factory.mktemp("rerank"), random.Random(1)
    save_tiny_model(folder / "direct")
    metadata = save_tiny_model(folder / "reverse") / "metadata.json"
    languages = {"source_language": "de", "target_language": "en"}
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | languages), encoding="utf-8")
    save_tiny_model(folder / "lm", RecurrentLM.Config(model_dim=16, initial_range=0.5))
    sources, references = ([ordinary_line(first + n) for n in range(LINES)] for first in (0, 100))
    sources[BLANK] = references[BLANK] = ""
    rows = []
    for number, reference in enumerate(references, 1):
        words = reference.split()
        for row in range(HYPOTHESES if words else 1):  # the last word tells them apart
            damaged = [draw.choice(WORDS) if draw.random() < 0.3 else word for word in words]
            rows.append(f"{number}\t{-row / 2:.4f}\t{' '.join([*damaged, *WORDS[row:][: len(words) and 1]])}")
    for name, lines in (("source", sources), ("reference", references), ("list", rows)):
        (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return folder


def three(folder: Path) -> list[object]:
    return [folder / "direct", "--reverse-model", folder / "reverse", "--language-model", folder / "lm"]


def texts(folder: Path) -> list[object]:
    return ["--source", folder / "source", "--n-best", folder / "list"]


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def table(path: Path) -> list[dict[str, str]]:
    _, header, *rows = (line.split("\t") for line in read(path))
    return [dict(zip(header, row, strict=True)) for row in rows]


def refused(*arguments: object, given: str = "") -> Done:
    done = nmt("rerank", *arguments, given=given)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    return done


def test_features_are_the_scores_of_nmt_score(folder: Path, tmp_path: Path) -> None:
    features, reranked = tmp_path / "features", tmp_path / "reranked"
    succeed("rerank", *three(folder), *texts(folder), "--save-features", features, "-o", reranked)
    rows = table(features)
    assert list(rows[0]) == ["line", "model", "reverse_model", "language_model", "length", "hypothesis"]
    assert len(rows) == (LINES - 1) * HYPOTHESES + 1
    sources = read(folder / "source")
    paired, found = tmp_path / "sources", tmp_path / "hypotheses"
    paired.write_text("".join(sources[int(row["line"]) - 1] + "\n" for row in rows), encoding="utf-8")
    found.write_text("".join(row["hypothesis"] + "\n" for row in rows), encoding="utf-8")
    for name, arguments in (
        ("model", (folder / "direct", "--source", paired, "--target", found)),
        ("reverse_model", (folder / "reverse", "--source", found, "--target", paired)),
        ("language_model", (folder / "lm", "--target", found)),
    ):
        for row, expected in zip(rows, succeed("score", *arguments).splitlines(), strict=True):
            assert float(row[name]) == pytest.approx(float(expected), abs=2e-3)
    assert all(int(row["length"]) == len(row["hypothesis"].replace(".", " .").split()) for row in rows)
    best: dict[str, list[tuple[float, str]]] = {}
    for row in rows:  # the sum of the log-probabilities, by default
        total = sum(float(row[name]) for name in ("model", "reverse_model", "language_model"))
        best.setdefault(row["line"], []).append((total, row["hypothesis"]))
    assert read(reranked) == [max(group)[1] for group in best.values()]
    assert len(read(reranked)) == LINES
    assert read(reranked)[BLANK] == ""


def test_weights_are_tuned_saved_and_used(folder: Path, tmp_path: Path) -> None:
    features, weights, best = tmp_path / "features", tmp_path / "weights.json", tmp_path / "best"
    tuning = ("--tune", folder / "reference", "--metric", "chrf", "--folds", 2)
    done = nmt(
        "rerank", *three(folder), *texts(folder), *tuning, "--save-features", features, "--save-weights", weights
    )
    assert done.returncode == 0
    assert done.stdout == ""  # with --tune, lines are written only if --output is given
    for word in ("order of the list", "cross-validated", "oracle", "chrF2|nrefs:1", "weights: model "):
        assert word in done.stderr
    record = json.loads(weights.read_text())["tuned"]
    assert record["start"] <= record["tuned"] <= record["oracle"]
    written = succeed("rerank", *three(folder), *texts(folder), "--weights", weights)
    assert written.count("\n") == LINES
    best.write_text(written, encoding="utf-8")
    scored = json.loads(
        succeed("evaluate", "--hypothesis", best, "--reference", folder / "reference", "--measure", "chrf", "--json")
    )
    assert scored["chrf"]["score"] == record["tuned"]
    assert scored["chrf"]["signature"] == record["signature"]
    assert succeed("rerank", "--features", features, "--weights", weights) == written  # without any model
    again = tmp_path / "again.json"
    assert succeed("rerank", "--features", features, *tuning[:-1], 0, "--save-weights", again, "-o", "-") == written
    assert json.loads(again.read_text())["weights"] == json.loads(weights.read_text())["weights"]


def test_lists_come_in_the_new_order(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    printed = succeed("rerank", "--language-model", folder / "lm", *texts(folder), "--n-best-output", new)
    rows = [row.split("\t") for row in read(new)]
    groups = [[row for row in rows if row[0] == str(number)] for number in range(1, LINES + 1)]
    assert [group[0][2] for group in groups] == printed.split("\n")[:-1]
    assert all(group == sorted(group, key=lambda row: -float(row[1])) for group in groups)
    assert sorted(row[2] for row in rows) == sorted(row.split("\t")[2] for row in read(folder / "list"))
    assert succeed("rerank", "--source", folder / "source", "--n-best", new) == printed  # its scores alone
    only_list = ("--weight", "language_model=0")
    assert succeed("rerank", "--language-model", folder / "lm", "--source", folder / "source", "--n-best", new,
                   *only_list) == printed  # fmt: skip


def test_a_list_of_nmt_translate_from_standard_input(folder: Path) -> None:
    made = succeed("translate", folder / "direct", folder / "source", "--n-best", 2, "--beam", 2)
    best = succeed("rerank", folder / "direct", "--source", folder / "source", "--n-best", "-", given=made)
    assert best.count("\n") == LINES
    assert best.split("\n")[BLANK] == ""


def test_presets_and_single_weights(folder: Path, tmp_path: Path) -> None:
    preset, changed = tmp_path / "preset", tmp_path / "changed"
    channel = (*three(folder), *texts(folder), "--preset", "noisy_channel")
    succeed("rerank", *channel, "--save-weights", preset)
    found = json.loads(preset.read_text())
    assert found["weights"] == {"model": 0.929, "reverse_model": 1.0, "language_model": 0.831, "length": 0.0}
    assert found["length_penalty"] == 0.269
    succeed("rerank", *channel, "--weight", "length=2", "--length-penalty", 1, "--save-weights", changed)
    assert json.loads(changed.read_text()) == found | {
        "weights": found["weights"] | {"length": 2.0},
        "length_penalty": 1.0,
    }


def test_words_are_counted_as_when_the_weights_were_tuned(folder: Path, tmp_path: Path) -> None:
    weights, features = tmp_path / "weights", tmp_path / "features"
    arguments = ("rerank", folder / "direct", *texts(folder))
    succeed(*arguments, "--tokenize", "char", "--save-weights", weights)
    succeed(*arguments, "--weights", weights, "--save-features", features)
    assert all(int(row["length"]) == len(row["hypothesis"].replace(" ", "")) for row in table(features))
    weights.write_text(weights.read_text().replace('"char"', '"runes"'), encoding="utf-8")
    assert "weights: words: expected weights by the names" in refused(*arguments[1:], "--weights", weights).stderr


def test_a_table_keeps_the_words_that_it_counts(folder: Path, tmp_path: Path) -> None:
    features, weights, other = tmp_path / "features", tmp_path / "weights", tmp_path / "other"
    arguments = (folder / "direct", *texts(folder))
    succeed("rerank", *arguments, "--tokenize", "char", "--save-features", features)
    succeed("rerank", *arguments, "--save-weights", other)
    tuning = ("--tune", folder / "reference", "--folds", 100, "--measure", "chrf", "--save-weights", weights)
    succeed("rerank", "--features", features, *tuning)
    saved = json.loads(weights.read_text())
    assert saved["words"] == "char"
    assert saved["tuned"]["folds"] == LINES  # as many as there are lines
    for options, message in (
        (("--tokenize", "13a"), "--tokenize: expected char, which counted the length in .*features, got 13a"),
        (("--weights", other), "other: expected weights for a length in words of char, as the features have, got 13a"),
    ):
        assert re.search(message, refused("--features", features, *options).stderr)
    succeed("rerank", "--features", features, "--tokenize", "char", "--weights", weights)
    features.write_text("".join(line + "\n" for line in read(features)[:-1]), encoding="utf-8")
    assert "Has it been cut off?" in refused("--features", features).stderr


def test_each_model_has_its_feature_and_a_quantised_one_works(folder: Path, tmp_path: Path) -> None:
    quantize_model(folder / "direct/model", tmp_path / "small")
    features = tmp_path / "features"
    arguments = (folder / "direct", tmp_path / "small", *texts(folder), "--list-scores")
    succeed("rerank", *arguments, "--save-features", features)
    rows = table(features)
    assert list(rows[0])[1:5] == ["model", "model_2", "list_score", "length"]
    for row in rows:
        assert float(row["model"]) == pytest.approx(float(row["model_2"]), rel=0.1, abs=1)
    listed = [row.split("\t") for row in read(folder / "list")]
    assert [float(row["list_score"]) for row in rows] == [float(score) for _, score, _ in listed]


def test_python_has_it(folder: Path, tmp_path: Path) -> None:
    groups: dict[str, list[str]] = {}
    for row in read(folder / "list"):
        groups.setdefault(row.split("\t")[0], []).append(row.split("\t")[2])
    made = toolkit.score_n_best(
        read(folder / "source"), groups.values(), models=[folder / "direct"], language_models=[folder / "lm"]
    )
    weights = toolkit.RerankingWeights(weights={"model": 1, "language_model": 0.5})
    arguments = (folder / "direct", "--language-model", folder / "lm", *texts(folder))
    printed = succeed("rerank", *arguments, "--weight", "language_model=0.5")
    assert weights.best(made) == printed.split("\n")[:-1]
    tuned = toolkit.tune_weights(made, read(folder / "reference"), start=weights, folds=0)
    saved = tmp_path / "weights"
    tuning = ("--tune", folder / "reference", "--folds", 0, "--save-weights", saved)
    succeed("rerank", *arguments, "--weight", "language_model=0.5", *tuning)
    assert json.loads(saved.read_text())["weights"] == tuned.weights.weights
    for wrong, message in (
        ({"measure": "ter"}, "measure: expected bleu or chrf, got 'ter'"),
        ({"measure": "meteor"}, "measure: expected bleu or chrf"),
        ({"seed": -1}, "seed: expected a number greater"),
        ({"folds": -1}, "folds: expected a number greater"),
        ({"start": toolkit.RerankingWeights(weights={"model": 1, "language_model": 1}, words="char")}, "of 13a, as"),
    ):
        with pytest.raises(toolkit.UserError, match=message):
            toolkit.tune_weights(made, read(folder / "reference"), **wrong)
    with pytest.raises(toolkit.UserError, match="reference: expected 24 lines, as in the table, got 1"):
        toolkit.tune_weights(made, ["a"])
    with pytest.raises(toolkit.UserError, match="23 lists of hypotheses, as many as source lines"):
        toolkit.score_n_best(["a"] * 23, [["a"]], models=[folder / "direct"])
    with pytest.raises(toolkit.UserError, match="none for line 1"):
        toolkit.score_n_best(["a"], [[]], models=[folder / "direct"])


def test_hostile_lists(folder: Path, tmp_path: Path) -> None:
    source, hostile = tmp_path / "source", tmp_path / "list"
    source.write_bytes("the cat\n\n \u200b\nthe \xff dog\n".encode("latin-1", "ignore") + b"a\n")
    hostile.write_bytes(
        b"5\t-1\t\n1\t-1\t\n1\t-2\tdie \xff Katze\r\n4\t0\t\xe2\x80\xa8x\n4\t0\t" + b"wort " * 300 + b"\n2\t0\twhat\n"
    )
    arguments = ("--source", source, "--n-best", hostile, "--language-model", folder / "lm")
    done = nmt("rerank", folder / "direct", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert len(lines) == 6
    assert lines[1:3] == ["", ""]
    assert f"lines 3 of {hostile}" in done.stderr.replace("line 3", "lines 3")
    features = tmp_path / "features"
    succeed("rerank", folder / "direct", *arguments, "--save-features", features)
    blank = next(row for row in table(features) if row["line"] == "1")
    assert blank["hypothesis"] == ""
    assert float(blank["language_model"]) < 0  # ending at once is not certain


def test_mistakes_are_named_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    short, wrong = tmp_path / "short", tmp_path / "wrong"
    short.write_text("a\nb\n", encoding="utf-8")
    wrong.write_text("1\t0\ta\n\n", encoding="utf-8")
    large = tmp_path / "large"
    large.write_text("1\t1e200\ta\n", encoding="utf-8")
    bad = tmp_path / "weights.json"
    bad.write_text('{"weights": {"model": "heavy"}}', encoding="utf-8")
    direct, lists, output = folder / "direct", texts(folder), tmp_path / "output"
    source = ("--source", folder / "source")
    for arguments, message in (
        (
            (direct, "--source", short, "--n-best", folder / "list"),
            r"list:9: expected a line number from 1 to 2.*got 3",
        ),
        ((direct, *source, "--n-best", wrong), "wrong:2: expected line number, score and hypothesis"),
        ((direct, *source), "--n-best: expected a file, or --features"),
        ((direct, *source, "--n-best", tmp_path / "no"), "no: expected a readable file"),
        ((direct, *lists, "--tune", short), r"short: expected 24 lines, as in .*source, got 2"),
        ((direct, *lists, "--seed", 3), "--seed: expected --tune"),
        ((direct, *lists, "--measure", "chrf"), "--measure: expected --tune"),
        ((direct, *lists, "--weight", "lm=1"), "--weight: expected weights of the features here .model, length."),
        ((direct, *lists, "--weight", "model=nan"), "--weight: expected FEATURE=NUMBER"),
        ((direct, *lists, "--weight", "model=-1e308"), "--weight: expected FEATURE=NUMBER"),
        ((direct, *lists, "--length-penalty", "nan"), "--length-penalty: expected a .*number"),
        ((direct, *lists, "--length-penalty", "inf"), "length-penalty"),
        ((direct, *lists, "--length-penalty", "400"), "length-penalty"),
        ((direct, *source, "--n-best", large), "large:1: expected a finite number as the score"),
        ((direct, *lists, "--weights", bad), "weights.json: weights.model: expected weights by the names"),
        ((direct, *lists, "--weights", bad, "--preset", "sum"), "either --preset or --weights"),
        ((direct, *lists, "--preset", "noisy_channel"), "the feature reverse_model, from --reverse-model"),
        ((direct, *lists, "--reverse-model", direct), "a reverse model, from de to en, got one from en to de"),
        ((folder / "lm", *lists), "lm: expected a translation model"),
        ((direct, *lists, "--language-model", direct), "direct: expected a language model"),
        ((direct, "--features", short), "MODEL: expected nothing with --features.* got /.*direct[.]"),
        (("--features", short), "short: expected a table of features"),
        ((direct, *lists, "--save-features", tmp_path / "wrong/x"), "wrong"),
        (("--source", "-", "--n-best", "-", direct), "standard input for only one file"),
    ):
        done = refused(*arguments, "-o", output)
        assert re.search(message, done.stderr), done.stderr
        assert not output.exists()
    unscored = tmp_path / "unscored"
    unscored.write_text("".join(f"{number}\ta\n" for number in range(1, LINES + 1)), encoding="utf-8")
    assert "scores in the list, got none" in refused(*source, "--n-best", unscored).stderr
    assert "a list without" in refused(direct, *source, "--n-best", unscored, "--list-scores").stderr


def test_outputs_have_places_of_their_own(folder: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "../" / tmp_path.name / "one"
    for outputs, message in (
        (("--n-best-output", "-"), "--n-best-output: expected another file than that of --output, got standard output"),
        (("-o", "-", "--save-weights", "-"), "--save-weights: expected another file than that of --output"),
        (("-o", one, "--n-best-output", other), "--n-best-output: expected another file than that of --output"),
        (("--save-features", one, "--save-weights", one), "--save-weights: .* than that of --save-features"),
    ):
        assert re.search(message, refused(folder / "direct", *texts(folder), *outputs).stderr)
        assert not one.exists()
    succeed("rerank", *texts(folder), "-o", "/dev/null", "--n-best-output", "/dev/null")


def test_a_missing_scipy_is_named_before_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    done = refused(folder / "direct", *texts(folder), "--tune", folder / "reference")
    assert "pip install 'nmt-toolkit[tune]'" in done.stderr
    succeed("rerank", folder / "direct", *texts(folder))
