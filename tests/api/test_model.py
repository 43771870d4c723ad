"""`nmt.load` and what a model does from Python."""

from __future__ import annotations

import io
import math
import re
import threading
from collections.abc import Callable
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import pytest
import torch

import nmt
from nmt.evaluation.scores import scores
from nmt.nn.kernels.int8_product import is_supported
from nmt.processes import script_left_alone
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.command import succeed

LINES = ["the dog sleeps.", "", "a woman reads.", "\u200b", "the house is old. the cat is red.", "x" * 300]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(directory: Path) -> nmt.Model:
    return nmt.load(directory, precision="fp32")


def exactly(found: list[nmt.Translation]) -> list[object]:
    """All that translations say, to the last bit."""
    return [(line.text, line.tokens, [(other.text, other.score.hex()) for other in line.n_best]) for line in found]


def test_a_line_is_one_translation_and_lines_are_as_many(model: nmt.Model) -> None:
    found = model.translate(LINES)
    assert [line.text for line in found] == [model.translate(line).text for line in LINES]
    assert [line.parts for line in found] == [1, 0, 1, 0, 1, found[5].parts]
    assert exactly(model.translate(iter(LINES))) == exactly(found)
    assert exactly(model.translate(io.StringIO("\n".join(LINES) + "\n"))) == exactly(found)
    assert model.translate([]) == []
    assert model.translate("a\nb").text == model.translate("a b").text


def test_it_is_what_the_command_line_gives(directory: Path, model: nmt.Model) -> None:
    output = succeed("translate", directory, "--precision", "fp32", "--scores", given="\n".join(LINES))
    assert [f"{line.score:.4f}\t{line.text}" for line in model.translate(LINES)] == output.splitlines()
    pairs = (LINES[0], LINES[2])
    (Path(directory) / "pair").write_text(pairs[0] + "\n", encoding="utf-8")
    (Path(directory) / "right").write_text(pairs[1] + "\n", encoding="utf-8")
    printed = succeed("score", directory, "--source", directory / "pair", "--target", directory / "right")
    assert f"{model.score(*pairs).log_probability:.4f}\n" == printed


def test_settings_of_the_search(model: nmt.Model) -> None:
    line = LINES[0]
    assert model.search == nmt.BeamSearch(beam=2, max_length_factor=1.0, max_length_offset=3)
    found = model.translate(line, beam=4, n_best=3)
    assert 1 <= len(found.n_best) <= 3
    assert [other.score for other in found.n_best] == sorted((other.score for other in found.n_best), reverse=True)
    whole = model.search.model_copy(update={"length_penalty": 0.0, "beam": 4})
    assert model.translate(line, search=whole) == model.translate(line, beam=4, search={"length_penalty": 0.0})
    found = model.translate(line, search={"length_penalty": 0.0})
    assert math.isclose(found.score, found.log_probability)
    sampled = nmt.Sampling(seed=3, max_length_factor=1.0)
    assert model.translate(line, search=sampled) == model.translate(line, search=sampled)
    assert len(model.translate(line, n_best=4, search=sampled).n_best) == 4
    assert model.translate(line, search={"kind": "sampling"}).text != ""


def test_attention_has_a_row_for_each_token_and_a_column_for_each_of_the_source(model: nmt.Model) -> None:
    line = ordinary_line(1)
    found = model.translate(line, attention=True)
    assert found.attention is not None
    assert found.attention.shape == (len(found.tokens), len(found.source_tokens))
    assert found.source_tokens == model.encode(line).pieces
    assert found.attention.dtype == torch.float32
    assert found.attention.min() >= 0
    assert found.attention.sum(1).max() < 1  # the rest is for the end of the sentence
    assert found == model.translate(line)
    drawn = model.translate(line, search=nmt.Sampling(seed=3, max_length_factor=1.0), attention=True)
    assert drawn.attention is not None
    assert drawn.attention.shape == (len(drawn.tokens), len(drawn.source_tokens))
    assert model.translate(line).attention is None
    blank = model.translate("", attention=True).attention
    assert blank is not None
    assert blank.shape == (0, 0)


def test_the_attention_of_a_line_in_parts_has_a_block_for_each(directory: Path) -> None:
    parts = [ordinary_line(1), ordinary_line(2)]
    found = nmt.load(directory, precision="fp32", split="on").translate([" ".join(parts), *parts], attention=True)
    assert [line.parts for line in found] == [2, 1, 1]
    whole, first, second = [line.attention for line in found]
    assert whole is not None and first is not None and second is not None  # noqa: PT018 -- for the types
    assert found[0].tokens == found[1].tokens + found[2].tokens
    assert found[0].source_tokens == found[1].source_tokens + found[2].source_tokens
    torch.testing.assert_close(whole, torch.block_diag(first, second))


def test_scores_are_log_probabilities(model: nmt.Model) -> None:
    targets = ["der hund schläft.", "", "eine frau", "x", "das haus", "y"]
    found = model.score(LINES, targets)
    assert len(found) == len(LINES)
    assert found[1].log_probability == 0.0  # blank to blank
    assert all(line.log_probability < 0 for line in (found[0], *found[2:]))
    assert found[0].pieces == model.encode(targets[0], "target").pieces
    best = model.translate(LINES[0])
    assert model.score(LINES[0], best.text).log_probability <= best.log_probability + 1e-3


