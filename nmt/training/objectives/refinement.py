"""Refinement by reinforcement learning: raises the expected reward of the model's own samples (GNMT, Wu et al. 2016,
arXiv 1609.08144, section 5).

For a source X with reference Y*, m samples Y_k are drawn from P(. | X) and get rewards r_k. The update ascends

    O = w log P(Y* | X) + E[r(Y, Y*)],    d E[r] ~ 1/m sum_k (r_k - r_mean) d log P(Y_k | X)

averaged over the sentences of a batch, not over tokens: w = 0.017 weighs the log-probability of a whole sentence
against its reward. Since r_mean includes the sample's own reward, the expectation of the estimate is (m - 1)/m of the
gradient; it is used as published.

Sampler and reward are passed as functions, because training does not depend on search or metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from nmt.data.batch import Batch, batches_by_length
from nmt.data.order import derive_key, hash_numbers
from nmt.models.base import Memory
from nmt.options import Length, LengthFactor, NonNegativeFloat, PositiveFloat
from nmt.tokenizer.base import SPECIAL
from nmt.training.objectives.base import (
    Drawn,
    Model,
    Objective,
    ObjectiveOptions,
    Precision,
    Reward,
    Sampler,
    Tools,
    Unit,
)
from nmt.training.objectives.likelihood import CrossEntropy, cross_entropy
from nmt.training.tally import TallyTensor

_SAMPLING = 1
"""Separates the random draws of sampling from others under the same key."""


class Refinement(ObjectiveOptions):
    """Maximises the expected GLEU of the model's own samples, mixed with likelihood (GNMT, section 5)."""

    needs_start: ClassVar[bool] = True
    needs_source: ClassVar[bool] = True
    shows_gleu: ClassVar[bool] = True

    kind: Literal["refinement"] = "refinement"
    samples: Annotated[int, Field(ge=2, le=100_000)] = 15
    """Translations sampled for each sentence (m); the mean of their rewards is the baseline."""
    likelihood_weight: NonNegativeFloat = 0.017
    """Weight of the log-probability of the whole reference, against a reward of at most 1. `label_smoothing` applies
    to it; the published objective has none."""
    unit: Unit = "words"
    """Tokens over which GLEU is computed: words of the detokenised text as in BLEU (13a), or the tokenizer's pieces."""
    temperature: PositiveFloat = 1.0
    """Samples are drawn from, and refine, P ** (1 / temperature), normalised at each token. Below 1 they resemble the
    output of search more, which helps after training with label smoothing, which makes plain samples noisy."""
    max_length_factor: LengthFactor = 2.0
    """A sample has at most this many tokens per source token, plus `max_length_offset`."""
    max_length_offset: Length = 10
    """Tokens allowed on top of `max_length_factor` times the source length."""
    dropout: bool = False
    """Keep the model's dropout while samples are scored. They are drawn without it, so the gradient is then that of a
    different model than the one that drew them; GNMT refined without dropout."""

    @property
    def counts_words(self) -> bool:
        return self.unit == "words"

    def build(self, tools: Tools) -> Objective:
        sampler = tools.sampler(
            samples=self.samples,
            temperature=self.temperature,
            max_length_factor=self.max_length_factor,
            max_length_offset=self.max_length_offset,
        )
        return Refiner(self, sampler, tools.gleu(self.unit), tools.label_smoothing, tools.batch_tokens)


@dataclass(frozen=True)
class _Weighted:
    """The R samples that have a gradient, duplicates merged."""

    sentences: list[int]
    """[R] index of the sentence in the batch."""
    samples: list[int]
    """[R] index of the sample within its sentence."""
    weights: list[float]
    """[R] factor of log P of each sample."""


