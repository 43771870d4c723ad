from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from nmt.cli.evaluate import command as evaluate
from nmt.cli.info import command as info
from nmt.cli.score import command as score
from nmt.errors import UserError
from nmt.evaluation.scores import scores
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.command import nmt, succeed

LINES = [ordinary_line(n) for n in range(12)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    texts = {
        "reference": LINES,
        "good": [line.replace("dog", "cat") for line in LINES],
        "bad": LINES[::-1],
        "short": LINES[:-1],
    }
    for name, lines in texts.items():
        (tmp_path / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return {name: str(tmp_path / name) for name in texts}


def run(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def test_evaluate_files(files: dict[str, str]) -> None:
    found = run(evaluate, "--hypothesis", files["good"], "--reference", files["reference"])
    expected = scores([line.replace("dog", "cat") for line in LINES], [LINES])
    assert f"{expected.bleu.value:.1f}" in found.output
    assert f"BLEU|{expected.bleu.signature}" in found.output
    assert f"{expected.gleu.value:.1f}" in found.output
    assert f"GLEU|{expected.gleu.signature}" in found.output
    as_json = run(
        evaluate, "--hypothesis", files["good"], "--reference", files["reference"], "--compare", files["bad"], "--json"
    )
    report = json.loads(as_json.output)
    assert report["bleu"] == expected.bleu.json()
    assert {row["name"] for row in report["comparison"]} == {"BLEU", "chrF2", "TER"}


def test_evaluate_by_named_measures(model: Path, files: dict[str, str]) -> None:
    compared = ("--hypothesis", files["good"], "--reference", files["reference"])
    named = ("--measure", "exact_match", "--measure", "chrf")
    report = json.loads(run(evaluate, *compared, *named, "--json").output)
    assert list(report) == ["exact_match", "chrf", "lines"]
    shown = run(evaluate, *compared, *named, "--compare", files["bad"]).output
    assert f"exact match │ {report['exact_match']['score']:.1f}" in " ".join(shown.split())
    assert "exact match|nrefs:1|case:mixed" in shown
    assert "Paired bootstrap" in shown
    assert "BLEU" not in shown
    given = ("--source", files["reference"], "--reference", files["reference"])
    of_tokens = run(evaluate, model, *given, "--measure", "perplexity", "--measure", "token_accuracy", "--json")
    assert json.loads(of_tokens.output)["perplexity"]["score"] > 1
    both = json.loads(run(evaluate, model, *given, "--measure", "perplexity", "--measure", "ter", "--json").output)
    assert both["perplexity"] == json.loads(of_tokens.output)["perplexity"]


def test_evaluate_refuses_measures_that_the_files_cannot_give(model: Path, files: dict[str, str]) -> None:
    compared = ("--hypothesis", files["good"], "--reference", files["reference"])
    with pytest.raises(UserError, match="--measure perplexity: .*MODEL"):
        run(evaluate, *compared, "--measure", "perplexity")
    with pytest.raises(UserError, match="--compare: .*bleu, chrf, ter"):
        run(evaluate, *compared, "--compare", files["bad"], "--measure", "gleu")
    twice = ("--reference", files["bad"], "--reference", files["good"])
    with pytest.raises(UserError, match="--measure token_accuracy: expected one --reference"):
        run(evaluate, model, "--source", files["good"], *twice, "--measure", "token_accuracy")
    unknown = run(evaluate, *compared, "--measure", "bluh")
    assert unknown.exit_code == 2
    assert "exact_match" in unknown.output


def test_evaluate_a_model(model: Path, files: dict[str, str]) -> None:
    found = run(
        evaluate, model, "--source", files["reference"], "--reference", files["reference"], "--json", "--beam", 1
    )
    assert json.loads(found.output)["lines"] == len(LINES)


def test_evaluate_refuses_different_lengths_before_it_translates(model: Path, files: dict[str, str]) -> None:
    with pytest.raises(UserError, match="expected 11 lines"):
        run(evaluate, model, "--source", files["reference"], "--reference", files["short"])
    with pytest.raises(UserError, match="expected 12 lines"):
        run(evaluate, "--hypothesis", files["good"], "--reference", files["reference"], "--compare", files["short"])


def test_evaluate_refuses_settings_that_have_no_effect(files: dict[str, str]) -> None:
    with pytest.raises(UserError, match="--beam"):
        run(evaluate, "--hypothesis", files["good"], "--reference", files["reference"], "--beam", 3)


def test_a_dash_is_standard_input_once(model: Path, files: dict[str, str]) -> None:
    text = Path(files["good"]).read_text(encoding="utf-8")
    scored = ("score", model, "--target", files["bad"], "--source")
    assert succeed(*scored, "-", given=text) == succeed(*scored, files["good"])
    for option in ("--hypothesis", "--reference", "--compare"):
        names = {"--hypothesis": files["good"], "--reference": files["good"], "--compare": files["good"], option: "-"}
        words = [word for pair in names.items() for word in pair]
        assert json.loads(succeed("evaluate", *words, "--json", given=text))["bleu"]["score"] == pytest.approx(100)
    refused = nmt("evaluate", "--hypothesis", "-", "--reference", "-", given=text)
    assert refused.returncode == 2
    assert "2 of them" in refused.stderr


def test_score(model: Path, files: dict[str, str]) -> None:
    found = run(score, model, "--source", files["good"], "--target", files["bad"], "--tokens").output.splitlines()
    assert len(found) == len(LINES)
    for line in found:
        total, tokens = line.split("\t")
        values = [float(token.rsplit(":", 1)[1]) for token in tokens.split(" ")]
        assert sum(values) == pytest.approx(float(total), abs=1e-4 * len(values) + 1e-4)
        assert tokens.rsplit(" ", 1)[1].startswith("</s>:")


def test_info(model: Path) -> None:
    shown = run(info, model).output
    metadata = json.loads(run(info, model, "--json").output)
    assert metadata["source_language"] == "en"
    bleu = metadata["scores"]["news"]["bleu"]
    assert f"{bleu['score']:.1f}" in shown
    assert bleu["signature"] in shown


def test_several_references(files: dict[str, str]) -> None:
    both = ("--reference", files["reference"], "--reference", files["bad"])
    report = json.loads(run(evaluate, "--hypothesis", files["good"], *both, "--json").output)
    expected = scores([line.replace("dog", "cat") for line in LINES], [LINES, LINES[::-1]])
    assert report == expected.json()
    assert "nrefs:2" in report["bleu"]["signature"]
    with pytest.raises(UserError, match="expected 11 lines"):
        run(evaluate, "--hypothesis", files["good"], "--reference", files["reference"], "--reference", files["short"])
    for flag, times in (("--hypothesis", 3), ("--compare", 2)):
        done = run(evaluate, *both, "--hypothesis", files["good"], flag, files["bad"], flag, files["good"])
        assert done.exit_code == 2
        assert f"{flag}: expected once, but given {times} times" in done.stderr.replace("'", "")


def test_identical_text_scores_100_whatever_the_language(tmp_path: Path) -> None:
    for text in (
        "三只小鸟在树上唱歌。\n猫坐着。\n",
        "猫が座っています。\n犬\n",
        "나는 학교에 갑니다.\n네\n",
        "สวัสดีครับ\nแมว\n",
    ):
        (tmp_path / "text").write_text(text, encoding="utf-8")
        found = run(evaluate, "--hypothesis", tmp_path / "text", "--reference", tmp_path / "text", "--json")
        report = json.loads(found.stdout)
        assert report["bleu"]["score"] == pytest.approx(100), text
        assert report["gleu"]["score"] == pytest.approx(100), text
        assert not found.stderr
    chinese = "三只小鸟在树上唱歌。\n"
    (tmp_path / "text").write_text(chinese, encoding="utf-8")
    by_13a = ("--hypothesis", tmp_path / "text", "--reference", tmp_path / "text", "--tokenize", "13a")
    assert "tok:13a" in run(evaluate, *by_13a).stdout
    assert "tok:zh" in run(evaluate, *by_13a[:-2]).stdout


def test_a_measure_of_0_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("eins\n", encoding="utf-8")
    (tmp_path / "b").write_text("zwei\n", encoding="utf-8")
    done = run(evaluate, "--hypothesis", tmp_path / "a", "--reference", tmp_path / "b")
    assert "BLEU" in done.stderr
    assert "--tokenize" in done.stderr or "char" in done.stderr


def test_a_blank_line_is_certain_in_every_command(model: Path, tmp_path: Path) -> None:
    for name in ("source", "target"):
        (tmp_path / name).write_text("the dog\n\n\u200b\n", encoding="utf-8")
    arguments = ("--source", tmp_path / "source", "--target", tmp_path / "target")
    scored = run(score, model, *arguments).stdout.splitlines()
    assert scored[1:] == ["0.0000", "0.0000"]
    translated = succeed("translate", model, tmp_path / "source", "--scores", "--precision", "fp32").splitlines()
    assert translated[1:] == ["0.0000\t", "0.0000\t"]
