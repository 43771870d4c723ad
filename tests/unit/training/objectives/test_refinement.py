"""Refinement: the gradient of the expected reward, exactly none where all rewards are equal, and reproducible."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nmt.data.batch import Batch, collate
from nmt.data.store import PairStore
from nmt.evaluation.gleu import gleus, words
from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.gnmt import GNMT
from nmt.models.transformer import Transformer
from nmt.pipeline.objective import make_gleu, make_objective
from nmt.search import Sampling
from nmt.search.sampling import draw_samples
from nmt.tokenizer.base import SPECIAL, TokenizerPair
from nmt.training import Training
from nmt.training.distributed import World
from nmt.training.log import Progress
from nmt.training.objectives import Refinement
from nmt.training.objectives.base import Drawn, Reward
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.objectives.refinement import Refiner
from nmt.training.optimizer import SGD
from nmt.training.tally import Tally, TallyTensor
from tests.contract.listed import MODELS
from tests.unit.training.driver import Silence, final_weights, options, prepared, refining, trainer
from tests.unit.training.runs import run_two_processes

Model = EncoderDecoder[Any, Any]

VOCABULARY = 7
SHORT: dict[str, Any] = {"max_length_factor": 0.0, "max_length_offset": 2}
TINY: dict[str, ModelConfig] = {
    "transformer": Transformer.Config(
        model_dim=8, feedforward_dim=8, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0
    ),
    "gnmt": GNMT.Config(model_dim=8, encoder_layers=2, decoder_layers=2, dropout=0.0, initial_range=0.6),
}


def refiner(reward: Reward, batch_tokens: int = 1000, **changes: Any) -> Refiner:
    settings = Refinement(**changes)

    def sample(model: Model, source: Tensor, mask: Tensor, keys: Any) -> Drawn:
        assert not model.training
        sampling = Sampling(
            n_best=settings.samples,
            temperature=settings.temperature,
            max_length_factor=settings.max_length_factor,
            max_length_offset=settings.max_length_offset,
        )
        return draw_samples(model, source, mask, keys, sampling)

    return Refiner(settings, sample, reward, label_smoothing=0.0, batch_tokens=batch_tokens)


def accumulated(refiner: Refiner, model: Model, batch: Batch, key: int) -> Tally:
    """Adds the gradient of one batch; what was counted of it."""
    tally = TallyTensor(torch.zeros(TallyTensor.size(refiner.figures)), refiner.figures)
    refiner.accumulate(model, batch, key, nullcontext, tally)
    return tally.read()


def gradient(model: Model) -> Tensor:
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()])


def built(config: ModelConfig, seed: int = 0, vocabulary: int = VOCABULARY) -> Model:
    torch.manual_seed(seed)
    return config.build(vocabulary, vocabulary).train()


def pairs(count: int = 3) -> Batch:
    return collate([[4, 5, 6][: 1 + n % 3] for n in range(count)], [[5, 4, 4, 6][: 1 + n % 4] for n in range(count)])


def overlap(hypotheses: Sequence[Sequence[int]], reference: Sequence[int]) -> list[float]:
    """A reward that knows every sample apart: GLEU, and a little more for some ids."""
    return [value + sum(ids) / 50 for value, ids in zip(gleus(hypotheses, reference), hypotheses, strict=True)]


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("same", [0.1, 1 / 3, 0.0])
def test_equal_rewards_have_no_gradient_at_all(config: ModelConfig, same: float) -> None:
    """To the last bit, though neither 0.1 nor 1/3 is the rounded mean of 15 of them."""
    model = built(config, vocabulary=11)
    tally = accumulated(
        refiner(lambda hypotheses, _: [same] * len(hypotheses), likelihood_weight=0.0), model, pairs(), 5
    )
    assert not gradient(model).any()
    assert tally.figures["reward"] == pytest.approx(3 * same)
    assert tally.loss == pytest.approx(-3 * same)
    assert model.training


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_unequal_rewards_have_one(config: ModelConfig) -> None:
    model = built(config, vocabulary=11)
    accumulated(refiner(overlap, likelihood_weight=0.0), model, pairs(), 5)
    assert gradient(model).isfinite().all()
    assert gradient(model).any()


def test_the_likelihood_of_whole_sentences_is_weighed() -> None:
    """Sums over the tokens of a sentence: no average over tokens may change what 0.017 means."""
    model, batch = built(TINY["transformer"]), pairs(4)
    cross_entropy(model, batch, 0.0).loss.backward()
    expected = 0.017 * gradient(model)
    model.zero_grad()
    tally = accumulated(refiner(lambda hypotheses, _: [0.5] * len(hypotheses)), model, batch, 1)
    torch.testing.assert_close(gradient(model), expected)
    assert tally.units == 4
    assert tally.loss == pytest.approx(0.017 * tally.likelihood - 4 * 0.5, abs=1e-5)


def expected_reward(model: Model, source: list[int], reference: list[int], temperature: float) -> Tensor:
    """The sum over all samples there are of P(Y) r(Y), with a gradient: two tokens at most, then a forced EOS."""
    allowed = [token for token in range(VOCABULARY) if token not in (SPECIAL.pad, SPECIAL.bos)]
    text = [token for token in allowed if token != SPECIAL.eos]
    samples = [[], *[[a] for a in text], *[[a, b] for a in text for b in text]]
    batch = collate([source] * len(samples), samples)
    logits = model.decode(
        batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask)
    ).logits.clone()
    logits[:, :, [SPECIAL.pad, SPECIAL.bos]] = -torch.inf
    log_p = torch.log_softmax(logits / temperature, -1)
    total = log_p.new_zeros(())
    for row, sample in enumerate(samples):
        chosen = [*sample, SPECIAL.eos][:2]  # what follows a second token is not a choice
        probability = torch.stack([log_p[row, place, token] for place, token in enumerate(chosen)]).sum().exp()
        total = total + probability * overlap([sample], reference)[0]
    return total


@pytest.mark.parametrize("config", TINY.values(), ids=TINY)
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_many_samples_give_the_gradient_of_the_expected_reward(config: ModelConfig, temperature: float) -> None:
    model, source, reference = built(config, 3), [4, 5], [5, 6]
    exact = expected_reward(model, source, reference, temperature)
    (-exact).backward()
    wanted = gradient(model)
    model.zero_grad()
    many = refiner(overlap, likelihood_weight=0.0, samples=20_000, temperature=temperature, **SHORT)
    tally = accumulated(many, model, collate([source], [reference]), 7)
    error = (gradient(model) - wanted).norm() / wanted.norm()
    assert error < 0.1  # about 1 / sqrt(20,000) times the spread of single samples
    assert tally.figures["reward"] == pytest.approx(exact.item(), abs=0.02)


@pytest.mark.parametrize("config", TINY.values(), ids=TINY)
def test_few_samples_give_it_on_average_but_for_their_own_part_of_the_baseline(config: ModelConfig) -> None:
    """3 samples: their mean reward contains a third of each one's own, so two thirds of the gradient are left."""
    model, source, reference, count = built(config, 3), [4, 5], [5, 6], 5000
    (-expected_reward(model, source, reference, 1.0)).backward()
    wanted = gradient(model)
    model.zero_grad()
    few = refiner(overlap, likelihood_weight=0.0, samples=3, **SHORT)
    accumulated(few, model, collate([source] * count, [reference] * count), 9)
    mean = gradient(model) / count
    torch.testing.assert_close((mean @ wanted / (wanted @ wanted)).item(), 2 / 3, atol=0.06, rtol=0)
    assert (mean - 2 / 3 * wanted).norm() < 0.15 * wanted.norm()


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_merged_and_in_parts_it_is_still_the_definition(config: ModelConfig) -> None:
    """Every sample by itself, each through its own encoder pass, against duplicates merged and parts of 20 tokens."""
    model, batch = built(config, 1, vocabulary=11).eval(), pairs(4)
    drawn: list[Drawn] = []
    short: dict[str, Any] = {"max_length_factor": 0.5, "max_length_offset": 1}
    plain = refiner(overlap, samples=12, likelihood_weight=0.0, batch_tokens=20, temperature=0.5, **short)

    def remembering(*arguments: Any) -> Drawn:
        drawn.append(plain.sample(*arguments))
        return drawn[0]

    accumulated(Refiner(plain.options, remembering, overlap, 0.0, 20), model, batch, 3)
    ours = gradient(model)
    model.zero_grad()
    references = [[5, 4, 4, 6][: 1 + n % 4] for n in range(4)]
    assert any(len(set(texts)) < 12 for texts in drawn[0].texts())
    for sentence, texts in enumerate(drawn[0].texts()):
        rewards = overlap(texts, references[sentence])
        for sample, text in enumerate(texts):
            one = collate([[4, 5, 6][: 1 + sentence % 3]], [text])
            logits = model.decode(
                one.target_input, one.target_mask, model.encode(one.source, one.source_mask)
            ).logits.clone()
            logits[:, :, [SPECIAL.pad, SPECIAL.bos]] = -torch.inf
            log_p = torch.log_softmax(logits[0] / 0.5, -1).gather(1, one.target_output[0][:, None]).squeeze(1)
            chosen = drawn[0].mask[sentence, sample, : len(log_p)].clone()
            advantage = rewards[sample] - float(np.mean(rewards))
            (-log_p[chosen].sum() * advantage / 12).backward()
    torch.testing.assert_close(ours, gradient(model), atol=1e-5, rtol=1e-3)


