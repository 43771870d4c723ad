"""The blocks that a deep equilibrium Transformer iterates (Bai, Kolter and Koltun 2019, section 3.2).

Post-norm without learned parameters, and weight norm; the input is injected into queries, keys and values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Generic, Self, TypeVar

from pydantic import model_validator
from torch import Tensor, nn

from nmt.models.base import ModelOptions
from nmt.nn.attention import CrossAttention, check_heads
from nmt.nn.dropout import Dropout
from nmt.nn.feedforward import Activation, FeedForward
from nmt.nn.held import MaskShape
from nmt.nn.injected_attention import InjectedSelfAttention
from nmt.nn.kernels.normalized_sum import normalized_sum
from nmt.nn.keys_values import KeysValues, Slot
from nmt.nn.layers import Layers
from nmt.nn.weight_norm import use_weight_norm
from nmt.options import DropoutRate, Effect, LayerCount, PositiveFloat, Width

LayerT = TypeVar("LayerT", bound="EncoderLayer")


class BlockOptions(ModelOptions):
    """Sizes of the blocks."""

    kind: str
    model_dim: Width = 512
    """Width of the embeddings and of the state."""
    feedforward_dim: Width = 2048
    """Inner width of the feed-forward blocks."""
    heads: Width = 8
    """Attention heads; model_dim must be a multiple."""
    encoder_layers: LayerCount = 1
    """Layers within the encoder's block, which is iterated."""
    decoder_layers: LayerCount = 1
    """Layers within the decoder's block, which is iterated."""
    dropout: DropoutRate = 0.1
    """Probability of zeroing an element of the embeddings, of each sub-block's output and of the equilibrium."""
    attention_dropout: DropoutRate = 0.0
    """Dropout rate of attention weights."""
    activation_dropout: DropoutRate = 0.0
    """Dropout rate of the inner activations of the feed-forward blocks."""
    dropout_masks: Annotated[MaskShape, Effect.TRAINING] = "sentence"
    """Share a dropout mask among all tokens of a sentence, as published, or draw one per token. Masks stay the same in
    all iterations."""
    activation: Activation = "relu"
    """Non-linearity of the feed-forward blocks."""
    initial_std: PositiveFloat = 0.05
    """Standard deviation of the normal distribution that the blocks' weights are drawn from."""

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        check_heads(self.model_dim, self.heads)
        return self


class Block(nn.Module, Generic[LayerT]):
    """The function that is iterated: one layer or a few."""

    def __init__(self, layers: Iterable[LayerT], initial_std: float) -> None:
        super().__init__()
        self.layers = Layers(layers)
        use_weight_norm(self, initial_std)

    def inject(self, x: Tensor) -> list[Tensor]:
        """x: [..., D], the embedded tokens. Returns [..., 3D] for each layer."""
        return [layer.injection(x) for layer in self.layers]


class EncoderBlock(Block["EncoderLayer"]):
    """f(z; x) of the encoder."""

    def __init__(self, config: BlockOptions) -> None:
        super().__init__((EncoderLayer(config) for _ in range(config.encoder_layers)), config.initial_std)

    def forward(self, z: Tensor, injections: list[Tensor], mask: Tensor) -> Tensor:
        """z: [B, S, D]; mask: [B, 1, 1, S] bool. Returns [B, S, D]."""
        for layer, injection in zip(self.layers, injections, strict=True):
            z = layer(z, injection, mask)
        return z


class DecoderBlock(Block["DecoderLayer"]):
    """f(z; y, H) of the decoder."""

    def __init__(self, config: BlockOptions) -> None:
        super().__init__((DecoderLayer(config) for _ in range(config.decoder_layers)), config.initial_std)

    def project_memory(self, source: Tensor) -> list[KeysValues]:
        """source: [B, S, D], the encoder's equilibrium. Returns keys and values for each layer."""
        return [layer.cross.project(source) for layer in self.layers]

    def forward(
        self,
        z: Tensor,
        injections: list[Tensor],
        memory: list[KeysValues],
        source_mask: Tensor,
        *,
        need_attention: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """z: [B, T, D]. Returns [B, T, D], and the last layer's attention [B, T, S] if requested."""
        attention = None
        for layer, injection, keys_values in zip(self.layers, injections, memory, strict=True):
            z = layer.attend(z, layer.attention(z, injection, None))
            z, attention = layer.finish(z, keys_values, source_mask, need_attention=need_attention)
        return z, attention

    def step(
        self,
        z: Tensor,
        injections: list[Tensor],
        past: list[KeysValues],
        slot: Slot,
        memory: list[KeysValues],
        source_mask: Tensor,
        *,
        need_attention: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """z: [B, K, D]. Returns [B, K, D], and attention [B, K, S] if requested; writes into the past."""
        attention = None
        for layer, injection, before, keys_values in zip(self.layers, injections, past, memory, strict=True):
            z = layer.attend(z, layer.attention.step(z, injection, before, slot))
            z, attention = layer.finish(z, keys_values, source_mask, need_attention=need_attention)
        return z, attention


class EncoderLayer(nn.Module):
    """Self-attention with injection, then feed-forward, each normalised after its residual sum."""

    def __init__(self, config: BlockOptions) -> None:
        super().__init__()
        dim = config.model_dim
        self.injection = nn.Linear(dim, 3 * dim)
        self.attention = InjectedSelfAttention(dim, config.heads, config.attention_dropout)
        self.attention_dropout = Dropout(config.dropout)
        self.feedforward = FeedForward(dim, config.feedforward_dim, config.activation, config.activation_dropout)
        self.feedforward_dropout = Dropout(config.dropout)

    def forward(self, z: Tensor, injection: Tensor, mask: Tensor) -> Tensor:
        """z: [B, S, D]; injection: [B, S, 3D]; mask: [B, 1, 1, S] bool. Returns [B, S, D]."""
        return self.feed(self.attend(z, self.attention(z, injection, mask)))

    def attend(self, z: Tensor, update: Tensor) -> Tensor:
        """Adds the result of self-attention and normalises."""
        return normalized_sum(z, self.attention_dropout(update))

    def feed(self, z: Tensor) -> Tensor:
        """The feed-forward sub-block."""
        return normalized_sum(z, self.feedforward_dropout(self.feedforward(z)))


class DecoderLayer(EncoderLayer):
    """Self-attention with injection, attention to the source, then feed-forward, each normalised after its sum."""

    def __init__(self, config: BlockOptions) -> None:
        super().__init__(config)
        self.cross = CrossAttention(config.model_dim, config.heads, config.attention_dropout)
        self.cross_dropout = Dropout(config.dropout)

    def finish(
        self, z: Tensor, memory: KeysValues, source_mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The sub-blocks after self-attention; z: [B, T, D], or [B, K, D] in a search step."""
        update, attention = self.cross(z, memory, source_mask[:, None, None, :], need_attention=need_attention)
        return self.feed(normalized_sum(z, self.cross_dropout(update))), attention