@dataclass(frozen=True)
class Refiner(Objective):
    """The gradient of the mixed objective, averaged over sentences.

    The reported loss is -O, with the mean reward of the samples in place of its expectation; the model's statistics
    are those on the references.
    """

    figures: ClassVar[tuple[str, ...]] = ("reward",)

    options: Refinement
    sample: Sampler
    reward: Reward
    label_smoothing: float
    batch_tokens: int
    """Most samples times the longest of them for computing log-probabilities at once; more are scored in parts."""

    def accumulate(
        self, model: Model, batch: Batch, key: int, precision: Precision, tally: TallyTensor
    ) -> Mapping[str, Tensor]:
        training = model.training
        keys = hash_numbers(np.arange(len(batch.source), dtype=np.uint64), derive_key(key, _SAMPLING))
        try:
            model.eval()
            with precision():
                drawn = self.sample(model, batch.source, batch.source_mask, keys)
            weighted, rewards = self._judge(drawn.texts(), _references(batch))
            model.train(self.options.dropout)
            ascended = self._ascend_likelihood(model, batch, precision)
            if weighted.weights:
                self._ascend_reward(model, batch, drawn, weighted, precision)
        finally:
            model.train(training)
        tally.add(
            ascended.loss - rewards,
            ascended.likelihood,
            batch.target_tokens,
            units=len(batch.source),
            figures=(rewards,),
        )
        return ascended.statistics

    def _judge(self, texts: list[list[tuple[int, ...]]], references: list[tuple[int, ...]]) -> tuple[_Weighted, float]:
        """The samples that contribute to the gradient, and the sum over sentences of the mean reward of all samples."""
        found, total = _Weighted([], [], []), 0.0
        for sentence, (samples, reference) in enumerate(zip(texts, references, strict=True)):
            indices: dict[tuple[int, ...], int] = {}
            counts: dict[tuple[int, ...], int] = {}
            for index, sample in enumerate(samples):
                indices.setdefault(sample, index)
                counts[sample] = counts.get(sample, 0) + 1
            rewards = self.reward(list(indices), reference)
            # Relative to the first, so that equal rewards equal the baseline exactly, without rounding errors.
            above = [reward - rewards[0] for reward in rewards]
            baseline = fsum(a * n for a, n in zip(above, counts.values(), strict=True)) / len(samples)
            total += rewards[0] + baseline
            for (sample, count), a in zip(counts.items(), above, strict=True):
                if a != baseline:
                    found.sentences.append(sentence)
                    found.samples.append(indices[sample])
                    found.weights.append(count * (a - baseline) / len(samples))
        return found, total

    def _ascend_likelihood(self, model: Model, batch: Batch, precision: Precision) -> CrossEntropy:
        """Computes the gradient of the weighted smoothed cross-entropy with the model's penalties."""
        weight = self.options.likelihood_weight
        with torch.set_grad_enabled(weight > 0.0), precision():
            found = cross_entropy(model, batch, self.label_smoothing)
        loss = found.loss * weight
        if weight > 0.0:
            loss.backward()  # type: ignore[no-untyped-call]
        return found._replace(loss=loss.detach())

    def _ascend_reward(
        self,
        model: Model,
        batch: Batch,
        drawn: Drawn,
        weighted: _Weighted,
        precision: Precision,
    ) -> None:
        """Teacher forcing on the samples, in parts of similar length that share one encoder pass."""
        device = batch.source.device
        sentences = torch.tensor(weighted.sentences, device=device)
        samples = torch.tensor(weighted.samples, device=device)
        tokens, mask = drawn.tokens[sentences, samples], drawn.mask[sentences, samples]  # [R, T]
        weights = mask * torch.tensor(weighted.weights, device=device)[:, None]
        lengths = (tokens != SPECIAL.pad).sum(1).tolist()  # EOS included
        with precision():
            memory = model.encode(batch.source, batch.source_mask)
        shared = _Shared(memory)
        for part in batches_by_length([length - 1 for length in lengths], self.batch_tokens):
            rows = torch.tensor(part, device=device)
            output = tokens[rows, : lengths[part[0]]]
            real = output != SPECIAL.pad
            with precision():
                decoded = model.decode(_shifted(output), real, shared.memory.select(sentences[rows]))
            log_p = decoded.predictions.weighted_log_likelihood(
                output,
                weights[rows, : output.size(1)],
                temperature=self.options.temperature,
                never=(SPECIAL.pad, SPECIAL.bos),
            )
            (-log_p).backward()  # type: ignore[no-untyped-call]
        shared.backward()


class _Shared:
    """A memory shared by several decoder passes; accumulates their gradients for one backward pass of the encoder."""

    def __init__(self, memory: Memory) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self.memory = memory.map(self._leaf)

    def _leaf(self, tensor: Tensor) -> Tensor:
        if not tensor.requires_grad:
            return tensor
        leaf = tensor.detach().requires_grad_()
        self._pairs.append((tensor, leaf))
        return leaf

    def backward(self) -> None:
        """Back-propagates through the encoder; call it once, after the backward passes of the decoder."""
        reached = [(tensor, leaf.grad) for tensor, leaf in self._pairs if leaf.grad is not None]
        if reached:
            torch.autograd.backward([tensor for tensor, _ in reached], [gradient for _, gradient in reached])


def _shifted(output: Tensor) -> Tensor:
    """[R, T] decoder input for [R, T] output tokens that end in EOS and padding: starts with BOS and drops EOS."""
    before = output[:, :-1].masked_fill(output[:, 1:] == SPECIAL.pad, SPECIAL.pad)
    return torch.cat((torch.full_like(output[:, :1], SPECIAL.bos), before), 1)


def _references(batch: Batch) -> list[tuple[int, ...]]:
    lengths = batch.target_mask.sum(1).tolist()
    return [tuple(ids[: length - 1]) for ids, length in zip(batch.target_output.tolist(), lengths, strict=True)]