def test_dropout_acts_only_where_it_is_wanted() -> None:
    config = TINY["transformer"].model_copy(update={"dropout": 0.5})

    def found(seed: int, **changes: Any) -> Tensor:
        model = built(config)
        torch.manual_seed(seed)  # dropout's draws; samples have their own key
        accumulated(refiner(overlap, **changes), model, pairs(), 5)
        return gradient(model)

    assert torch.equal(found(1), found(2))
    assert not torch.equal(found(1, dropout=True), found(2, dropout=True))


def test_a_frozen_encoder_gets_no_gradient() -> None:
    model = built(TINY["gnmt"])
    encoder = model.get_submodule("encoder")
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    accumulated(refiner(overlap), model, pairs(), 5)
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert gradient(model).any()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PairStore, TokenizerPair]:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


class Crash(Silence):
    """Dies at an update, as a killed process does: without saving."""

    def __init__(self, update: int) -> None:
        super().__init__()
        self.update = update

    def progress(self, event: Progress) -> None:
        if event.update == self.update:
            raise KeyboardInterrupt
        super().progress(event)


def train(data: tuple[Path, PairStore, TokenizerPair], name: str, training: Training, reporter: Silence) -> Path:
    directory, store, tokenizers = data
    alone = World(0, 1, torch.device("cpu"))
    trainer(directory / name, store, tokenizers, alone, training, reporter=reporter).train()
    return directory / name


