"""Compares the automata of trained models with the smallest automata of Tomita's grammars; prints a Markdown table.

    python recipes/studies/state_regularized/equivalence.py RUN [RUN ...] [--method count|query] [--dot FOLDER]

RUN: a run folder of `recipes/studies/tasks/tomita.yaml`, such as those that the study makes below
`runs/studies/state_regularized_tomita/tomita_input_answer/`. Equivalent means that the two answer every string of at
least one symbol alike, however long, which is decided on the automata themselves. The empty string is left out: a line
of text is never empty, so no model is taught about it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from data_prep.synthetic.tomita import GRAMMARS, Tomita
from nmt.automata.automaton import Automaton
from nmt.automata.drawing import as_dot
from nmt.bundle import load_bundle
from nmt.inference.extraction.alphabet import named_alphabet
from nmt.inference.extraction.extract import Method
from nmt.inference.extraction.reader import SymbolReader
from nmt.inference.extraction.report import Report, extracted
from nmt.recipe import load_recipe


def first_difference(ours: Automaton, reference: Automaton) -> tuple[str, ...] | None:
    """A shortest string of at least one symbol that the two answer differently; None if there is none."""
    found = []
    for symbol in reference.symbols:
        rest = _after(ours, symbol).difference(_after(reference, symbol))
        if rest is not None:
            found.append((symbol, *rest))
    return min(found, key=len, default=None)


def _after(automaton: Automaton, symbol: str) -> Automaton:
    return replace(automaton, start=automaton.end([symbol]))


def grammar_of(run: Path) -> int:
    """The grammar that a run was taught."""
    corpus = load_recipe(run / "recipe.yaml").corpus
    if not isinstance(corpus, Tomita):
        raise SystemExit(f"{run}: expected a run of the corpus tomita, found {corpus.kind}")
    return corpus.grammar


def report_of(run: Path, method: Method) -> Report:
    """The automaton of a run's model."""
    bundle = load_bundle(run)
    reader = SymbolReader(bundle.model, bundle.metadata.task, str(run))
    symbols = named_alphabet(bundle.tokenizers.target, " ".join(GRAMMARS[1].symbols), "--symbols")
    return extracted(reader, symbols, method, None, seed=1)


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    options.add_argument("--method", choices=("count", "query"), default="count")
    options.add_argument("--dot", type=Path, metavar="FOLDER", help="write each automaton for Graphviz, as RUN.dot")
    given = options.parse_args()
    print("| run | grammar | states | of the smallest automaton | agreement with the model | equivalent |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for run in given.runs:
        grammar = grammar_of(run)
        reference, report = GRAMMARS[grammar], report_of(run, given.method)
        difference = first_difference(report.minimal, reference)
        verdict = "yes" if difference is None else f"no: {' '.join(difference)}"
        agreement = 100 * report.agreement.equal / report.agreement.strings
        sizes = f"{len(report.minimal)} | {len(reference)}"
        print(f"| {run.name} | {grammar} | {sizes} | {agreement:.2f} % | {verdict} |", flush=True)
        if given.dot is not None:
            given.dot.mkdir(parents=True, exist_ok=True)
            (given.dot / f"{run.name}.dot").write_text(as_dot(report.minimal), encoding="utf-8")


if __name__ == "__main__":
    main()
