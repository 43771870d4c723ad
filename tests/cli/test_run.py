"""`nmt prepare`, `nmt train` and `nmt run` on a corpus of a few hundred lines and a model of a few thousand weights."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny_recipe
from tests.command import nmt as in_process
from tests.tiny_recipe import WORDS

ROOT = Path(__file__).resolve().parents[2]
RECIPE = "\n" + tiny_recipe.RECIPE + "evaluation: {samples: 2}\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path)


def write_recipe(folder: Path) -> Path:
    """A recipe and the files that it names."""
    lines = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
    for name, chosen in (("train", lines), ("validation", lines[:4]), ("test", lines[5:9])):
        pairs = "".join(f"{line}\t{line[::-1]}\n" for line in chosen)
        (folder / f"{name}.tsv").write_text(pairs, encoding="utf-8")
    path = folder / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "nmt", *map(str, arguments)]


def environment(recipe: Path) -> dict[str, str]:
    return {**os.environ, "NMT_RUNS": str(recipe.parent / "runs"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def nmt(recipe: Path, name: str, *overrides: str, code: int = 0) -> str:
    """What a command of this process says, on standard output or, where it ends with a mistake, on standard error."""
    done = in_process(name, recipe, *overrides, environment=environment(recipe))
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def directory(recipe: Path) -> Path:
    japanese = "target: ja" in recipe.read_text(encoding="utf-8")
    return recipe.parent / "runs" / ("tiny_en_ja" if japanese else "tiny_en_xx") / "small"


def report(recipe: Path) -> Any:
    return json.loads((directory(recipe) / "report.json").read_text(encoding="utf-8"))


def reused(output: str) -> set[str]:
    return {line.split()[0] for line in output.splitlines() if " reused (" in line}


def forget_what_is_newer(path: Path) -> None:
    """Makes the record of the model one of a version that had no tasks, nor text of one language."""
    record = json.loads(path.read_text(encoding="utf-8"))
    recorded = record["options"]["recipe"]
    del recorded["task"]
    for text in (
        *recorded["corpus"]["training"],
        recorded["corpus"]["validation"],
        recorded["corpus"]["tests"]["mine"],
    ):
        del text["text"]
    path.write_text(json.dumps(record), encoding="utf-8")


STAGES = {"prepare", "tokenizer", "ids", "train", "model", "translate", "evaluate"}


@pytest.mark.slow
def test_run_from_text_to_score_and_again(recipe: Path) -> None:
    output = nmt(recipe, "run")
    assert reused(output) == set()
    assert "\x1b" not in output
    assert "\r" not in output
    for words in ("BLEU", "chrF", "TER", "mine", "version:", "source ", "reference ", "hypothesis "):
        assert words in output
    found = report(recipe)
    assert found["scores"]["mine"]["bleu"]["signature"]
    assert found["scores"]["mine"]["lines"] == 4
    assert found["parameters"] == found["training"]["parameters"] > 0
    assert found["training"]["target_tokens_per_second"] > 0
    assert found["decoding"]["mine"]["target_tokens_per_second"] > 0
    assert set(found["seconds"]) == STAGES
    assert min(found["peak_memory_bytes"].values()) > 0
    assert {"nmt", "torch", "python", "platform"} <= set(found["versions"])
    metadata = json.loads((directory(recipe) / "model" / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["scores"] == found["scores"]
    told = [line for line in output.splitlines() if "nmt translate" in line][-1]
    spoken = subprocess.run(
        ["bash", "-c", told],
        env=environment(recipe),
        capture_output=True,
        text=True,
        check=True,
    )
    assert spoken.stdout.count("\n") == 1

    assert reused(nmt(recipe, "run")) == STAGES
    assert report(recipe) == found

    forget_what_is_newer(directory(recipe) / "stages" / "model.json")
    assert reused(nmt(recipe, "run")) == STAGES

    again = reused(nmt(recipe, "run", "search.beam=1"))
    assert again >= {"prepare", "tokenizer", "ids", "train"}
    assert "translate" not in again


@pytest.mark.slow
def test_prepare_then_train_then_more_updates_then_another_rate(recipe: Path) -> None:
    assert "The data is in" in nmt(recipe, "prepare")
    assert not (directory(recipe) / "train").exists()
    output = nmt(recipe, "train")
    assert reused(output) == {"prepare", "tokenizer", "ids"}
    assert str(directory(recipe) / "model") in output
    output = nmt(recipe, "train", "training.updates=10", "training.log_every=5")
    assert "updates 8 → 10; continuing" in output
    assert "resuming after update 8" in output
    output = nmt(recipe, "train", "training.updates=10", "training.seed=2")
    assert "training.seed 1 → 2; starting anew; the old train/ is kept in previous/train-" in output
    (kept,) = (directory(recipe) / "previous").glob("train-*/final.safetensors")
    assert kept.stat().st_size
    output = nmt(recipe, "train", "training.updates=10", "training.seed=2", "training.processes=2", "search.beam=3")
    assert "train" in reused(output)  # neither shapes the weights


def started(recipe: Path, *overrides: str) -> subprocess.Popen[str]:
    """A training that has written a checkpoint."""
    last = directory(recipe) / "train" / "checkpoints" / "last.safetensors"
    before = last.stat().st_ino if last.exists() else None
    process = subprocess.Popen(
        command("train", recipe, *overrides), env=environment(recipe), stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not last.exists() or last.stat().st_ino == before:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def final_weights(recipe: Path) -> bytes:
    return (directory(recipe) / "train" / "final.safetensors").read_bytes()


LONG: Sequence[str] = ("training.updates=40", "training.validate_every=1000")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a training from one end to the other."""
    recipe = write_recipe(tmp_path_factory.mktemp("uninterrupted"))
    nmt(recipe, "train", *LONG)
    return final_weights(recipe)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    recipe: Path, uninterrupted: bytes, number: signal.Signals
) -> None:
    process = started(recipe, *LONG)
    process.send_signal(number)
    output, _ = process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert ("the same command resumes from there" in output) == (number != signal.SIGKILL)
    assert not (directory(recipe) / "model").exists()
    output = nmt(recipe, "train", *LONG)
    assert "it was interrupted; continuing" in output
    assert "resuming after update" in output
    assert final_weights(recipe) == uninterrupted


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(recipe: Path) -> None:
    process = started(recipe, "training.updates=100000")
    try:
        message = nmt(recipe, "train", "training.updates=100000", code=2)
        assert f"process {process.pid}" in message
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_processes_of_our_own_and_of_torchrun_train_the_same_model(recipe: Path) -> None:
    nmt(recipe, "train", "training.processes=2")
    expected = final_weights(recipe)
    os.rename(directory(recipe), directory(recipe).with_name("ours"))  # noqa: PTH104 -- a folder
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m"]
    for again in (False, True):
        done = subprocess.run(
            [*torchrun, *command("train", recipe)[2:]],
            env=environment(recipe),
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("The model is in") == 1
        assert ("train" in reused(done.stdout)) == again
        assert final_weights(recipe) == expected


def test_only_training_runs_under_torchrun(recipe: Path) -> None:
    done = in_process("run", recipe, environment=environment(recipe) | {"WORLD_SIZE": "2"})
    assert done.returncode == 2
    assert "torchrun … -m nmt train RECIPE" in done.stderr


def test_a_mistake_in_the_data_is_told_and_leaves_nothing(recipe: Path) -> None:
    (recipe.parent / "train.tsv").write_text("no tab\n", encoding="utf-8")
    message = nmt(recipe, "run", code=2)
    assert message.startswith("nmt: ")
    assert "train.tsv:1" in message
    assert not (directory(recipe) / "prepare").exists()


@pytest.mark.slow
def test_training_goes_on_from_a_model_directory(recipe: Path) -> None:
    """Fine-tuning takes over model, tokenizer and search, says how good the start was, and keeps frozen weights."""
    nmt(recipe, "train")
    start = directory(recipe) / "model"
    text = RECIPE[: RECIPE.index("tokenizer:")] + RECIPE[RECIPE.index("training:\n") : RECIPE.index("search:")]
    tuned = recipe.with_name("tuned.yaml")
    tuned.write_text(text, encoding="utf-8")
    settings = [f"training.start_from={start}", "training.freeze=[source_embedding]", "training.best_by=loss"]
    output = nmt(tuned, "train", *settings)
    assert "update 0: validation perplexity" in output
    assert "frozen)" in output
    made = directory(recipe).with_name("tuned") / "model"
    before, after = (load_file(folder / "weights.safetensors") for folder in (start, made))
    assert torch.equal(before["source_embedding.weight"], after["source_embedding.weight"])
    assert any(not torch.equal(before[name], after[name]) for name in before)
    metadata = json.loads((made / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["provenance"]["start_from"] == str(start)
    assert reused(nmt(tuned, "train", *settings)) == {"prepare", "tokenizer", "ids", "train", "model"}
    save_file({name: tensor * 0.5 for name, tensor in before.items()}, start / "weights.safetensors")
    assert "train" not in reused(nmt(tuned, "train", *settings))  # another start, whatever its name


KANA = dict(zip(WORDS, "いち に さん よん ご ろく なな はち きゅう じゅう じゅういち じゅうに".split(), strict=True))


def validations(recipe: Path) -> list[dict[str, Any]]:
    text = (directory(recipe) / "train" / "log.jsonl").read_text(encoding="utf-8")
    return [record for record in map(json.loads, text.splitlines()) if record["event"] == "validated"]


def with_targets(recipe: Path, language: str, target: Callable[[list[str]], str]) -> None:
    """The same sentences with other translations."""
    for path in recipe.parent.glob("*.tsv"):
        sources = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        text = "".join(f"{source}\t{target(source.split())}\n" for source in sources)
        path.write_text(text, encoding="utf-8")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("target: xx", f"target: {language}"), encoding="utf-8")


SHORT: Sequence[str] = ("training.updates=40", "training.validate_every=8", "training.save_every=100")


@pytest.mark.slow
def test_where_bleu_stays_0_the_lowest_loss_is_the_best(recipe: Path) -> None:
    """One-word targets, as in inflection: 13a finds no four words in a row."""
    with_targets(recipe, "xx", lambda words: words[0] + words[1])
    output = nmt(recipe, "run", *SHORT)
    assert "BLEU (13a) was 0.0 at 3 validations in a row" in output
    found = validations(recipe)
    assert {event["bleu"] for event in found} == {0.0}
    chosen = [event for event in found if event["best"]][-1]
    assert chosen["loss"] == min(event["loss"] for event in found) < found[0]["loss"]
    assert report(recipe)["training"]["chosen"] != "best single weights (update 8)"


@pytest.mark.slow
def test_measures_are_those_that_the_recipe_names(recipe: Path) -> None:
    """With an alphabet as tokenizer: the words of the source backwards, letter by letter."""
    symbols = ("tokenizer={kind: symbols, unit: characters}", "search.max_length_offset=20")
    tokens = ("evaluation.measures=[token_accuracy, perplexity]", "training.best_by=token_accuracy")
    output = nmt(recipe, "run", *symbols, *tokens)
    assert "token accuracy" in output
    assert "BLEU" not in output
    found = validations(recipe)
    assert {event["bleu"] for event in found} == {None}
    assert not any(event["samples"] for event in found)  # nothing was translated
    assert max(event["token_accuracy"] for event in found) == report(recipe)["training"]["validation"]["token_accuracy"]
    assert list(report(recipe)["scores"]["mine"]) == ["token_accuracy", "perplexity", "lines"]
    assert {"source_vocabulary", "target_vocabulary"} <= set(report(recipe)["data"]["tokenizer"])
    model = directory(recipe) / "model"
    (recipe.parent / "text").write_text("one twoé six\n", encoding="utf-8")  # é is unknown
    assert in_process("translate", model, recipe.parent / "text").stdout.count("\n") == 1

    lines = ("evaluation.measures=[ter, exact_match]", "training.best_by=ter")
    again = nmt(recipe, "run", *symbols, *lines)
    assert reused(again) >= {"prepare", "tokenizer", "ids"}
    assert "validated again: perplexity" in again
    assert "exact match" in again
    assert list(report(recipe)["scores"]["mine"]) == ["ter", "exact_match", "lines"]


@pytest.mark.slow
def test_text_without_blanks_is_measured_by_what_divides_it(recipe: Path) -> None:
    """Japanese: by default not in the words of 13a, of which a line is one."""
    with_targets(recipe, "ja", lambda words: "".join(KANA[word] for word in words))
    settings = (*SHORT, "tokenizer.vocabulary_size=320", "evaluation.tokenize=char")
    output = nmt(recipe, "run", *settings, "search.max_length_offset=10")
    assert "tok:char" in report(recipe)["scores"]["mine"]["bleu"]["signature"]
    assert "BLEU (char) was 0.0 at 3 validations in a row" in output  # it has learned nothing yet
    assert "train" in reused(nmt(recipe, "run", *settings, "search.max_length_offset=12"))
    nmt(recipe, "run", *settings[:-1], "search.max_length_offset=10")  # auto: by the language
    assert re.search("tok:(ja-mecab|char)", report(recipe)["scores"]["mine"]["bleu"]["signature"])
    again = nmt(recipe, "run", *settings[:-1], "evaluation.tokenize=13a", "search.max_length_offset=10")
    assert "train      … (words char → 13a; continuing)" in again or "ja-mecab → 13a; continuing)" in again
    assert "validated again" in again


@pytest.mark.slow
def test_a_finished_training_is_kept_and_found_again(recipe: Path) -> None:
    nmt(recipe, "train")
    expected = final_weights(recipe)
    other = ("training.seed=2", "training.updates=100000")
    process = started(recipe, *other)
    process.kill()
    process.communicate()
    output = nmt(recipe, "train")
    assert "train" in reused(output)
    assert "back from previous/train-" in output
    assert final_weights(recipe) == expected
    (kept,) = (directory(recipe) / "previous").glob("train-*.json")  # the interrupted one, which goes on likewise
    assert json.loads(kept.read_text())["options"]["training"]["seed"] == 2


@pytest.mark.slow
def test_limits_and_choices_do_not_train_anew(recipe: Path) -> None:
    nmt(recipe, "train")
    expected = final_weights(recipe)
    output = nmt(recipe, "train", "training.updates=4")
    assert "train" in reused(output)
    assert "already further than requested" in output
    assert final_weights(recipe) == expected
    assert "starting anew" not in nmt(recipe, "train", "training.validate_every=3")
    assert final_weights(recipe) == expected
    output = nmt(recipe, "train", "training.best_by=loss", "training.average_checkpoints=1")
    assert "starting anew" not in output
    assert "resuming after update 8" in output
    assert not (directory(recipe) / "previous").exists()


@pytest.mark.slow
def test_a_run_without_test_sets_ends_well(recipe: Path) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("  tests: {mine: {tsv: test.tsv}}\n", ""))
    output = nmt(recipe, "run")
    assert "Translate a sentence of your own" in output
    assert report(recipe)["scores"] == {}
