"""The gated convolutional language model (Dauphin et al. 2016, arXiv 1612.08083).

A block's input and output are added and multiplied by R = sqrt(0.5), as in fairseq's `fconv_lm`; the paper only adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.models.base import Decoder, DecoderOutput, State, StepOutput
from nmt.models.language.model import LanguageModel, LanguageModelOptions
from nmt.nn.convolution import Gate, GatedConvolution, R
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.layers import Layers
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.weight_norm import variance_preserving
from nmt.options import MOST_LAYERS, DropoutRate, Effect, LayerCount, Options, Width, fill_from_preset
from nmt.tokenizer.base import SPECIAL

_EMBEDDING_STD = 0.1


class Blocks(Options):
    """A run of identical residual blocks."""

    width: Width
    """Output channels of each block."""
    kernel: Width
    """Number of positions that each block sees: its own and those before it."""
    bottleneck: Width | None = None
    """Channels of the inner convolution, between two of kernel 1 that narrow and widen; null: a block is one
    convolution of full width."""
    layers: LayerCount = 1
    """Number of blocks in the run."""


Preset = Literal["gcnn_8", "gcnn_13", "gcnn_14", "gcnn_14b"]


def _preset(embedding_dim: int, *blocks: tuple[int, int, int] | tuple[int, int, int, int]) -> dict[str, Any]:
    """Blocks are (width, kernel, count), and the bottleneck's width if there is one."""
    names = ("width", "kernel", "layers", "bottleneck")
    return {"embedding_dim": embedding_dim, "blocks": [dict(zip(names, block, strict=False)) for block in blocks]}


PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "gcnn_8": _preset(280, (900, 4, 8)),
    "gcnn_13": _preset(128, (1268, 4, 13)),
    "gcnn_14": _preset(
        280, (850, 6, 3), (850, 1, 1), (850, 5, 4), (850, 1, 1), (850, 4, 3), (1024, 4, 1), (2048, 4, 1)
    ),
    "gcnn_14b": _preset(128, (512, 5, 1), (512, 5, 3, 128), (1024, 5, 3, 512), (2048, 5, 6, 1024), (4096, 5, 1, 1024)),
}
"""The paper's networks: GCNN-8 and -14 for WikiText-103, -13 and -14B for Google Billion Word."""


@dataclass
class ConvolutionalState(State):
    """The last frames that each convolution has seen."""

    windows: list[Tensor]
    """[N, kernel - 1, channels] per convolution."""


