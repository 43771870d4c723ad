"""A first recipe for a user's own files, with the reasons for its settings as comments."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmt.languages import language_name
from nmt.recipe.fit import Fit, Machine, Size, Text

MODELS: Mapping[Size, Mapping[str, str | int]] = {
    "tiny": {"preset": "tiny"},
    "small": {"model_dim": 256, "feedforward_dim": 1024, "heads": 4, "encoder_layers": 4, "decoder_layers": 4},
    "iwslt": {"preset": "iwslt"},
    "base": {"preset": "base"},
}
"""The section `model` of each size."""

_MODEL_REASONS: Mapping[Size, str] = {
    "tiny": "4+4 layers, width 128: a larger model would memorise so few sentences.",
    "small": "4+4 layers, width 256. On a GPU, {pairs} pairs would get a larger model.",
    "iwslt": "6+6 layers, width 512, feed-forward 1024.",
    "base": "6+6 layers, width 512, feed-forward 2048: the model of Vaswani et al. (2017).",
}
_PLAIN = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_/.+-]*")

TextFiles = tuple[Path, ...]
"""A source and a target file, or one file of tab-separated pairs."""


@dataclass(frozen=True)
class Plan:
    """Languages and files of the recipe."""

    source: str
    """Code of the source language."""
    target: str
    """Code of the target language."""
    label: str
    """Name of the corpus in the run folder."""
    training: TextFiles
    validation: TextFiles | None
    tests: Mapping[str, TextFiles]


def starter_recipe(plan: Plan, text: Text, machine: Machine, fit: Fit, folder: Path) -> str:
    """The recipe as YAML.

    Args:
        plan: languages and files.
        text: statistics of the training text.
        machine: the machine to train on.
        fit: the settings.
        folder: the recipe's folder, where its relative paths start.
    """
    sections = (
        _heading(plan, text, machine),
        _corpus(plan, fit, folder.resolve()),
        _tokenizer(fit),
        _model(text, fit),
        _training(machine, fit),
        _search(fit),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _heading(plan: Plan, text: Text, machine: Machine) -> Iterator[str]:
    yield f"# {language_name(plan.source)} -> {language_name(plan.target)}, {text.pairs:,} pairs of lines."
    yield "#"
    yield f"# Written by `nmt init` for this much text and for {described(machine)}. It is a starting point: any number"
    yield "# can be changed, here or on the command line (nmt run RECIPE training.updates=500)."
    yield "# `nmt recipe show RECIPE` prints the recipe with every option and its description."


def _corpus(plan: Plan, fit: Fit, folder: Path) -> Iterator[str]:
    yield "corpus:"
    yield "  kind: files"
    yield "  # The run goes to runs/<label>_<source>_<target>/."
    yield f"  label: {_scalar(plan.label)}"
    yield f"  source: {_scalar(plan.source)}"
    yield f"  target: {_scalar(plan.target)}"
    yield "  # Paths are relative to this file's folder. For more text, add lines to the list."
    yield "  training:"
    yield f"    - {_files(plan.training, folder)}"
    if plan.validation:
        yield "  # Measures the model during training and selects the weights to keep."
        yield f"  validation: {_files(plan.validation, folder)}"
    else:
        yield "  # No validation set was given: so many pairs, with all copies, are held out of the training text."
        yield f"  validation_pairs: {fit.validation_pairs}"
    if plan.tests:
        yield "  # Translated and scored at the end; they influence no choice."
        yield "  tests:"
        for name, files in plan.tests.items():
            yield f"    {_scalar(name)}: {_files(files, folder)}"
    else:
        yield "  # A test set is translated and scored at the end:"
        yield f"  # tests: {{news: {{source: news.{plan.source}, target: news.{plan.target}}}}}"


def _tokenizer(fit: Fit) -> Iterator[str]:
    yield "tokenizer:"
    yield "  # Pieces of both languages together, including 256 bytes that spell unknown characters. The less text,"
    yield "  # the fewer pieces are frequent enough to be learnt."
    yield f"  vocabulary_size: {fit.vocabulary}"
    yield "  # ’ in the source is read as ', in training and in translation."
    yield "  apostrophes: plain"


def _model(text: Text, fit: Fit) -> Iterator[str]:
    yield "model:"
    yield "  kind: transformer"
    yield f"  # {_MODEL_REASONS[fit.size].format(pairs=f'{text.pairs:,}')}"
    yield from (f"  {name}: {value}" for name, value in MODELS[fit.size].items())
    yield "  # High for little text, which the model would otherwise memorise."
    yield f"  dropout: {fit.dropout}"


def _training(machine: Machine, fit: Fit) -> Iterator[str]:
    yield "training:"
    yield "  # At most; training ends earlier after `patience` validations in a row without improvement."
    yield f"  updates: {fit.updates}"
    yield f"  patience: {fit.patience}"
    yield f"  validate_every: {fit.validate_every}"
    yield "  # Pieces per update, padding included, on the longer side of the batch: few for little text, so that an"
    yield f"  # epoch has enough updates. Split into {fit.micro_batches} parts, {_why_parts(machine)}."
    yield f"  batch_tokens: {fit.batch_tokens}"
    yield f"  micro_batches: {fit.micro_batches}"
    yield "  optimizer: {kind: adam, betas: [0.9, 0.98]}"
    yield "  schedule:"
    yield "    # The rate rises to its peak during warm-up, then falls with the inverse square root of the update."
    yield "    # Small models tolerate a high peak."
    yield "    kind: inverse_sqrt"
    yield f"    learning_rate: {fit.learning_rate}"
    yield f"    warmup_updates: {fit.warmup}"


def _search(fit: Fit) -> Iterator[str]:
    yield "search:"
    yield "  kind: beam"
    yield f"  beam: {4 if fit.size == 'base' else 5}"
    yield "  # Higher values favour longer translations; try 0.6 and 1.0 on the validation set."
    yield f"  length_penalty: {0.6 if fit.size == 'base' else 1.0}"


def described(machine: Machine) -> str:
    """The machine in words."""
    if machine.gpu:
        return "a GPU"
    return "one CPU core" if machine.cores == 1 else f"{machine.cores} CPU cores"


def _why_parts(machine: Machine) -> str:
    return "each small enough for a GPU's memory" if machine.gpu else "which the CPU cores share"


def _files(files: TextFiles, folder: Path) -> str:
    names = ("tsv",) if len(files) == 1 else ("source", "target")
    paths = (_scalar(_relative(path, folder)) for path in files)
    return "{" + ", ".join(f"{name}: {path}" for name, path in zip(names, paths, strict=True)) + "}"


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.parent.resolve() / path.name, folder)


def _scalar(text: str) -> str:
    """Text as YAML, quoted if it could be misread (`no` is Norwegian, but false in YAML 1.1)."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in ("no", "yes", "on", "off", "y", "n", "true", "false", "null")
    return text if plain and not text[0].isdigit() else json.dumps(text, ensure_ascii=False)
