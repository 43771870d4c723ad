"""Convolutional sequence to sequence learning (Gehring et al. 2017), with the arithmetic of fairseq's `fconv`.

Where paper and fairseq differ, we follow fairseq, so that its published weights fit. R = sqrt(0.5) preserves the
variance of a sum of two; without it, and without the scales of the initial weights, deep stacks do not train.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.tying import Tying, make_embeddings
from nmt.nn.convolution import GatedConvolution, R
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.gradient import scale_gradient
from nmt.nn.layers import Layers
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.position import LearnedPositions, positions
from nmt.nn.weight_norm import variance_preserving
from nmt.options import MOST_LAYERS, DropoutRate, Effect, LayerCount, Options, PositionCount, Width, fill_from_preset
from nmt.tokenizer.base import SPECIAL

EMBEDDING_STD = 0.1


class Convolutions(Options):
    """A run of identical layers."""

    width: Width
    """Output channels of each layer."""
    kernel: Width
    """Number of positions that each layer sees."""
    layers: LayerCount = 1
    """Number of layers in the run."""


class DecoderConvolutions(Convolutions):
    """A run of identical layers of the decoder."""

    attention: bool = True
    """Whether each layer attends to the source; at least one layer of the decoder must."""


Preset = Literal["iwslt_de_en", "wmt_en_ro", "wmt_en_de", "wmt_en_fr"]


def _preset(
    embedding_dim: int, output_dim: int, *layers: tuple[int, int, int], decoder_layers: int = 0
) -> dict[str, Any]:
    """Layers are (width, kernel, count); the decoder has the same ones, or `decoder_layers` of the first kind."""
    encoder = [{"width": width, "kernel": kernel, "layers": count} for width, kernel, count in layers]
    decoder = [{**encoder[0], "layers": decoder_layers}] if decoder_layers else encoder
    return {"embedding_dim": embedding_dim, "output_dim": output_dim, "encoder": encoder, "decoder": decoder}


PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "iwslt_de_en": _preset(256, 256, (256, 3, 4), decoder_layers=3),
    "wmt_en_ro": _preset(512, 512, (512, 3, 20)),
    "wmt_en_de": _preset(768, 512, (512, 3, 9), (1024, 3, 4), (2048, 1, 2)),
    "wmt_en_fr": _preset(768, 512, (512, 3, 6), (768, 3, 4), (1024, 3, 3), (2048, 1, 1), (4096, 1, 1)),
}
"""The architectures of the authors' published models (fairseq's `fconv_*`)."""


@dataclass
class ConvS2SMemory(Memory):
    """The source as all layers of the decoder see it."""

    keys: Tensor
    """[B, S, E] float32, the encoder's output."""
    values: Tensor
    """[B, S, E] float32, that output plus the embeddings, times the square root of the sentence's length."""


@dataclass
class ConvS2SState(State):
    """The last frames that each layer's convolution has seen."""

    windows: list[Tensor]
    """[N, kernel - 1, channels] per layer."""
    length: int
    """Number of steps taken."""