class GatedConvolutionalLM(Decoder[ConvolutionalState]):
    """Residual blocks of causal gated convolutions between an embedding and an output layer.

    A token depends on as many before it as the kernels reach, and a step costs the same however long the text is.
    """

    class Config(LanguageModelOptions):
        """Gated convolutional language model (Dauphin et al. 2016)."""

        kind: Literal["gated_conv_lm"] = "gated_conv_lm"
        preset: Annotated[Preset, Effect.SHORTHAND] = "gcnn_8"
        """The paper's networks, which the options below override: gcnn_8 (8 layers, 900), gcnn_13 (13, 1268), gcnn_14
        (14, 850 to 2048), gcnn_14b (14, with bottlenecks, 512 to 4096)."""
        embedding_dim: Width
        """Width of the embedding."""
        blocks: tuple[Blocks, ...] = Field(min_length=1)
        """Residual blocks, lowest first, as runs of width, kernel, bottleneck and number."""
        gate: Gate = "glu"
        """What becomes of a convolution's two halves A and B: glu A * sigmoid(B), gtu tanh(A) * sigmoid(B), bilinear
        A * B; linear has A alone. The last two are there to be compared."""
        dropout: DropoutRate = 0.2
        """Probability of zeroing an element of the embedding, of each convolution's input and of the last block."""
        tied_embeddings: bool = False
        """Use the embedding as the output layer's matrix (Press & Wolf 2017), after a projection to its width; not in
        the paper."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix with weight norm and a softmax over the whole vocabulary, or an adaptive softmax
        as published, which trains faster if the vocabulary is large; needs `tied_embeddings: false`."""

        @model_validator(mode="before")
        @classmethod
        def _fill_from_preset(cls, values: object) -> object:
            return fill_from_preset(values, PRESETS, "gcnn_8")

        @model_validator(mode="after")
        def _check(self) -> Self:
            if (layers := sum(run.layers for run in self.blocks)) > MOST_LAYERS:
                raise ValueError(f"blocks: at most {MOST_LAYERS} in total, but there are {layers}")
            self.output.check_untied(self.tied_embeddings, "tied_embeddings: false")
            return self

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> LanguageModel[ConvolutionalState]:
            """A model with fresh weights, drawn from torch's default generator; the source vocabulary is unused."""
            return LanguageModel(GatedConvolutionalLM(self, target_vocabulary, pad))

    def __init__(self, config: Config, vocabulary: int, pad: int) -> None:
        super().__init__()
        dim, dropout = config.embedding_dim, config.dropout
        blocks = [run for run in config.blocks for _ in range(run.layers)]
        widths = [blocks[0].width, *(block.width for block in blocks)]
        self.embedding = TokenEmbedding(vocabulary, dim, pad, std=_EMBEDDING_STD)
        self.dropout = Dropout(dropout)
        self.input = variance_preserving(dim, widths[0], dropout)
        self.blocks = Layers(
            ResidualBlock(width, block, config.gate, dropout) for width, block in zip(widths, blocks, strict=False)
        )
        self.projection: nn.Module = nn.Identity()
        if config.tied_embeddings:
            self.projection = variance_preserving(widths[-1], dim, dropout)
        self.softmax = config.output
        self.output = config.output.build(
            widths[-1], vocabulary, lambda: _full_output(config, widths[-1], vocabulary, self.embedding)
        )

    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        # padding is on the right, where causal convolutions of real tokens do not look
        x = self.input(self.dropout(self.embedding(target_input)))
        for block in self.blocks:
            x = block(x)
        return DecoderOutput(self.softmax.predict(self.output, self.projection(self.dropout(x))))

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> ConvolutionalState:
        like, rows = next(self.parameters()), sentences * beam_size
        return ConvolutionalState([window for block in self.blocks for window in block.empty(like, rows)])

    def step(self, tokens: Tensor, state: ConvolutionalState) -> StepOutput[ConvolutionalState]:
        x = self.input(self.embedding(tokens.flatten()))  # [N, width]
        pasts, windows = iter(state.windows), list[Tensor]()
        for block in self.blocks:
            x, seen = block.step(x, [next(pasts) for _ in block.convolutions])
            windows += seen
        logits = self.output(self.projection(x)).view(*tokens.shape, -1)
        return StepOutput(logits, None, ConvolutionalState(windows), self.softmax.normalized)


def _full_output(
    config: GatedConvolutionalLM.Config, width: int, vocabulary: int, embedding: TokenEmbedding
) -> nn.Module:
    if not config.tied_embeddings:
        return variance_preserving(width, vocabulary, config.dropout)
    output = nn.Linear(config.embedding_dim, vocabulary)
    output.weight = embedding.weight
    nn.init.zeros_(output.bias)
    return output


class ResidualBlock(nn.Module):
    """One causal gated convolution, or three that narrow, convolve and widen, and the residual around them."""

    def __init__(self, inputs: int, block: Blocks, gate: Gate, dropout: float) -> None:
        super().__init__()
        self.residual = variance_preserving(inputs, block.width) if inputs != block.width else nn.Identity()
        self.dropout = Dropout(dropout)
        shapes = [(inputs, block.width, block.kernel)]
        if (inner := block.bottleneck) is not None:
            shapes = [(inputs, inner, 1), (inner, inner, block.kernel), (inner, block.width, 1)]
        self.convolutions = Layers(GatedConvolution(*shape, dropout, gate) for shape in shapes)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, T, inputs]. Returns [B, T, width]."""
        hidden = x
        for convolution in self.convolutions:
            hidden = convolution(self.dropout(hidden), causal=True)
        output: Tensor = (hidden + self.residual(x)) * R
        return output

    def step(self, x: Tensor, pasts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One position: x [N, inputs], and the convolutions' pasts. Returns [N, width], and the next pasts."""
        hidden, windows = x, []
        for convolution, past in zip(self.convolutions, pasts, strict=True):
            hidden, window = convolution.step(hidden, past)
            windows.append(window)
        return (hidden + self.residual(x)) * R, windows

    def empty(self, like: Tensor, rows: int) -> list[Tensor]:
        """The pasts of `rows` texts before their first token."""
        return [convolution.empty(like, rows) for convolution in self.convolutions]
