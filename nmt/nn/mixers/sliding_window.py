"""Attention to the positions within a window, as a mixer: its cost grows linearly with the length."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nmt.nn.block_attention import BlockAttention, Keys, Reach, cut, join
from nmt.nn.head_attention import heads_of, initialise_blocks
from nmt.nn.keys_values import Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions
from nmt.nn.window import Window
from nmt.options import Width


class SlidingWindow(Mixer):
    """Attention of a position to those less than W away, on both sides, with T5's relative bias.

    There are no biases of projections, and no norm: the layer has one.
    """

    class Config(MixerOptions, CausalMixerOptions):
        """Self-attention within a window: an encoder sees fewer than `window` positions back and ahead, a decoder the
        last `window` positions. Heads and dropout are set in the model's options.
        """

        kind: Literal["sliding_window"] = "sliding_window"
        window: Width = 512
        """How many positions a position of a decoder sees: itself and those before it. An encoder sees as many on each
        side. Time and memory of training grow with this number times the length."""
        normalized: bool = True
        """Scale the queries and keys of each head to length 1 and multiply scores by a learned number per head;
        otherwise scores are divided by the root of the head's width."""

        def build(self, shape: LayerShape) -> SlidingWindow:
            """An encoder's mixer with fresh weights."""
            return SlidingWindow(shape, self, "around")

        def build_causal(self, shape: LayerShape) -> CausalSlidingWindow:
            """A decoder's mixer with fresh weights."""
            return CausalSlidingWindow(shape, self, "earlier")

    def __init__(self, shape: LayerShape, config: Config, reach: Reach) -> None:
        super().__init__()
        self.heads, self.window, self.normalized = shape.heads, config.window, config.normalized
        self.input = nn.Linear(shape.dim, 3 * shape.dim, bias=False)
        """Queries, keys, values."""
        self.output = nn.Linear(shape.dim, shape.dim, bias=False)
        initialise_blocks(self.input, self.output)
        self.nearby = BlockAttention(
            shape.dim, shape.heads, shape.attention_dropout, config.window, reach, normalized=config.normalized
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        queries, keys, values = self._project(x)
        nothing = Keys.nothing(keys, len(x), self.heads, keys.shape[-1])
        seen = self.nearby.in_blocks(keys, values, mask, nothing)
        output: Tensor = self.output(self.nearby(cut(queries, self.window), seen))
        return join(output, x.shape[1])

    def _project(self, x: Tensor) -> list[Tensor]:
        return heads_of(self.input(x), 3, self.heads, normalized=self.normalized)


class CausalSlidingWindow(SlidingWindow, CausalMixer[Window]):
    """Attention of a position to the last W positions, its own included; it steps in constant time and memory."""

    def begin(self, sentences: int, beam: int, like: Tensor) -> Window:
        size = self.output.in_features // self.heads
        return Window.nothing(like, sentences * beam, self.window, self.heads, size)

    def step(self, x: Tensor, past: Window, slot: Slot) -> tuple[Tensor, Window]:
        query, key, value = self._project(x.flatten(0, 1))
        window = past.write(key, value)
        output: Tensor = self.output(self.nearby.step(query, window))
        return output.view_as(x), window