class ConvS2S(EncoderDecoder[ConvS2SMemory, ConvS2SState]):
    """Stacks of gated convolutions; every layer of the decoder attends to the source."""

    class Config(ModelOptions):
        """Convolutional encoder-decoder with attention in every layer (Gehring et al. 2017)."""

        kind: Literal["convs2s"] = "convs2s"
        preset: Annotated[Preset, Effect.SHORTHAND] = "wmt_en_de"
        """Architectures of the authors' published models, which the options below override: iwslt_de_en (4+3 layers,
        256), wmt_en_ro (20+20, 512), wmt_en_de (15+15, 512 to 2048), wmt_en_fr (15+15, 512 to 4096)."""
        embedding_dim: Width
        """Width of the embeddings, and of the encoder's output."""
        output_dim: Width
        """Width of the output layer's input."""
        encoder: tuple[Convolutions, ...] = Field(min_length=1)
        """Encoder layers, lowest first, as runs of width, kernel and number of layers."""
        decoder: tuple[DecoderConvolutions, ...] = Field(min_length=1)
        """Decoder layers, likewise."""
        dropout: DropoutRate = 0.1
        """Probability of zeroing an element of the embeddings, of each convolution's input and of the last layer."""
        positions: PositionCount = 1024
        """Rows of the learned position table; positions beyond it use its last row."""
        tied_embeddings: Tying = "none"
        """Share one matrix: all = source, target and output (needs a joint vocabulary), target = target and output."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: none`."""

        @model_validator(mode="before")
        @classmethod
        def _fill_from_preset(cls, values: object) -> object:
            return fill_from_preset(values, PRESETS, "wmt_en_de")

        @model_validator(mode="after")
        def _check(self) -> Self:
            self.output.check_untied(self.tied_embeddings != "none", "tied_embeddings: none")
            if self.tied_embeddings != "none" and self.output_dim != self.embedding_dim:
                raise ValueError(
                    f"output_dim must equal embedding_dim, {self.embedding_dim}, if the output layer is tied to the "
                    f"target embedding (tied_embeddings: {self.tied_embeddings}), but it is {self.output_dim}"
                )
            for side, blocks in (("encoder", self.encoder), ("decoder", self.decoder)):
                if (layers := sum(block.layers for block in blocks)) > MOST_LAYERS:
                    raise ValueError(f"{side}: at most {MOST_LAYERS} layers in total, but there are {layers}")
            if not any(block.attention for block in self.decoder):
                raise ValueError("decoder: at least one layer must have attention, or it would not see the source")
            return self

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> ConvS2S:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: all embeddings are tied but the vocabularies differ in size.
            """
            return ConvS2S(self, source_vocabulary, target_vocabulary, pad)

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        dim, dropout = config.embedding_dim, config.dropout
        self.source_embedding, self.target_embedding = make_embeddings(
            config.tied_embeddings,
            source_vocabulary,
            target_vocabulary,
            lambda vocabulary: TokenEmbedding(vocabulary, dim, pad, std=EMBEDDING_STD),
        )
        self.source_positions = LearnedPositions(dim, config.positions, std=EMBEDDING_STD)
        self.target_positions = LearnedPositions(dim, config.positions, std=EMBEDDING_STD)
        self.dropout = Dropout(dropout)
        widths = [block.width for block in config.encoder for _ in range(block.layers)]
        kernels = [block.kernel for block in config.encoder for _ in range(block.layers)]
        self.encoder_input = variance_preserving(dim, widths[0], dropout)
        self.encoder = Layers(
            EncoderLayer(inputs, outputs, kernel, dropout)
            for inputs, outputs, kernel in zip([widths[0], *widths], widths, kernels, strict=False)
        )
        self.encoder_output = variance_preserving(widths[-1], dim)
        blocks = [block for block in config.decoder for _ in range(block.layers)]
        inputs = [blocks[0].width, *(block.width for block in blocks)]
        self.decoder_input = variance_preserving(dim, inputs[0], dropout)
        self.decoder = Layers(
            DecoderLayer(width, block, dim, dropout) for width, block in zip(inputs, blocks, strict=False)
        )
        self.decoder_output = variance_preserving(inputs[-1], config.output_dim)
        self.attending = sum(block.attention for block in blocks)
        self.softmax = config.output
        self.output = config.output.build(
            config.output_dim,
            target_vocabulary,
            lambda: _full_output(config, target_vocabulary, self.target_embedding),
        )

    def encode(self, source: Tensor, source_mask: Tensor) -> ConvS2SMemory:
        embedded = self.dropout(self.source_embedding(source) + self.source_positions(positions(source_mask)))
        real = source_mask[:, :, None].to(embedded.dtype)  # [B, S, 1]
        x = self.encoder_input(embedded)
        for layer in self.encoder:
            x = layer(x, real)
        # Each attending layer sends back a gradient; the embeddings' own path is not scaled (section 3.5).
        keys = scale_gradient((self.encoder_output(x) * real).float(), 1 / (2 * self.attending))
        lengths = source_mask.sum(1, dtype=torch.float32)[:, None, None]
        return ConvS2SMemory(mask=source_mask, keys=keys, values=(keys + embedded) * (R * lengths.sqrt()))

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: ConvS2SMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        # padding is on the right, where causal convolutions of real tokens do not look
        position = self.target_positions(torch.arange(target_input.shape[1], device=target_input.device))
        embedded = self.dropout(self.target_embedding(target_input) + position)
        x = self.decoder_input(embedded)
        attentions: list[Tensor] = []
        for layer in self.decoder:
            x, weights = layer(x, embedded, memory)
            attentions += weights
        predictions = self.softmax.predict(self.output, self.dropout(self.decoder_output(x)))
        return DecoderOutput(predictions, _mean(attentions) if need_attention else None)

    def init_state(self, memory: ConvS2SMemory, beam_size: int, max_length: int) -> ConvS2SState:
        rows, like = memory.mask.shape[0] * beam_size, self.target_positions.at(0)
        windows = [layer.convolution.empty(like, rows) for layer in self.decoder]
        return ConvS2SState(windows=windows, length=0)

    def step(
        self, tokens: Tensor, memory: ConvS2SMemory, state: ConvS2SState, *, need_attention: bool = False
    ) -> StepOutput[ConvS2SState]:
        embedded = self.target_embedding(tokens) + self.target_positions.at(state.length)  # [B, K, E]
        x = self.decoder_input(embedded.flatten(0, 1))  # [N, width]
        attentions: list[Tensor] = []
        windows: list[Tensor] = []
        for layer, past in zip(self.decoder, state.windows, strict=True):
            x, weights, window = layer.step(x, past, embedded, memory)
            attentions += weights
            windows.append(window)
        attention = _mean(attentions) if need_attention else None
        logits = self.output(self.decoder_output(x)).view(*tokens.shape, -1)
        state = ConvS2SState(windows=windows, length=state.length + 1)
        return StepOutput(logits, attention, state, self.softmax.normalized)


class EncoderLayer(nn.Module):
    """A gated convolution and its residual."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.residual = variance_preserving(inputs, outputs) if inputs != outputs else nn.Identity()
        self.dropout = Dropout(dropout)
        self.convolution = GatedConvolution(inputs, outputs, kernel, dropout)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """x: [B, S, inputs]; real: [B, S, 1], 1 on real tokens and 0 on padding. Returns [B, S, outputs]."""
        # values that biases and residuals leave on padding must not leak into neighbouring frames
        hidden = self.convolution(self.dropout(x * real), causal=False)
        output: Tensor = (hidden + self.residual(x)) * R
        return output


