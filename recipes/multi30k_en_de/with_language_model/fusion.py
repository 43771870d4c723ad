"""Measures what shallow fusion gains; prints a Markdown table of the validation set and one of the test set.

    python recipes/multi30k_en_de/with_language_model/fusion.py RUN [RUN ...] --language-model LM

RUN: run folders of translation models, whose cleaned validation and test sets are read. A language model makes
translations shorter, so the length penalty is chosen together with its weight. For each model, the settings with the
highest validation BLEU are tried on the test set; so are the best ones at weight 0, that is, of the model alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import nmt
from nmt.bundle import read_metadata
from nmt.evaluation.measures import MeasureName
from nmt.evaluation.scores import scores
from nmt.evaluation.significance import paired_bootstrap
from nmt.text import read_lines

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3)
PENALTIES = (0.6, 0.8, 1.0, 1.1, 1.2)
MEASURES: tuple[MeasureName, ...] = ("bleu", "chrf", "ter")


@dataclass(frozen=True)
class Pairs:
    """A held-out set of a run."""

    sources: list[str]
    references: list[str]


def held_out(run: Path, name: str) -> Pairs:
    """The cleaned set of this name."""
    metadata = read_metadata(run)
    sides = [run / "prepare" / f"{name}.{code}" for code in (metadata.source_language, metadata.target_language)]
    return Pairs(*map(list, map(read_lines, sides)))


class Settings(NamedTuple):
    """What is chosen on the validation set."""

    weight: float
    """Of the language model."""
    penalty: float
    """Alpha of the length normalisation."""


def translated(run: Path, language_model: Path, settings: Settings, sources: Sequence[str]) -> list[str]:
    """Translations of the sources, otherwise with the run's own search."""
    model = nmt.load(run, language_model=language_model, language_model_weight=settings.weight, precision="fp32")
    found = model.translate(sources, search={"length_penalty": settings.penalty})
    return [translation.text for translation in found]


def row(run: Path, settings: Settings, pairs: Pairs, lines: Sequence[str], note: str = "") -> str:
    """A row of the table."""
    found = scores(lines, [pairs.references], "sources", "13a", MEASURES)
    values = " | ".join(f"{found[measure].value:.2f}" for measure in MEASURES)
    length = sum(len(line.split()) for line in lines) / sum(len(line.split()) for line in pairs.references)
    return f"| `{run.name}` | {settings.weight:g} | {settings.penalty:g} | {values} | {length:.3f} | {note} |"


def heading(text: str) -> Iterator[str]:
    """The head of a table."""
    columns = "| model | weight | length penalty | BLEU | chrF | TER | length | |"
    yield from ("", text, "", columns, f"|{' --- |' * 8}")


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs="+", type=Path)
    options.add_argument("--language-model", type=Path, required=True)
    options.add_argument("--weights", nargs="+", type=float, default=WEIGHTS)
    options.add_argument("--length-penalties", nargs="+", type=float, default=PENALTIES)
    options.add_argument("--test", default="test_2016_flickr")
    given = options.parse_args()
    grid = [Settings(*both) for both in product(given.weights, given.length_penalties)]
    chosen: dict[Path, tuple[Settings, Settings]] = {}
    for line in heading("validation"):
        print(line, flush=True)
    for run in given.runs:
        pairs, found = held_out(run, "validation"), dict[Settings, float]()
        for settings in grid:
            lines = translated(run, given.language_model, settings, pairs.sources)
            found[settings] = scores(lines, [pairs.references], "sources", "13a", ("bleu",))["bleu"].value
            print(row(run, settings, pairs, lines), flush=True)
        alone = max((each for each in grid if each.weight == 0.0), key=found.__getitem__)
        chosen[run] = alone, max((each for each in grid if each.weight > 0.0), key=found.__getitem__)
    for line in heading(given.test):
        print(line, flush=True)
    for run, (alone, fused) in chosen.items():
        pairs = held_out(run, given.test)
        lines, helped = (translated(run, given.language_model, each, pairs.sources) for each in (alone, fused))
        (compared,) = paired_bootstrap(lines, helped, [pairs.references], "13a", measures=("bleu",))
        print(row(run, alone, pairs, lines), flush=True)
        print(row(run, fused, pairs, helped, f"p = {compared.p_value:.3f}"), flush=True)


if __name__ == "__main__":
    main()
