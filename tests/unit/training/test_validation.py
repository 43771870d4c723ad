"""What a validation measures, and what it need not do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch

from nmt.data.batch import collate
from nmt.evaluation.measures import MeasureName
from nmt.training.distributed import World
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.validation import ValidationSet, chosen_measures, validate
from tests.unit.training.driver import SMALL, prepared, sentences

ALONE = World(0, 1, torch.device("cpu"))


def validation_set(directory: Path, names: Iterable[MeasureName], calls: list[int]) -> ValidationSet:
    """The driver's, with the references as translations."""
    store, _ = prepared(directory)
    sources, references = sentences(20)

    def translate(model: torch.nn.Module, lines: Sequence[str]) -> list[str]:
        calls.append(len(lines))
        return references

    return ValidationSet(store, sources, references, translate, chosen_measures(names))


def test_measures_of_tokens_are_those_of_teacher_forcing(tmp_path: Path) -> None:
    calls: list[int] = []
    data = validation_set(tmp_path, ["token_accuracy", "perplexity", "bits_per_character"], calls)
    torch.manual_seed(3)
    model, shares = SMALL.build(60, 60), list[float]()
    found = validate(model, data, ALONE, shares.append)
    assert not calls
    assert not found.samples
    assert shares == sorted(shares)
    pairs = range(len(data.store))
    batch = collate([data.store.source(i) for i in pairs], [data.store.target(i) for i in pairs])
    model.eval()
    with torch.no_grad():
        loss = float(cross_entropy(model, batch, 0.0).likelihood) / batch.target_tokens
        logits = model.decode(
            batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask)
        ).logits
    right = int(((logits.argmax(-1) == batch.target_output) & batch.target_mask).sum())
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.measures["perplexity"] == math.exp(found.loss)
    characters = sum(len(line) + 1 for line in data.references)
    bits = loss * batch.target_tokens / math.log(2)
    assert found.measures["bits_per_character"] == pytest.approx(bits / characters)
    assert found.measures["token_accuracy"] == pytest.approx(100 * right / batch.target_tokens, abs=0.2)


def test_measures_of_text_are_those_of_the_translations(tmp_path: Path) -> None:
    calls: list[int] = []
    data = validation_set(tmp_path, ["exact_match", "ter", "perplexity"], calls)
    shares: list[float] = []
    found = validate(SMALL.build(60, 60), data, ALONE, shares.append)
    assert calls == [20]
    assert list(found.measures) == ["exact_match", "ter", "perplexity"]
    assert (found.measures["exact_match"], found.measures["ter"]) == (100.0, 0.0)
    assert found.measures["perplexity"] == math.exp(found.loss)
    assert [sample.hypothesis for sample in found.samples] == list(data.references[:3])
    assert found.worded() == f"perplexity {math.exp(found.loss):.2f}  exact match 100.00  TER 0.00"


@dataclass(frozen=True)
class Beside(World):
    """One of two processes, played by threads, that exchange only what they gather."""

    barrier: Barrier = field(default_factory=lambda: Barrier(2))
    parts: dict[int, Sequence[Any]] = field(default_factory=dict)

    def sum(self, tensor: torch.Tensor) -> None:
        """Nothing: the loss is not looked at."""

    def gather(self, items: Sequence[Any]) -> list[Any]:
        self.parts[self.rank] = items
        self.barrier.wait()
        total = sum(map(len, self.parts.values()))
        merged = [self.parts[index % 2][index // 2] for index in range(total)]
        self.barrier.wait()
        return merged


def test_processes_share_whole_documents(tmp_path: Path) -> None:
    sources = ["a", "b", "", "c", "", "", "d", "e", "f"]
    asked: list[list[str]] = []

    def translate(model: torch.nn.Module, lines: Sequence[str]) -> list[str]:
        asked.append(list(lines))
        return [line.upper() for line in lines]

    data = replace(
        validation_set(tmp_path, ["exact_match"], []),
        sources=sources,
        references=[line.upper() for line in sources],
        translate=translate,
        documents=True,
    )
    first = Beside(0, 2, torch.device("cpu"))
    models = [SMALL.build(60, 60) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        found = list(
            threads.map(lambda world, model: validate(model, data, world), (first, replace(first, rank=1)), models)
        )
    assert sorted(asked) == [["a", "b", "", "d", "e", "f"], ["c", "", ""]]
    assert [validation.measures["exact_match"] for validation in found] == [100.0, 100.0]
