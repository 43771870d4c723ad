"""Deep equilibrium encoder-decoder: two Transformer blocks, each applied until its output no longer changes.

The DEQ-Transformer of Bai, Kolter and Koltun 2019, for translation: the decoder's block in Y = g(Y; target, H) attends
to the encoder's equilibrium H = f(H; source).

The decoder's solvers never mix positions, so no iterate depends on later words, however early the solver stops: the
equilibrium at position t depends on positions up to t only. `step` caches the keys and values of these and solves for
the new position.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.models import convergence
from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, State, StepOutput
from nmt.models.deq_blocks import BlockOptions, DecoderBlock, EncoderBlock
from nmt.models.tying import Tying, make_embeddings
from nmt.nn.annealing import Annealed
from nmt.nn.decoded import Decoded
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.equilibrium import Equilibrium, Gradient, Implicit, JacobianPenalty, equilibrium, unroll
from nmt.nn.fixed_point import Anderson, Map, Narrowing, Picard, Solver
from nmt.nn.held import hold
from nmt.nn.keys_values import KeysValues, Slot
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.position import SinusoidalPositions, positions
from nmt.options import MOST_LAYERS, Count, LayerCount, Options
from nmt.tokenizer.base import SPECIAL

CausalSolver = Annotated[Picard | Anderson, Field(discriminator="kind")]
"""Solvers that can give each position its own coefficients at little cost."""


class Pretraining(Options):
    """Training as a shallow network first, which is cheap and gives weights with which solvers converge."""

    updates: Count = 0
    """Number of updates before solving for equilibria; 0 for no pretraining."""
    steps: LayerCount = 2
    """Applications of each block during pretraining."""


@dataclass
class DEQMemory(Memory):
    """The source as the decoder's block sees it."""

    layers: list[KeysValues]
    """Keys and values per layer of the decoder's block, projected once."""
    penalties: dict[str, Tensor]
    """The encoder's penalties, for `DecoderOutput`; scalars, not rows."""
    statistics: dict[str, Tensor]
    """The encoder's statistics, likewise."""


@dataclass
class DEQState(State):
    """The target so far as the decoder's block sees it."""

    decoded: Decoded[KeysValues]
    """Keys and values of each layer at the equilibrium; with explicit steps, of each layer at each step."""
    last: Tensor
    """[N, D]: the equilibrium of the newest position, at which the next position's solver starts."""
    applications: Tensor
    """[N] int64: applications of the block, over all positions so far."""


