"""Batch layer normalisation (Ziaee and Çano 2022, arXiv 2209.08898) of padded sequences."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nmt.nn.norm.base import Norm
from nmt.nn.norm.moments import PooledStatistics
from nmt.options import Options, PositiveFloat, Size

Origin = Literal["population", "batch"]


class InferenceStatistics(Options):
    """The statistics that batch layer normalisation uses in inference: `population`, stored ones of the training data,
    or `batch`, those of what is read. A result may not depend on other sentences, so here each sentence is a batch of
    its own. They leave the weights as they are, so a trained model can be tried with others
    (`--model-option encoder_norm.inference.batch_mean=batch`).
    """

    batch_mean: Origin = "population"
    """Mean of each feature: the stored one, or that over the tokens of the sentence. The second makes short sentences
    lose what distinguishes them from other sentences: a single token becomes zero."""
    batch_variance: Origin = "population"
    """Variance of each feature: the stored one, or that over the tokens of the sentence."""
    feature_mean: Origin = "batch"
    """Mean over the features of a token: its own, as in training, or one stored number, the mean over all tokens.
    Published is an average for each slot of the batch, which has no meaning when sentences are shuffled."""
    feature_variance: Origin = "batch"
    """Variance over the features of a token: its own, or one stored number, the mean over all tokens."""


class BatchLayerNorm(PooledStatistics, Norm):
    """A blend of layer and batch normalisation, whose shares depend on the size B of the batch.

        y = weight * s * [(1/B - zeta) x_f + (1 - 1/B - zeta) x_b] + bias

    x_f is x normalised over the D features of its own vector and x_b is x normalised feature by feature over the real
    tokens of the micro-batch, both as (x - mean) / sqrt(variance + epsilon) with the biased variance; s = 1/sqrt(D) if
    `scaled`, else 1. A share that would be negative (B = 1, or B > 1/zeta) is 0, so B = 1 is layer normalisation times
    1 - zeta. Published statistics of x_b are those of one position over the batch, which needs sequences of one length;
    here they are pooled over positions. The shares are those of the authors' code, which sum to 1 - 2 zeta; the paper's
    plot has shares that sum to 1.

    Inference uses a stored mean of 1/B, over all tokens, since the blend is linear in 1/B; before any training it is 1.
    Stored means and variances of the features are as in `BatchNorm`, also with B = 1 if the sequence has two tokens.
    """

    class Config(Options):
        """Batch layer normalisation: a blend of layer and batch normalisation, whose shares follow from the size of the
        batch; by stored statistics in inference.
        """

        kind: Literal["batch_layer"] = "batch_layer"
        batch_size: Literal["sequences", "tokens"] | Size = "sequences"
        """The size B of the batch: the number of sequences or of real tokens in a micro-batch of one process, or a
        fixed number. Layer normalisation has the share 1/B. With `tokens`, 1/B is close to 0 and what remains is batch
        normalisation; a fixed number keeps the function the same for all batches."""
        zeta: Annotated[float, Field(ge=0.0, lt=0.5)] = 1e-4
        """Subtracted from both shares."""
        scaled: bool = False
        """Divide by the square root of the width, as published. Off by default: layers would receive values so small
        that their variance, 1/width, is no longer large compared with `epsilon` in the next norm."""
        momentum: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
        """Weight of each update's statistics in the running ones that inference uses."""
        epsilon: PositiveFloat = 1e-3
        """Added to each variance; the published value."""
        inference: InferenceStatistics = InferenceStatistics()
        """The statistics used in inference."""

        def build(self, dim: int) -> BatchLayerNorm:
            """A norm of vectors of `dim` values."""
            return BatchLayerNorm(self, dim)

    running_share: Tensor
    running_feature_mean: Tensor
    running_feature_var: Tensor

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__(dim, config.momentum)
        self.batch_size, self.zeta, self.epsilon = config.batch_size, config.zeta, config.epsilon
        self.inference = config.inference
        self.scale = dim**-0.5 if config.scaled else 1.0
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        share = 1.0 if isinstance(config.batch_size, str) else 1.0 / config.batch_size
        self.register_buffer("running_share", torch.tensor(share))
        self.register_buffer("running_feature_mean", torch.tensor(0.0))
        self.register_buffer("running_feature_var", torch.tensor(1.0))
        self._token_sums: list[Tensor] = []
        """As `_sums`: the sums over tokens of 1/B and of the mean and variance of a token's features."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Axis 0 of x counts sequences."""
        with torch.autocast(x.device.type, enabled=False):  # sums over many tokens need more than half precision
            rows = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(len(x), -1, x.shape[-1])  # [B, T, D]
            real = torch.ones_like(rows[..., 0], dtype=torch.bool) if mask is None else mask.reshape(len(x), -1)
            if self.training:
                share, tokens = self._share(real), rows[real]  # [n, D]
                variance, mean = torch.var_mean(tokens, dim=0, correction=0)
                self.gather(len(tokens), mean, variance)
                by_feature, *own = self._by_own(rows)
                self._gather_tokens(*(part.expand_as(own[0])[real] for part in (share, *own)))
            else:
                by_feature, share = self._by_feature(rows), self.running_share
                mean, variance = self._of_population_or_sentences(rows, real)
            shares = (share - self.zeta).clamp_min(0.0), (1.0 - share - self.zeta).clamp_min(0.0)
            weight = self.weight * self.scale
            by_batch = (rows - mean) * (weight * shares[1] * torch.rsqrt(variance + self.epsilon))
            return torch.addcmul(by_batch + self.bias, by_feature, weight * shares[0]).view_as(x).to(x.dtype)

    def _by_own(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors [B, T, D] normalised by their own statistics, and these, [B, T, 1], without gradients."""
        by_feature, mean, inverse = torch.native_layer_norm(rows, rows.shape[-1:], None, None, self.epsilon)
        variance = inverse.detach().pow(-2) - self.epsilon
        return by_feature, mean.detach(), variance.clamp_min(0.0)

    def _by_feature(self, rows: Tensor) -> Tensor:
        """Vectors [B, T, D] normalised over their features in inference."""
        origin = self.inference
        if (origin.feature_mean, origin.feature_variance) == ("batch", "batch"):
            return self._by_own(rows)[0]
        variance, mean = torch.var_mean(rows, dim=-1, correction=0, keepdim=True)
        mean = mean if origin.feature_mean == "batch" else self.running_feature_mean
        variance = variance if origin.feature_variance == "batch" else self.running_feature_var
        return (rows - mean) * torch.rsqrt(variance + self.epsilon)

    def _share(self, real: Tensor) -> Tensor:
        """1/B of a micro-batch with these real positions [B, T]: a single float."""
        if isinstance(self.batch_size, int):
            return torch.full_like(self.running_share, 1.0 / self.batch_size)
        size = real.any(dim=1).sum() if self.batch_size == "sequences" else real.sum()
        return size.to(self.running_share.dtype).reciprocal()

    def _of_population_or_sentences(self, rows: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each feature in inference, [D] if stored, [B, 1, D] if of each sentence by itself."""
        mean, variance, origin = self.running_mean, self.running_var, self.inference
        if "batch" in (origin.batch_mean, origin.batch_variance):
            counted = real[:, :, None]
            tokens = counted.sum(dim=1, keepdim=True).clamp_min(1)
            own = rows.masked_fill(~counted, 0.0).sum(dim=1, keepdim=True) / tokens
            if origin.batch_variance == "batch":
                variance = (rows - own).square().masked_fill(~counted, 0.0).sum(dim=1, keepdim=True) / tokens
            if origin.batch_mean == "batch":
                mean = own
        return mean, variance

    def _gather_tokens(self, *parts: Tensor) -> None:
        sums = torch.stack([part.sum(dtype=torch.float64) for part in parts])
        self._token_sums[:] = [sum(self._token_sums, sums)]

    def statistics(self) -> dict[str, Tensor]:
        return {
            **super().statistics(),
            "running_share": self.running_share,
            "running_feature_mean": self.running_feature_mean,
            "running_feature_var": self.running_feature_var,
        }

    def take_sums(self) -> Tensor:
        of_features = super().take_sums()
        of_tokens = sum(self._token_sums, of_features.new_zeros(3))
        self._token_sums.clear()
        return torch.cat([of_features, of_tokens])

    def store(self, sums: Tensor) -> None:
        of_features, of_tokens = sums[:-3], sums[-3:]
        super().store(of_features)
        count = of_features[0]
        if count > 0:
            stored = (self.running_share, self.running_feature_mean, self.running_feature_var)
            for running, value in zip(stored, of_tokens / count, strict=True):
                running.lerp_(value.to(running.dtype), self.momentum)
