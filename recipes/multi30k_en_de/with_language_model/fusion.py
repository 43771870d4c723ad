"""Measures what shallow fusion gains; prints a Markdown table of the validation set and one of the test set.

    python recipes/multi30k_en_de/with_language_model/fusion.py RUN [RUN ...] --language-model LM

RUN: run folders of translation models, whose cleaned validation and test sets are read. For each of them, the weight
with the highest validation BLEU is chosen, and only that one is tried on the test set. The weight 0 is the model alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nmt
from nmt.evaluation.measures import MeasureName
from nmt.evaluation.scores import scores
from nmt.evaluation.significance import paired_bootstrap
from nmt.text import read_lines

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
MEASURES: tuple[MeasureName, ...] = ("bleu", "chrf", "ter")


@dataclass(frozen=True)
class Pairs:
    """A held-out set of a run."""

    sources: list[str]
    references: list[str]


def held_out(run: Path, name: str) -> Pairs:
    """The cleaned set of this name."""
    metadata = nmt.load(run, precision="fp32").metadata
    sides = [run / "prepare" / f"{name}.{code}" for code in (metadata.source_language, metadata.target_language)]
    return Pairs(*map(list, map(read_lines, sides)))


def translated(run: Path, language_model: Path, weight: float, sources: Sequence[str]) -> list[str]:
    """Translations of the sources, with the run's own search."""
    model = nmt.load(run, language_model=language_model, language_model_weight=weight, precision="fp32")
    return [translation.text for translation in model.translate(sources)]


def row(name: str, pairs: Pairs, lines: Sequence[str], note: str = "") -> str:
    """A row of the table."""
    found = scores(lines, [pairs.references], "sources", "13a", MEASURES)
    values = " | ".join(f"{found[measure].value:.2f}" for measure in MEASURES)
    length = sum(len(line.split()) for line in lines) / sum(len(line.split()) for line in pairs.references)
    return f"| {name} | {values} | {length:.3f} | {note} |"


def heading(text: str) -> Iterator[str]:
    """The head of a table."""
    yield from (
        "",
        text,
        "",
        "| model and weight | BLEU | chrF | TER | length | |",
        "| --- | --- | --- | --- | --- | --- |",
    )


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs="+", type=Path)
    options.add_argument("--language-model", type=Path, required=True)
    options.add_argument("--weights", nargs="+", type=float, default=WEIGHTS)
    options.add_argument("--test", default="test_2016_flickr")
    given = options.parse_args()
    chosen: dict[Path, float] = {}
    for line in heading("validation"):
        print(line, flush=True)
    for run in given.runs:
        pairs, found = held_out(run, "validation"), dict[float, float]()
        for weight in given.weights:
            lines = translated(run, given.language_model, weight, pairs.sources)
            found[weight] = scores(lines, [pairs.references], "sources", "13a", ("bleu",))["bleu"].value
            print(row(f"{run.name}, {weight:g}", pairs, lines), flush=True)
        chosen[run] = max(found, key=found.__getitem__)
    for line in heading(given.test):
        print(line, flush=True)
    for run, weight in chosen.items():
        pairs = held_out(run, given.test)
        alone = translated(run, given.language_model, 0.0, pairs.sources)
        fused = translated(run, given.language_model, weight, pairs.sources)
        print(row(f"{run.name}, 0", pairs, alone), flush=True)
        (compared,) = paired_bootstrap(alone, fused, [pairs.references], "13a", measures=("bleu",))
        print(row(f"{run.name}, {weight:g}", pairs, fused, f"p = {compared.p_value:.3f}"), flush=True)


if __name__ == "__main__":
    main()