class DecoderLayer(nn.Module):
    """A causal gated convolution, attention to the source, and the residual around both."""

    def __init__(self, inputs: int, block: DecoderConvolutions, embedding_dim: int, dropout: float) -> None:
        super().__init__()
        self.residual = variance_preserving(inputs, block.width) if inputs != block.width else nn.Identity()
        self.dropout = Dropout(dropout)
        self.convolution = GatedConvolution(inputs, block.width, block.kernel, dropout)
        self.attention = SourceAttention(block.width, embedding_dim) if block.attention else None

    def forward(self, x: Tensor, embedded: Tensor, memory: ConvS2SMemory) -> tuple[Tensor, list[Tensor]]:
        """Args:
            x: [B, T, inputs].
            embedded: [B, T, E], the target's embeddings.
            memory: memory of the B sentences.

        Returns:
            [B, T, width], and a list with the layer's attention [B, T, S], empty if it has none.
        """
        hidden = self.convolution(self.dropout(x), causal=True)
        attention: list[Tensor] = []
        if self.attention is not None:
            hidden, weights = self.attention(hidden, embedded, memory)
            attention = [weights]
        return (hidden + self.residual(x)) * R, attention

    def step(
        self, x: Tensor, past: Tensor, embedded: Tensor, memory: ConvS2SMemory
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One position: x [N, inputs], embedded [B, K, E]. Returns [N, width], attention [B, K, S], the next `past`."""
        hidden, window = self.convolution.step(x, past)
        attention: list[Tensor] = []
        if self.attention is not None:
            beams, weights = self.attention(hidden.view(*embedded.shape[:2], -1), embedded, memory)
            hidden, attention = beams.flatten(0, 1), [weights]
        return (hidden + self.residual(x)) * R, attention, window


class SourceAttention(nn.Module):
    """Dot-product attention with the target embedding in the query (equations 1 and 2), and its residual."""

    def __init__(self, width: int, embedding_dim: int) -> None:
        super().__init__()
        self.query = variance_preserving(width, embedding_dim)
        self.output = variance_preserving(embedding_dim, width)

    def forward(self, x: Tensor, embedded: Tensor, memory: ConvS2SMemory) -> tuple[Tensor, Tensor]:
        """Args:
            x: [B, Q, width], Q positions or hypotheses per sentence.
            embedded: [B, Q, E], their target embeddings.
            memory: memory of the B sentences.

        Returns:
            [B, Q, width], and the attention weights [B, Q, S].
        """
        query = (self.query(x) + embedded) * R
        # scores are not divided by the square root of the width, so they are too large for bf16's mantissa
        with torch.autocast(x.device.type, enabled=False):
            attention_bias = torch.zeros(memory.mask.shape, device=x.device).masked_fill_(~memory.mask, -math.inf)
            weights = torch.softmax(query.float() @ memory.keys.mT + attention_bias[:, None], dim=-1)
            context = (weights @ memory.values).to(query.dtype)
        return (self.output(context) + x) * R, weights


def _full_output(config: ConvS2S.Config, vocabulary: int, embedding: TokenEmbedding) -> nn.Module:
    if config.tied_embeddings == "none":
        return variance_preserving(config.output_dim, vocabulary, config.dropout)
    output = nn.Linear(config.embedding_dim, vocabulary)
    output.weight = embedding.weight
    nn.init.zeros_(output.bias)
    return output


def _mean(attentions: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(attentions)).mean(0)
