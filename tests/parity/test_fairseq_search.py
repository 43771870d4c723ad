"""Our beam search with fairseq's scoring finds what fairseq's SequenceGenerator finds with the same weights."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nmt.data.batch import Batch, collate
from nmt.interop.fairseq import FAIRSEQ_SPECIAL
from nmt.search.base import Hypothesis
from nmt.search.options import BeamSearch
from nmt.tokenizer.base import SPECIAL
from tests.parity.reference import TWINS, Model, make_random, padded_left, their_loss, their_sample

VOCABULARY = 1000
LIMIT = 40
SCORE_TOLERANCE = 1e-5

TRAINED = ["transformer-pre-norm-output-tied", "convs2s", "luong-bidirectional"]


@dataclass(frozen=True)
class Pair:
    """One model in both toolkits, both in evaluation mode."""

    theirs: nn.Module
    ours: Model


@pytest.fixture(scope="module")
def corpus(multi30k: Path) -> dict[str, list[list[int]]]:
    """Word ids: train.en, train.de (5,000 sentences) and val.en (200); what is not frequent is unknown."""
    texts = {
        f"{split}.{language}": _words(multi30k / f"{split}.{language}.gz", count)
        for split, count in (("train", 5000), ("val", 200))
        for language in ("en", "de")
    }
    ids: dict[str, list[list[int]]] = {}
    for language in ("en", "de"):
        counts = Counter(word for line in texts[f"train.{language}"] for word in line)
        vocabulary = {word: place for place, (word, _) in enumerate(counts.most_common(VOCABULARY - 4), start=4)}
        for name in (f"train.{language}", f"val.{language}"):
            ids[name] = [[vocabulary.get(word, SPECIAL.unk) for word in line] for line in texts[name]]
    return ids


@pytest.fixture(scope="module", params=TRAINED)
def trained(request: pytest.FixtureRequest, corpus: dict[str, list[list[int]]]) -> Pair:
    """A model that fairseq trained for long enough to give each sentence a translation of its own."""
    torch.manual_seed(3)
    twins = replace(TWINS[request.param], source_vocabulary=VOCABULARY, target_vocabulary=VOCABULARY)
    theirs = twins.theirs().train()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=5e-3, betas=(0.9, 0.98))
    pairs = list(zip(corpus["train.en"], corpus["train.de"], strict=True))
    by_length = sorted((pair for pair in pairs if max(map(len, pair)) < LIMIT), key=lambda pair: -len(pair[0]))
    for start in torch.randint(0, len(by_length) - 32, (250,)).tolist():
        loss = their_loss(theirs, collate(*zip(*by_length[start : start + 32], strict=True)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
    return Pair(theirs.eval(), twins.ours(theirs).eval())


@pytest.mark.slow
@pytest.mark.parametrize("length_penalty", [1.0, 0.6])
def test_the_same_translations_of_multi30k(
    trained: Pair, corpus: dict[str, list[list[int]]], length_penalty: float
) -> None:
    options = BeamSearch(
        beam=5,
        length_penalty=length_penalty,
        length_normalization="power",
        early_stopping=True,
        min_length=1,
        max_length_factor=0.0,
        max_length_offset=LIMIT,
    )
    sources = sorted(corpus["val.en"], key=len, reverse=True)
    translations = set()
    for start in range(0, len(sources), 25):
        batch = _sources(sources[start : start + 25])
        theirs = _their_search(trained.theirs, batch, len_penalty=length_penalty, max_len_a=0, max_len_b=LIMIT)
        for reference, own in zip(theirs, _search(trained.ours, batch, options), strict=True):
            assert own.tokens == reference[0].tokens
            assert own.score == pytest.approx(reference[0].score, abs=SCORE_TOLERANCE)
            translations.add(own.tokens)
    assert len(translations) > 100, "the model has learned too little for this to prove anything"


@pytest.mark.parametrize("name", ["transformer-post-norm", "convs2s", "luong-widths-all-tied"])
def test_the_same_length_limit(name: str) -> None:
    """fairseq's max_len_a and max_len_b count the source with its EOS, ours without; neither counts the target's."""
    twins = TWINS[name]
    theirs = make_random(twins.theirs()).eval()
    ours = twins.ours(theirs).eval()
    options = BeamSearch(beam=5, length_penalty=1.0, length_normalization="power", min_length=1, max_length_factor=1.0)
    for length in (1, 4, 9):
        # one by one: fairseq counts the padding of a batch too
        batch = _sources([torch.randint(4, 50, (length,)).tolist()])
        [reference] = _their_search(theirs, batch, max_len_a=1, max_len_b=3, tokens_to_suppress=("<s>",))
        [own] = _search(ours, batch, options.model_copy(update={"max_length_offset": 4}))
        assert own.tokens == reference[0].tokens
        assert len(own.tokens) == length + 4


def _words(path: Path, count: int) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.lower().replace(".", " .").replace(",", " ,").split() for line in islice(lines, count)]


def _sources(sentences: Sequence[Sequence[int]]) -> Batch:
    """Padded left, as fairseq does; without targets."""
    return padded_left(collate(sentences, [[]] * len(sentences)))


def _search(model: Model, batch: Batch, options: BeamSearch) -> list[Hypothesis]:
    return [best for best, *_ in options.search(model, batch.source, batch.source_mask)]


def _their_search(model: nn.Module, batch: Batch, **options: Any) -> list[list[Hypothesis]]:
    """What fairseq's generator finds with beam 5, five hypotheses per sentence, best first.

    Its defaults otherwise.
    """
    from fairseq.sequence_generator import SequenceGenerator

    generator = SequenceGenerator([model], model.get_submodule("decoder").dictionary, beam_size=5, **options)
    return [
        [_hypothesis(found["tokens"].tolist(), float(found["score"]), found["positional_scores"]) for found in sentence]
        for sentence in generator.generate([model], their_sample(batch))
    ]


def _hypothesis(tokens: list[int], score: float, log_probabilities: Tensor) -> Hypothesis:
    *words, end = tokens
    assert end == FAIRSEQ_SPECIAL.eos
    ours = tuple(SPECIAL.unk if word == FAIRSEQ_SPECIAL.unk else word for word in words)
    return Hypothesis(ours, score, float(log_probabilities.sum()))
