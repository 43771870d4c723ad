"""Commands and recipes of the README and of the pages it links to work, and every shipped recipe runs, shrunk."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

from nmt.shipped import shipped_recipes
from tests.command import succeed
from tests.pages import PAGES, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = [path for name, path in shipped_recipes().items() if not name.startswith(("wmt14", "studies"))]
"""All but those that test_wmt14.py runs, on archives of its own, and those that test_studies.py runs."""

SHRUNK = ["training.updates=4", "training.validate_every=2", "training.precision=fp32"]
SHRUNK += ["training.batch_tokens=600", "training.processes=1"]
SHRUNK += ["search.max_length_offset=3"]  # a model that knows nothing never ends
TRANSLATES = ["search.beam=2", "search.max_length_factor=0.1"]
REFINED = ["training.refine.samples=2", "training.refine.max_length_factor=0.1", "training.batch_tokens=200"]
SOLVERS = ("encoder_solver", "decoder_solver", "gradient.solver")
FEW_ITERATIONS = [f"model.{solver}.max_iterations=3" for solver in SOLVERS]
VOCABULARY = "tokenizer.vocabulary_size=600"
OF_CORPUS = {"phrasebook": ["corpus.pairs=1500"], "pronouns": [], "multi30k": []}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(ROOT / "recipes")))
def test_every_shipped_recipe_runs(
    recipe: Path, runs: Path, little_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMT_DATA", str(little_data))
    text = recipe.read_text(encoding="utf-8")
    corpus = OF_CORPUS[recipe.relative_to(ROOT / "recipes").parts[0].split("_")[0]]
    settings = [*SHRUNK, *corpus]
    vocabulary = VOCABULARY
    tokenizer = re.search(r"directory: .*runs/(.*)/tokenizer", text)
    if tokenizer:  # the run it takes it from may have been run for itself; then it is found
        of = [*settings, *TRANSLATES, VOCABULARY]
        succeed("run", ROOT / "recipes" / f"{tokenizer[1]}.yaml", *of, "--runs", runs)
        vocabulary = f"tokenizer.directory={runs / tokenizer[1] / 'tokenizer'}"
    if "\ntask: language_model\n" in text:
        run = runs / "multi30k_de" / recipe.stem
        output = succeed("run", recipe, *settings, vocabulary, "--runs", runs)
        (scores,) = json.loads((run / "report.json").read_text())["scores"].values()
        assert {"perplexity", "word_perplexity", "bits_per_character"} < set(scores)
        assert f"generate {run / 'model'}" in output
        assert succeed("generate", run, "--lines", 2, "--max-tokens", 3).count("\n") == 2
        return
    settings += TRANSLATES
    run = runs / recipe.relative_to(ROOT / "recipes").parts[0] / recipe.stem
    start = re.search(r"start_from: runs/(.*)/model", text)
    if start:  # what it starts from may have been run for itself; then it is found
        succeed("run", ROOT / "recipes" / f"{start[1]}.yaml", *settings, VOCABULARY, "--runs", runs)
        settings += [f"training.start_from={runs / start[1] / 'model'}", *REFINED]
    else:
        settings += [vocabulary]
    if "pretraining:" in text:
        settings += ["model.pretraining.updates=1", *FEW_ITERATIONS]  # one, or that would be all
    output = succeed("run", recipe, *settings, "--runs", runs)
    report = json.loads((run / "report.json").read_text())
    assert report["scores"]
    for scores in report["scores"].values():
        assert "nrefs:1|case:mixed" in scores["bleu"]["signature"]
    command = re.search(r"echo .* \| .*nmt translate .*", output)
    assert command, output
    sentence = shlex.split(command.group())[1]
    assert succeed("translate", run / "model", "--workers", 0, given=sentence + "\n").count("\n") == 1


@pytest.mark.slow
def test_the_readmes_recipe_for_ones_own_files(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(corpus:\n.*?)```", README, flags=re.DOTALL)
    recipe = tmp_path / "small.yaml"
    recipe.write_text(block, encoding="utf-8")
    lines = [(f"the number {n} is {n % 7}", f"die Zahl {n} ist {n % 7}") for n in range(400)]
    for name, part in {"train": lines[:300], "dev": lines[300:350], "news": lines[350:]}.items():
        for side, language in enumerate(("en", "de")):
            data = "".join(f"{pair[side]}\n" for pair in part).encode()
            if name == "train":
                (tmp_path / f"{name}.{language}.gz").write_bytes(gzip.compress(data))
            else:
                (tmp_path / f"{name}.{language}").write_bytes(data)
    small = ["model.preset=tiny", "tokenizer.vocabulary_size=310"]
    assert "OK" in succeed("recipe", "check", recipe, *small)
    succeed("run", recipe, *small, *SHRUNK, *TRANSLATES, "--runs", tmp_path / "runs")
    assert (tmp_path / "runs/mine_en_de/small/translate/news").read_text().count("\n") == 50


def commands(text: str) -> list[list[str]]:
    """Every `nmt` command in the code blocks of a page, as words."""
    blocks = text.split("```")[1::2]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    calls = [re.split(r"(?:^|\| )nmt ", line.split("#")[0])[-1] for line in lines if re.search(r"(^|\| )nmt ", line)]
    return [shlex.split(call) for call in calls]


COMMANDS = {" ".join(words): words for page in PAGES for words in commands(page.read_text(encoding="utf-8"))}
"""Each command once, though several pages may show it."""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_pages_name_options_that_exist(command: str) -> None:
    words = COMMANDS[command]
    name = " ".join(words[: 2 if words[0] in ("recipe", "import", "export", "probe") else 1])
    known = succeed(*name.split(), "--help")
    options = [word for word in words if word.startswith("-") and word not in known]
    assert options == []


def test_the_readme_shows_commands() -> None:
    assert len(commands(README)) > 8
    assert "make quickstart" in README
    assert "make test" in README