def progress(directory: Path) -> list[tuple[int, float, float]]:
    records = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    return [(r["update"], r["loss"], r["reward"]) for r in records if r["event"] == "progress"]


def test_killed_and_resumed_it_is_the_same(data: tuple[Path, PairStore, TokenizerPair]) -> None:
    whole = train(data, "whole", refining(), Silence())
    for update in (3, 7, 13):  # checkpoints are every five updates
        with pytest.raises(KeyboardInterrupt):
            train(data, "killed", refining(), Crash(update))
    killed = train(data, "killed", refining(), Silence())
    assert torch.equal(final_weights(whole), final_weights(killed))
    assert progress(whole) == progress(killed)
    assert [update for update, _, _ in progress(whole)] == list(range(1, 15))
    other = train(data, "other", refining(seed=2), Silence())
    assert not torch.equal(final_weights(whole), final_weights(other))


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(data: tuple[Path, PairStore, TokenizerPair]) -> None:
    training = refining(optimizer=SGD())  # Adam makes much of rounding where there is no gradient
    alone, together = train(data, "accumulating", training, Silence()), data[0] / "together"
    run_two_processes(together, 14, "refine")
    # but for rounding: parts of a micro-batch are added up one by one, so the order of the sum is another
    torch.testing.assert_close(final_weights(alone), final_weights(together), atol=1e-6, rtol=0)
    assert np.array(progress(together)) == pytest.approx(np.array(progress(alone)), rel=1e-4)


def test_it_raises_the_reward(data: tuple[Path, PairStore, TokenizerPair]) -> None:
    """From random weights, with a reward that is easy to find: short output."""
    directory, store, tokenizers = data
    training = options(best_by="loss", updates=40, batch_tokens=200, log_every=10, objective=Refinement(samples=8))
    made = make_objective(training, tokenizers)
    assert isinstance(made, Refiner)
    short = Refiner(
        made.options, made.sample, lambda hypotheses, _: [1 / (1 + len(ids)) for ids in hypotheses], 0.0, 100
    )
    alone = World(0, 1, torch.device("cpu"))
    trainer(directory / "short", store, tokenizers, alone, training, objective=short).train()
    rewards = [reward for _, _, reward in progress(directory / "short")]
    assert rewards[-1] > 2 * rewards[0]


def test_the_unit_of_the_reward(data: tuple[Path, PairStore, TokenizerPair]) -> None:
    tokenizer = data[2].target
    hypothesis, reference = tokenizer.encode("eins zwei Baum"), tokenizer.encode("eins zwei Haus")
    in_words = make_gleu("words", tokenizer)([hypothesis], reference)
    in_pieces = make_gleu("pieces", tokenizer)([hypothesis], reference)
    assert in_words == [3 / 6]  # two words and their pair, of three words, two pairs and the triple
    assert in_words == gleus([words(tokenizer.decode(hypothesis))], words(tokenizer.decode(reference)))
    assert in_pieces == gleus([hypothesis], reference)
    in_characters = make_gleu("words", tokenizer, "char")([hypothesis], reference)
    assert in_characters == gleus([list("einszweiBaum")], list("einszweiHaus"))  # for text without blanks


class Given(Measure):
    """Measures nothing: gives one value after the other."""

    label = "GLEU"

    def __init__(self, values: Iterator[float]) -> None:
        self._values = values

    def score(self, outcome: Outcome) -> Score:
        return Score(self.label, next(self._values), "")


def test_gleu_of_the_validation_chooses_the_weights(data: tuple[Path, PairStore, TokenizerPair]) -> None:
    directory, store, tokenizers = data
    training = options(best_by="gleu", average_checkpoints=1)  # validates at updates 8, 16 and 24
    alone, values = World(0, 1, torch.device("cpu")), iter([1.0, 3.0, 2.0])
    made = trainer(directory / "chosen", store, tokenizers, alone, training)
    made.validation = replace(made.validation, measures={"gleu": Given(values)})
    assert made.train().position.scores.best_update == 16
    records = [json.loads(line) for line in (directory / "chosen" / "log.jsonl").read_text().splitlines()]
    assert [(r["gleu"], r["best"]) for r in records if r["event"] == "validated"] == [
        (1.0, True),
        (3.0, True),
        (2.0, False),
    ]
