"""The layers of an encoder and a decoder: blocks, each with a residual connection and a norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from torch import Tensor, nn

from nmt.nn.attention import CrossAttention
from nmt.nn.feedforward import FeedForward
from nmt.nn.keys_values import KeysValues, Slot
from nmt.nn.mixers import CausalMixer, Mixer
from nmt.nn.past import Past
from nmt.nn.residual import Residual

MixerT = TypeVar("MixerT", bound=Mixer)


class MixingLayer(nn.Module, Generic[MixerT]):
    """A layer whose first block lets positions see each other; the block's weights are named after its kind.

    So `attention` names the weights of self-attention, as in all existing models, and of nothing else.

    Args:
        kind: kind of the mixer, as in a recipe.
        mixer: the block.
        residual: the connection around it.
    """

    def __init__(self, kind: str, mixer: MixerT, residual: Residual) -> None:
        super().__init__()
        self._mixer, self._mixer_residual = kind, f"{kind}_residual"
        self.add_module(self._mixer, mixer)
        self.add_module(self._mixer_residual, residual)

    @property
    def mixer(self) -> MixerT:
        """The block."""
        return cast(MixerT, self._modules[self._mixer])

    @property
    def mixer_residual(self) -> Residual:
        """The connection around it."""
        return cast(Residual, self._modules[self._mixer_residual])

    def mix(self, x: Tensor, mask: Tensor) -> Tensor:
        """The block with its connection; x: [B, T, D], mask: [B, T] bool."""
        residual = self.mixer_residual
        return residual.after(x, self.mixer(residual.before(x, mask), mask), mask)


class ReaderLayer(MixingLayer[MixerT]):
    """A mixer alone; a layer of a reader without feed-forward blocks."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: [B, S, D]; mask: [B, S] bool, True on real tokens. Returns [B, S, D]."""
        return self.mix(x, mask)


class EncoderLayer(ReaderLayer[MixerT]):
    """A mixer, then feed-forward.

    Args:
        kind: kind of the mixer.
        mixer: lets positions see each other.
        feedforward: acts on each position.
        residual: makes the connection around a block.
    """

    def __init__(self, kind: str, mixer: MixerT, feedforward: FeedForward, residual: Callable[[], Residual]) -> None:
        super().__init__(kind, mixer, residual())
        self.feedforward, self.feedforward_residual = feedforward, residual()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.feedforward_residual.around(self.feedforward, self.mix(x, mask), mask)


class CausalLayer(EncoderLayer[CausalMixer[Any]]):
    """A causal mixer, then feed-forward; can step by one position. A layer of a decoder without a source."""

    def step(self, x: Tensor, past: Past, slot: Slot) -> tuple[Tensor, Past]:
        """x: [B, K, D]. Returns [B, K, D] and the past with this position."""
        x, past = mix_one(self, x, past, slot)
        return self.feedforward_residual.around(self.feedforward, x, None), past


class DecoderLayer(MixingLayer[CausalMixer[Any]]):
    """A causal mixer, attention to the source, then feed-forward.

    Args:
        kind: kind of the mixer.
        mixer: lets positions of the target see earlier ones.
        cross: attends to the source.
        feedforward: acts on each position.
        residual: makes the connection around a block.
    """

    def __init__(
        self,
        kind: str,
        mixer: CausalMixer[Any],
        cross: CrossAttention,
        feedforward: FeedForward,
        residual: Callable[[], Residual],
    ) -> None:
        super().__init__(kind, mixer, residual())
        self.cross, self.cross_residual = cross, residual()
        self.feedforward, self.feedforward_residual = feedforward, residual()

    def project_memory(self, source: Tensor) -> KeysValues:
        """Keys and values of the encoder's output [B, S, D]."""
        return self.cross.project(source)

    def forward(
        self, x: Tensor, mask: Tensor, memory: KeysValues, source_mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Whole targets.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real tokens, which come first.
            memory: the source, as from `project_memory`.
            source_mask: [B, S] bool, True on real tokens.
            need_attention: also return the attention to the source.

        Returns:
            [B, T, D], and attention [B, T, S] if requested.
        """
        return self._attend_and_feed(self.mix(x, mask), mask, memory, source_mask, need_attention)

    def step(
        self,
        x: Tensor,
        past: Past,
        slot: Slot,
        memory: KeysValues,
        source_mask: Tensor,
        *,
        need_attention: bool,
    ) -> tuple[Tensor, Tensor | None, Past]:
        """x: [B, K, D]. Returns [B, K, D], attention [B, K, S] if requested, and the past with this position."""
        x, past = mix_one(self, x, past, slot)
        x, attention = self._attend_and_feed(x, None, memory, source_mask, need_attention)
        return x, attention, past

    def _attend_and_feed(
        self, x: Tensor, mask: Tensor | None, memory: KeysValues, source_mask: Tensor, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        residual = self.cross_residual
        read = residual.before(x, mask)
        update, attention = self.cross(read, memory, source_mask[:, None, None, :], need_attention=need_attention)
        x = residual.after(x, update, mask)
        return self.feedforward_residual.around(self.feedforward, x, mask), attention


def mix_one(layer: MixingLayer[CausalMixer[Any]], x: Tensor, past: Past, slot: Slot) -> tuple[Tensor, Past]:
    """The first block of a decoder layer, with its connection, for one more position.

    x: [B, K, D]. Returns [B, K, D] and the past with this position.
    """
    residual = layer.mixer_residual
    update, past = layer.mixer.step(residual.before(x, None), past, slot)
    return residual.after(x, update, None), past