def test_evaluation_is_that_of_the_translations(model: nmt.Model) -> None:
    sources, references = [ordinary_line(n) for n in range(8)], [ordinary_line(n + 1) for n in range(8)]
    found = [line.text for line in model.translate(sources)]
    assert model.evaluate(sources, references) == scores(found, [references])
    assert model.evaluate(sources, [references, found]) == scores(found, [references, found])
    assert model.evaluate(iter(sources), found).bleu.value > 99
    assert re.fullmatch(r"BLEU \d.*, chrF2 .*, TER .*, GLEU .* \(8 lines\)", str(model.evaluate(sources, found)))


def test_measures_of_tokens_need_no_translation(model: nmt.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nmt.Model, "_translator", None)
    targets = ["der hund schläft.", "", "eine frau", "x", "das haus", "y"]
    found = model.evaluate(LINES, targets, measures=["perplexity", "token_accuracy"])
    scored = [value for line in model.score(LINES, targets) for value in line.token_log_probabilities]
    assert found["perplexity"].value == pytest.approx(math.exp(-sum(scored) / len(scored)), rel=1e-5)
    assert 0 <= found["token_accuracy"].value <= 100
    assert re.fullmatch(r"perplexity \d.*, token accuracy .* \(6 lines\)", str(found))


MISTAKES: list[tuple[Callable[[Any], object], str]] = [
    (lambda model: model.evaluate(["a"], ["b"], measures=["bluh"]), "measures: expected one or more of bleu, .*'bluh'"),
    (lambda model: model.translate(b"the dog"), "text: expected several lines, each a str, got one bytes"),
    (lambda model: model.translate(Path("book")), r"text: .*open\(path"),
    (lambda model: model.translate(3), "text: expected lines, each a str, got int"),
    (lambda model: model.translate(["a", None]), "text, line 2: expected text, a str, got NoneType"),
    (lambda model: model.translate("a", beam=0), "^beam: expected a number greater than 0, got 0"),
    (lambda model: model.translate("a", n_best=3), "^n_best=3: .* needs a beam of at least 3, but beam is 2"),
    (lambda model: model.translate("a", search={"lenght_penalty": 1}), "Did you mean length_penalty"),
    (lambda model: model.translate("a", search={"temperature": 2.0}), r"search=nmt\.Sampling"),
    (lambda model: model.translate("a", beam=3, search=nmt.Sampling()), "^beam: expected an option of Sampling"),
    (lambda model: model.score("a", ["b"]), "source: expected several lines"),
    (lambda model: model.score(["a"], ["b", "c"]), "line 2: expected as many source lines as target lines"),
    (lambda model: model.evaluate(["a"], ["b", "c"]), "source: expected 2 lines"),
    (lambda model: model.evaluate("a", "b"), "source: expected several lines"),
    (lambda model: model.evaluate([], []), "at least one line"),
    (lambda model: model.workers(0), "workers: expected at least one process, got 0"),
    (lambda model: next(model.workers(1).translate(["a"])), "in a `with` block"),
    (lambda model: nmt.load(model.directory, device="toaster"), "^device: expected auto, cpu or cuda"),
    (
        lambda model: nmt.load(model.directory, precision="int9"),  # type: ignore[arg-type] # the mistake that is tested
        "^precision: expected 'auto', .* got 'int9'",
    ),
    (lambda model: nmt.load(model.directory, model_options={"dropuot": 0.1}), "^model_options .*`dropout`"),
    (lambda model: nmt.load(model.directory / "absent"), "no such directory"),
]


@pytest.mark.parametrize(("mistake", "says"), MISTAKES, ids=[says for _, says in MISTAKES])
def test_mistakes_are_worded(model: nmt.Model, mistake: Callable[[nmt.Model], object], says: str) -> None:
    with pytest.raises(nmt.UserError, match=says):
        mistake(model)


def test_options_of_the_model(directory: Path, model: nmt.Model) -> None:
    changed = nmt.load(directory, precision="fp32", model_options={"dropout": 0.3})
    assert exactly(changed.translate(LINES)) == exactly(model.translate(LINES))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_threads_get_what_each_would_get_alone(directory: Path, precision: Any) -> None:
    if precision == "int8" and not is_supported():
        pytest.skip("no 8-bit products on this CPU")
    model = nmt.load(directory, precision=precision)
    lines = [ordinary_line(number) for number in range(200)] + ["", "the dog sleeps. " * 30]
    found: dict[int, list[object]] = {}
    begin = threading.Barrier(3)

    def translate(number: int) -> None:
        begin.wait()
        found[number] = exactly(model.translate(lines, n_best=2))

    threads = [threading.Thread(target=translate, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = exactly(nmt.load(directory, precision=precision).translate(lines, n_best=2))
    assert [found[number] == alone for number in range(3)] == [True] * 3


def test_workers_give_what_the_model_gives(model: nmt.Model) -> None:
    lines = [ordinary_line(number) for number in range(20)] + LINES
    with model.workers(2, beam=3, n_best=2) as pool:
        assert exactly(list(pool.translate(lines))) == exactly(model.translate(lines, beam=3, n_best=2))
        left = pool.translate(lines)
        next(left)  # and no more: the rest is given up
        assert [found.text for found in pool.translate(LINES)] == [
            found.text for found in model.translate(LINES, beam=3)
        ]
        with pytest.raises(nmt.UserError, match="one text at a time"):
            next(left)
        with pytest.raises(nmt.UserError, match="lines: expected several lines"):
            pool.translate("the dog")
        broken: list[Any] = ["the dog", 3]
        with pytest.raises(nmt.UserError, match="lines, line 2: expected text"):
            list(pool.translate(broken))
        assert list(pool.translate([])) == []


def test_workers_do_not_run_the_callers_script_again() -> None:
    with script_left_alone():
        found = spawn.get_preparation_data("worker")
    assert not [key for key in found if key.startswith("init_main")]
