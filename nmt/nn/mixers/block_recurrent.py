"""The recurrent layer of the Block-Recurrent Transformer (Hutchins et al. 2022), as a mixer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from nmt.nn.block_attention import BlockAttention, Keys, Reach, cut, join
from nmt.nn.head_attention import HeadAttention, closed_bias, heads_of, initialise_blocks
from nmt.nn.keys_values import Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions
from nmt.nn.past import Past
from nmt.nn.recurrent_states import RecurrentStates, States
from nmt.nn.rows import Rows
from nmt.nn.state_update import Configuration, GateKind
from nmt.nn.window import Window
from nmt.options import Width


@dataclass
class Carried(Rows):
    """What a part of a text leaves to the next part; a row is a text.

    For truncated backpropagation through time: `carried.map(Tensor.detach)`.
    """

    states: Tensor
    """[B, S, D], as the last block read them; [1, S, D] before the first part."""
    seen: Keys
    """[B, up to 2W, ...], the keys that the last block saw, its own included; nothing before the first part."""


@dataclass
class BlockRecurrentPast(Past):
    """What a hypothesis remembers: constant in size, and all but the window changes only between blocks."""

    by_sentence: ClassVar[bool] = False

    states: States
    window: Window

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return type(self)(self.states.descend(rows, staying, written), self.window.descend(rows, staying, written))


class BlockRecurrence(Mixer):
    """Attention to nearby positions and to states that carry what earlier blocks said.

    In each block of W positions, vertically (the tokens):

        Y = [Attention(Q X, K, V) + bias by distance, Attention(Q' X, K_s, V_s)] W_o
        K, V: of the block and the one before it;    K_s, V_s: of the states before the block

    and horizontally the states read the same keys K, V and K_s, V_s, with queries of their own, for the next block
    (nmt/nn/recurrent_states.py). Tokens never read states that have read their own block, which holds later tokens. The
    states are updated when the next block begins, so the last block of a text updates nothing. The residual connection,
    the norm and the feed-forward block of the tokens are the layer's.

    A position may see itself. In the authors' code it sees the W positions before it only; then the first position of a
    text would see none, and the others nothing of themselves but through the residual connection.
    """

    def __init__(self, shape: LayerShape, config: BlockRecurrent.Config, reach: Reach) -> None:
        super().__init__()
        dim, heads = shape.dim, shape.heads
        self.heads, self.window, self.normalized = heads, config.window, config.normalized
        self.input = nn.Linear(dim, 4 * dim, bias=False)
        """Queries for positions, queries for states, keys, values."""
        self.output = nn.Linear(2 * dim, dim, bias=False)
        initialise_blocks(self.input, self.output)
        self.nearby = BlockAttention(
            dim, heads, shape.attention_dropout, config.window, reach, normalized=config.normalized
        )
        self.to_states = HeadAttention(heads, shape.attention_dropout, normalized=config.normalized)
        self.recurrence = RecurrentStates(
            dim,
            heads,
            config.states,
            gate=config.gate,
            configuration=config.configuration,
            identities=config.state_identities,
            normalized=config.normalized,
        )

    def begin_text(self, x: Tensor) -> Carried:
        """What precedes the first part of a text; x: [B, T, D], that part."""
        size = self.output.out_features // self.heads
        return Carried(self.recurrence.initial(), Keys.nothing(x, len(x), self.heads, size))

    def forward_segment(self, x: Tensor, mask: Tensor, carried: Carried) -> tuple[Tensor, Carried]:
        """A part of a text that is longer than one pass.

        Blocks are counted from the start of the part. So that parts give what one pass gives, all but the last must be
        multiples of W long; a shorter part ends its last block early, and the next part goes on with a new one.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real positions, which come first.
            carried: what the part before left, or `begin_text`.

        Returns:
            [B, T, D], and what this part leaves. Padding changes neither; a row of padding leaves what it was given.
        """
        near_queries, state_queries, keys, values = self._project(x)
        carried = Carried(carried.states, carried.seen.filled(self.window))
        seen = self.nearby.in_blocks(keys, values, mask, carried.seen)
        read = self._states_of_blocks(carried, seen, cut(mask, self.window).any(2))
        state_keys = torch.stack([states.keys for states in read], dim=1)  # [B, N, S, H, D/H]
        state_values = torch.stack([states.values for states in read], dim=1)
        from_states = self.to_states(cut(state_queries, self.window), state_keys, state_values)
        output = self.output(torch.cat([self.nearby(cut(near_queries, self.window), seen), from_states], dim=-1))
        return join(output, x.shape[1]), Carried(read[-1].states, self._last_seen(carried.seen, seen, mask))

    def _states_of_blocks(self, carried: Carried, seen: Keys, present: Tensor) -> list[States]:
        """The states that each of the N blocks reads; those of a row stay when its text has ended.

        Args:
            carried: what precedes the blocks.
            seen: [B, N, ...], the keys that each block sees.
            present: [B, N] bool, whether a block has real positions.
        """
        rows = len(present)
        current = self.recurrence.project(carried.states).map(lambda part: part.expand(rows, *part.shape[1:]))
        read = []
        for block, before in enumerate([carried.seen, *seen.unbind()[:-1]]):
            if before.keys.shape[1]:  # the first block of a text follows none
                changed = self.recurrence.after(current, before.keys, before.values, closed_bias(before.real))
                reads = before.real.any(1) & present[:, block]
                current = self.recurrence.project(torch.where(reads[:, None, None], changed, current.states))
            read.append(current)
        return read

    def _last_seen(self, before: Keys, seen: Keys, mask: Tensor) -> Keys:
        """The keys that the last block with real positions sees; those before this part if there is none."""
        blocks = (mask.sum(1) + self.window - 1) // self.window
        rows = torch.arange(len(mask), device=mask.device)
        last = seen.map(lambda part: part[rows, (blocks - 1).clamp_min(0)])
        return last.filled(self.window).where(blocks > 0, before) if before.keys.shape[1] else last

    def _project(self, x: Tensor) -> list[Tensor]:
        return heads_of(self.input(x), 4, self.heads, normalized=self.normalized)


class BlockRecurrent(BlockRecurrence):
    """Reads whole sentences, in blocks that are counted from a sentence's first real position.

    A position sees its whole block, the whole block before it, and the states, which are carried from left to right. So
    a sentence of up to W positions is read as by full self-attention, and in longer ones the positions of a block see
    nothing of later blocks.
    """

    class Config(MixerOptions, CausalMixerOptions):
        """Self-attention in blocks, with states that carry what was read from block to block (Hutchins et al. 2022), at
        a cost that grows linearly with the length. An encoder sees its block and the one before it, a decoder the last
        `window` positions. Heads and dropout are set in the model's options.
        """

        kind: Literal["block_recurrent"] = "block_recurrent"
        window: Width = 512
        """Length of a block, W, and how many positions a position of a decoder sees: itself and those before it. States
        change between blocks, so choose it shorter than the texts: those of up to `window` positions change no state.
        Time and memory of training grow with this number times the length."""
        states: Width = 512
        """State vectors, S; each has the layer's width."""
        gate: GateKind = "fixed"
        """What replaces the residual connection of the states: `fixed` is a moving average with a learned rate for each
        feature, best as published; `lstm` has forget and input gates."""
        configuration: Configuration = "skip"
        """The parts of a state's update: `skip` is attention, projection and gate, best as published; `dual` adds a
        feed-forward block with a second gate; in `single` the feed-forward block takes the place of the projection."""
        state_identities: bool = True
        """Add a learned vector to each state before it attends. Without it, states start almost alike and remain so."""
        normalized: bool = True
        """Scale the queries and keys of each head to length 1 and multiply scores by a learned number per head;
        otherwise scores are divided by the root of the head's width."""

        def build(self, shape: LayerShape) -> BlockRecurrent:
            """An encoder's mixer with fresh weights."""
            return BlockRecurrent(shape, self, "blocks")

        def build_causal(self, shape: LayerShape) -> CausalBlockRecurrent:
            """A decoder's mixer with fresh weights."""
            return CausalBlockRecurrent(shape, self, "earlier")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        position = torch.arange(x.shape[1], device=x.device)
        first = mask.int().argmax(1, keepdim=True)  # [B, 1]
        from_first = (position + first) % x.shape[1]
        output, _ = self.forward_segment(_taken(x, from_first), mask.gather(1, from_first), self.begin_text(x))
        return _taken(output, (position - first) % x.shape[1])


class CausalBlockRecurrent(BlockRecurrence, CausalMixer[BlockRecurrentPast]):
    """Sees the last W positions, its own included, and the states; it steps in constant time and memory."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.forward_segment(x, mask, self.begin_text(x))[0]

    def begin(self, sentences: int, beam: int, like: Tensor) -> BlockRecurrentPast:
        hypotheses, size = sentences * beam, self.output.out_features // self.heads
        states = self.recurrence.project(self.recurrence.initial())
        return BlockRecurrentPast(
            states.map(lambda part: part.expand(hypotheses, *part.shape[1:])),
            Window.nothing(like, hypotheses, self.window, self.heads, size),
        )

    def step(self, x: Tensor, past: BlockRecurrentPast, slot: Slot) -> tuple[Tensor, BlockRecurrentPast]:
        near_query, state_query, key, value = self._project(x.flatten(0, 1))
        states = past.states
        if past.window.at_border:
            states = self.recurrence.project(self.recurrence.after(states, *past.window.all()))
        window = past.window.write(key, value)
        from_states = self.to_states(state_query[:, None], states.keys, states.values)[:, 0]
        output: Tensor = self.output(torch.cat([self.nearby.step(near_query, window), from_states], dim=-1))
        return output.view_as(x), BlockRecurrentPast(states, window)


def _taken(x: Tensor, order: Tensor) -> Tensor:
    """The positions [B, T] of x [B, T, D], in this order."""
    return x.gather(1, order[..., None].expand_as(x))
