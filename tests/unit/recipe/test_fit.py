"""The rules of `nmt init`: more text never gets less, and what they say can be trained."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.models.transformer import Transformer
from nmt.recipe import load_recipe
from nmt.recipe.fit import FEWEST_PAIRS, Machine, Text, fitted
from nmt.recipe.sizes import parameter_counts
from nmt.recipe.starter import MODELS
from nmt.shipped import shipped_recipes
from nmt.text import read_lines
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training.schedule import InverseSquareRoot
from tests.cli.model_directory import WORDS

MACHINES = st.builds(Machine, cores=st.integers(1, 128), gpu=st.booleans())
PAIRS = st.integers(FEWEST_PAIRS, 10**8)


def much(pairs: int) -> Text:
    """Text with as many different words as it may need."""
    return Text(pairs, words=10**6, characters=100)


def parameters(text: Text, machine: Machine) -> int:
    fit = fitted(text, machine)
    model = Transformer.Config.model_validate({"kind": "transformer", **MODELS[fit.size]})
    return parameter_counts(model, SentencePieceOptions(vocabulary_size=fit.vocabulary))["total"]


@given(PAIRS, PAIRS, MACHINES)
def test_more_text_never_gets_less(one: int, other: int, machine: Machine) -> None:
    less, more = (fitted(much(pairs), machine) for pairs in sorted((one, other)))
    for name in ("vocabulary", "updates", "warmup", "batch_tokens", "validation_pairs", "validate_every"):
        assert getattr(less, name) <= getattr(more, name), name
    assert less.dropout >= more.dropout


@pytest.mark.parametrize("gpu", [False, True])
def test_more_text_never_gets_a_smaller_model(gpu: bool) -> None:
    sizes = [parameters(much(pairs), Machine(2, gpu)) for pairs in (100, 3_000, 30_000, 2 * 10**5, 10**6, 5 * 10**7)]
    assert sizes == sorted(sizes)


@given(PAIRS, MACHINES)
def test_training_is_sound(pairs: int, machine: Machine) -> None:
    fit = fitted(much(pairs), machine)
    assert fit.warmup < fit.updates
    assert fit.validate_every < fit.updates
    assert fit.warmup <= fit.patience * fit.validate_every < fit.updates
    assert 2 * fit.validation_pairs <= pairs
    assert fit.batch_tokens // fit.micro_batches >= 256


@given(PAIRS, st.integers(1, 10**6), st.integers(1, 5000))
def test_the_vocabulary_fits_the_text(pairs: int, words: int, characters: int) -> None:
    """Room for every character; no more pieces than there are words to make them of."""
    fit = fitted(Text(pairs, words, characters), Machine(2, False))
    assert 260 + characters - 10 < fit.vocabulary <= 260 + characters + words


def test_as_the_recipe_that_is_known_to_work() -> None:
    """29,000 pairs get what recipes/multi30k_en_de/transformer_tiny has."""
    known = load_recipe(shipped_recipes()["multi30k_en_de/transformer_tiny"])
    fit = fitted(much(29_000), Machine(2, False))
    model = Transformer.Config.model_validate({"kind": "transformer", **MODELS[fit.size], "dropout": fit.dropout})
    assert model == known.model.model_copy(update={"preset": model.preset})
    assert fit.vocabulary == known.tokenizer.vocabulary_sizes[0]
    training, schedule = known.training, known.training.schedule
    assert isinstance(schedule, InverseSquareRoot)
    assert (fit.updates, fit.batch_tokens) == (training.updates, training.batch_tokens)
    assert (fit.learning_rate, fit.warmup) == (schedule.learning_rate, schedule.warmup_updates)


@pytest.mark.parametrize("pairs", [100, 300, 1000, 3000])
@pytest.mark.parametrize("language", ["natural", "poor"])
def test_sentencepiece_trains_that_vocabulary(pairs: int, language: str, multi30k: Path, tmp_path: Path) -> None:
    """Of real text, and of text that has two dozen words."""
    lines = [" ".join(WORDS[n % 7 : n % 23]) or "a" for n in range(pairs)]
    if language == "natural":
        lines = first_lines(multi30k / "train.en.gz", pairs)
    source, target = tmp_path / "source", tmp_path / "target"
    for path in (source, target):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    words = {word for line in lines for word in line.split()}
    text = Text(pairs, len(words), len(set("".join(words))))
    sizes = [fitted(text, machine).vocabulary for machine in (Machine(2, False), Machine(8, True))]
    for size in sizes:
        options = SentencePieceOptions(vocabulary_size=size)
        assert options.train(source, target, tmp_path).source.vocabulary_size == options.vocabulary_size
    assert fitted(replace(text, words=10**6), Machine(2, False)).vocabulary >= sizes[-1]


def first_lines(path: Path, count: int) -> list[str]:
    return list(islice(read_lines(path), count))