class DEQ(EncoderDecoder[DEQMemory, DEQState], Annealed):
    """Encoder and decoder at their fixed points."""

    class Config(BlockOptions):
        """Deep equilibrium Transformer (Bai et al. 2019)."""

        kind: Literal["deq"] = "deq"
        tied_embeddings: Tying = "all"
        """Share one matrix: all = source, target and output (needs a joint vocabulary), target = target and output."""
        encoder_solver: Solver = Anderson(tolerance=1e-2, max_iterations=12)
        """Solver for the source's fixed point, with one row per sentence."""
        decoder_solver: CausalSolver = Anderson(tolerance=1e-2, max_iterations=12)
        """Solver for the target's fixed point, with one row per position. Fewer `max_iterations` make translation
        faster."""
        gradient: Gradient = Implicit()
        """How to differentiate a fixed point."""
        jacobian: JacobianPenalty = JacobianPenalty()
        """Penalty on the block's sensitivity, which makes later solutions cheaper."""
        pretraining: Pretraining = Pretraining()
        """Shallow training before the solvers are used."""
        explicit_steps: Annotated[int, Field(ge=0, le=MOST_LAYERS)] = 0
        """Apply each block this many times instead of solving for a fixed point: a weight-tied Transformer with that
        many layers. 0 to solve."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: none`."""

        @model_validator(mode="after")
        def _check_output(self) -> Self:
            self.output.check_untied(self.tied_embeddings != "none", "tied_embeddings: none")
            return self

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> DEQ:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: all embeddings are tied but the vocabularies differ in size.
            """
            return DEQ(self, source_vocabulary, target_vocabulary, pad)

        def conflicts(self, updates: int) -> Iterable[Conflict]:
            """Pretraining that leaves no updates for the equilibrium model."""
            if 0 < self.pretraining.updates >= updates:
                yield Conflict(
                    keys=(("model", "pretraining", "updates"), ("training", "updates")),
                    expected="fewer updates of pretraining than of training",
                    got=f"{self.pretraining.updates} of {updates}",
                    fix="A tenth to a third is usual: the equilibrium model is trained after it.",
                )

    explicit_steps: Tensor

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        self.config = config
        dim = config.model_dim
        self.source_embedding, self.target_embedding = make_embeddings(
            config.tied_embeddings,
            source_vocabulary,
            target_vocabulary,
            lambda vocabulary: TokenEmbedding(vocabulary, dim, pad, std=dim**-0.5, scale=math.sqrt(dim)),
        )
        self.positions = SinusoidalPositions(dim)
        self.dropout = Dropout(config.dropout)
        self.encoder = EncoderBlock(config)
        self.decoder = DecoderBlock(config)
        self.softmax = config.output
        self.output = config.output.build(
            dim, target_vocabulary, lambda: _full_output(config, target_vocabulary, self.target_embedding)
        )
        # saved with the weights: weights from pretraining belong to the shallow network
        self.register_buffer("explicit_steps", torch.tensor(self._steps_at(1)))

    def anneal(self, update: int) -> bool:
        before = self._explicit_steps()
        if before == self.config.explicit_steps:  # never back: the initial weights may be past pretraining
            return False
        self.explicit_steps.fill_(self._steps_at(update))
        return self._explicit_steps() != before

    def concern(self, statistics: Mapping[str, float]) -> str:
        return convergence.concern(statistics, implicit=isinstance(self.config.gradient, Implicit))

    def encode(self, source: Tensor, source_mask: Tensor) -> DEQMemory:
        self.positions.reserve(source.shape[1])
        x = self._dropped(self.source_embedding(source) + self.positions(positions(source_mask)))
        block = hold(self.encoder, self.config.dropout_masks)
        injections = block.inject(x)
        attend_to, real = source_mask[:, None, None, :], source_mask[:, :, None]

        def f(z: Tensor) -> Tensor:
            applied: Tensor = block(z.to(x.dtype), injections, attend_to)
            return applied * real

        trained = _trained(self.encoder, *injections)
        found = self._solve("encoder", f, _zeros(x), self.config.encoder_solver, source_mask.any(1), trained=trained)
        return DEQMemory(
            mask=source_mask,
            layers=self.decoder.project_memory(found.value.to(x.dtype)),
            penalties=found.penalties,
            statistics=found.statistics,
        )

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: DEQMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        # padding is on the right, so causal attention alone keeps real tokens from seeing it
        length = target_input.shape[1]
        self.positions.reserve(length)
        position = self.positions(torch.arange(length, device=target_input.device))
        x = self._dropped(self.target_embedding(target_input) + position)
        block = hold(self.decoder, self.config.dropout_masks)
        injections, real = block.inject(x), target_mask[:, :, None]
        attention = None

        def f(z: Tensor) -> Tensor:
            nonlocal attention  # the last application's attention remains
            z, attention = block(z.to(x.dtype), injections, memory.layers, memory.mask, need_attention=need_attention)
            return z * real

        trained = _trained(self.decoder, *injections, *(layer.keys for layer in memory.layers))
        found = self._solve("decoder", f, _zeros(x), self.config.decoder_solver, target_mask, trained=trained)
        return DecoderOutput(
            self.softmax.predict(self.output, self._dropped(found.value.to(x.dtype))),
            attention=attention,
            penalties={**memory.penalties, **found.penalties},
            statistics={**memory.statistics, **found.statistics},
        )

    def init_state(self, memory: DEQMemory, beam_size: int, max_length: int) -> DEQState:
        sentences, like = memory.mask.shape[0], memory.layers[0].keys
        layers = max(self._explicit_steps(), 1) * self.config.decoder_layers
        pasts = [KeysValues.nothing(like, sentences, *like.shape[2:]) for _ in range(layers)]
        return DEQState(
            decoded=Decoded.nothing(pasts, like, sentences, beam_size),
            last=_zeros(like.new_empty(sentences * beam_size, self.config.model_dim)),
            applications=torch.zeros(sentences * beam_size, dtype=torch.int64, device=like.device),
        )

    def step(
        self, tokens: Tensor, memory: DEQMemory, state: DEQState, *, need_attention: bool = False
    ) -> StepOutput[DEQState]:
        decoded = state.decoded
        slot = decoded.next_slot()
        x = self.target_embedding(tokens) + self.positions.at(decoded.length)  # [B, K, D]
        block = hold(self.decoder)
        injections = block.inject(x)  # [B, K, 3D] each
        if steps := self._explicit_steps():
            z, applications = torch.zeros_like(state.last), torch.full_like(state.applications, steps)
        else:
            f = _NewestPosition(block, injections, decoded.layers, slot, memory, x.dtype)
            leaving = Narrowing(decoded.beam, f.of)
            found = self.config.decoder_solver.solve(f, state.last, narrowing=leaving)
            z, applications = found.value, found.iterations + 1
        attention, z = None, z.to(x.dtype).view_as(x)
        for first in range(0, len(decoded.layers), len(injections)):
            past = decoded.layers[first : first + len(injections)]
            z, attention = block.step(
                z, injections, past, slot, memory.layers, memory.mask, need_attention=need_attention
            )
        last = z.flatten(0, 1).to(state.last.dtype)  # [N, D]
        state = DEQState(decoded.advanced(slot, decoded.layers), last, state.applications + applications)
        return StepOutput(self.output(z), attention, state, self.softmax.normalized)

    def _solve(self, name: str, f: Map, start: Tensor, solver: Solver, real: Tensor, *, trained: bool) -> _Solved:
        """The fixed point, or the result of the explicit steps.

        `real` has one entry per row of the solver. Unless f uses something `trained`, no gradient is prepared.
        """
        steps = self._explicit_steps()
        if steps:
            return _Solved(unroll(f, start, steps), {}, {})
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            found = equilibrium(
                f,
                start,
                solver,
                self.config.gradient,
                vector_axes=start.dim() - real.dim(),
                causal=real.dim() == 2,
                jacobian=self.config.jacobian,
            )
        penalties = {} if found.penalty is None else {f"{name}_jacobian": found.penalty}
        return _Solved(found.value, penalties, _statistics(name, found, real))

    def _explicit_steps(self) -> int:
        return int(self.explicit_steps)

    def _steps_at(self, update: int) -> int:
        pretraining = self.config.pretraining
        return pretraining.steps if update <= pretraining.updates else self.config.explicit_steps

    def _dropped(self, x: Tensor) -> Tensor:
        dropped: Tensor = hold(self.dropout, self.config.dropout_masks)(x)
        return dropped


@dataclass(frozen=True)
class _NewestPosition:
    """f for the newest position of each hypothesis, with earlier positions at their equilibrium."""

    block: DecoderBlock
    injections: list[Tensor]
    past: list[KeysValues]
    """With room for the newest position, which each application overwrites."""
    slot: Slot
    memory: DEQMemory
    dtype: torch.dtype
    """The dtype that the block computes in."""

    def __call__(self, z: Tensor) -> Tensor:
        """z: [N, D]."""
        memory, beams = self.memory, z.to(self.dtype).view(*self.injections[0].shape[:2], -1)
        z, _ = self.block.step(beams, self.injections, self.past, self.slot, memory.layers, memory.mask)
        return z.flatten(0, 1)

    def of(self, sentences: Tensor) -> _NewestPosition:
        """f for the hypotheses of these sentences only."""
        return replace(
            self,
            injections=[injection[sentences] for injection in self.injections],
            past=[past.upto(self.slot.end).select(sentences) for past in self.past],
            slot=replace(self.slot, own=self.slot.own[sentences]),
            memory=self.memory.select(sentences),
        )


class _Solved(NamedTuple):
    value: Tensor
    penalties: dict[str, Tensor]
    statistics: dict[str, Tensor]


def _full_output(config: DEQ.Config, vocabulary: int, embedding: TokenEmbedding) -> nn.Linear:
    output = nn.Linear(config.model_dim, vocabulary, bias=False)
    if config.tied_embeddings == "none":
        nn.init.normal_(output.weight, std=config.model_dim**-0.5)
    else:
        output.weight = embedding.weight
    return output


def _trained(block: nn.Module, *inputs: Tensor) -> bool:
    """Whether anything here takes a gradient."""
    return any(tensor.requires_grad for tensor in (*block.parameters(), *inputs))


def _zeros(like: Tensor) -> Tensor:
    """z0; a solver's state is never in half precision, even if the weights are."""
    return torch.zeros_like(like, dtype=torch.promote_types(like.dtype, torch.float32))


def _statistics(name: str, found: Equilibrium, real: Tensor) -> dict[str, Tensor]:
    """Means outside padding."""
    forward = found.forward
    statistics = {
        f"{name}_iterations": forward.iterations[real].float().mean(),
        f"{name}_residual": forward.residual[real].mean(),
    }
    return statistics | {f"{name}_backward_{what}": values for what, values in found.backward.items()}
