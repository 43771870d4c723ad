from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.evaluation.gleu import corpus_gleu
from nmt.evaluation.scores import scores
from nmt.evaluation.significance import paired_bootstrap

REFERENCES = [
    "Ein Mann fährt mit dem Fahrrad durch die Stadt.",
    "Zwei Kinder spielen im Garten!",
    "„Wo ist der Bahnhof?“, fragte sie.",
    "Der Hund schläft unter dem Tisch, obwohl es laut ist.",
    "",
] * 4  # fmt: skip
GOOD = [line.replace("Garten", "Park") for line in REFERENCES]
BAD = [line.lower().replace("der", "das").replace("ein", "eine") for line in REFERENCES]


def sacrebleu(directory: Path, *arguments: str) -> str:
    """What the command prints for these files."""
    for name, lines in (("reference", REFERENCES), ("good", GOOD), ("bad", BAD)):
        (directory / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "reference", *arguments, "-m", "bleu", "chrf", "ter", "-w", "10"]
    done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize(("name", "lines"), [("good", GOOD), ("bad", BAD)])
def test_scores_are_those_of_the_sacrebleu_command(name: str, lines: list[str], tmp_path: Path) -> None:
    expected = json.loads(sacrebleu(tmp_path, "-i", name, "-f", "json"))
    found = scores(lines, [REFERENCES])
    *theirs, gleu = found.all
    assert [score.name for score in theirs] == [row["name"] for row in expected]
    assert [score.value for score in theirs] == pytest.approx([row["score"] for row in expected], abs=1e-9)
    assert [score.signature for score in theirs] == [row["signature"] for row in expected]
    assert (gleu.name, gleu.value) == ("GLEU", corpus_gleu(lines, [REFERENCES]))
    assert found.json()["bleu"]["score"] == found.bleu.value


def test_paired_bootstrap_is_that_of_the_sacrebleu_command(tmp_path: Path) -> None:
    """As text: the command's own JSON fails on numpy numbers (sacrebleu 2.6)."""
    printed = sacrebleu(tmp_path, "-i", "good", "bad", "--paired-bs", "--paired-bs-n", "200", "-f", "text")
    columns = [row.split("│") for row in printed.splitlines() if "│" in row]
    _, _, second, p_values = columns
    for place, comparison in enumerate(paired_bootstrap(GOOD, BAD, [REFERENCES], samples=200), 2):
        mean, half = comparison.system_interval
        assert second[place].strip() == f"{comparison.system:.10f} ({mean:.10f} ± {half:.10f})"
        assert p_values[place].strip().rstrip("*") == f"(p = {comparison.p_value:.4f})"


def test_several_references_are_those_of_the_sacrebleu_command(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("\n".join(BAD) + "\n", encoding="utf-8")
    expected = json.loads(sacrebleu(tmp_path, "second", "-i", "good", "-f", "json"))
    found = scores(GOOD, [REFERENCES, BAD])
    *theirs, gleu = found.all
    assert [score.value for score in theirs] == pytest.approx([row["score"] for row in expected], abs=1e-9)
    assert [score.signature for score in theirs] == [row["signature"] for row in expected]
    assert all("nrefs:2" in score.signature for score in found.all)
    assert gleu.value == corpus_gleu(GOOD, [BAD, REFERENCES])
    assert corpus_gleu(GOOD, [BAD, GOOD]) == 100
    compared = paired_bootstrap(GOOD, BAD, [REFERENCES, BAD], samples=50)
    assert compared[0].baseline == found.bleu.value


def test_a_perfect_translation() -> None:
    found = scores(REFERENCES, [REFERENCES])
    assert found.bleu.value == pytest.approx(100)
    assert found.chrf.value == pytest.approx(100)
    assert found.ter.value == 0


def test_different_numbers_of_lines_are_refused() -> None:
    with pytest.raises(UserError, match=r"out\.de: expected 20 lines.*got 19 lines"):
        scores(GOOD[:-1], [REFERENCES], "out.de")
    with pytest.raises(UserError, match="expected 20 lines"):
        paired_bootstrap(GOOD, BAD[:-1], [REFERENCES])
    with pytest.raises(UserError, match="at least one line"):
        scores([], [[]])
