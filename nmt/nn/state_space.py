"""A linear state space model with a complex diagonal state matrix, many inputs and many outputs.

Smith, Warrington and Linderman 2022, "Simplified State Space Layers for Sequence Modeling" (S5), arXiv 2208.04933.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.nn.diagonal_scan import diagonal_scan
from nmt.nn.hippo import normal_hippo_eigen
from nmt.nn.parameter_groups import Grouped, ParameterGroup
from nmt.options import Effect, NonNegativeFloat, Options, PositiveFloat

Discretization = Literal["zoh", "bilinear"]
"""From continuous time to steps: zero-order hold or the bilinear transform."""

OutputStart = Literal["lecun_normal", "truncated_normal", "complex_normal"]
"""Initial output matrices."""

_MOST_STATES = 4096
_SLOWEST_DECAY = -1e-4
_TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a standard normal variable cut off at two."""


class StateSpaceOptions(Options):
    """The options of a state space model."""

    states: Annotated[int, Field(gt=0, le=_MOST_STATES)] = 128
    """P, number of states before conjugate symmetry halves what is stored; published are 16 to 384."""
    blocks: Annotated[int, Field(gt=0, le=_MOST_STATES), Effect.TRAINING] = 8
    """J, number of equal blocks of the initial state matrix; each begins with the eigenvalues of a HiPPO-N matrix of
    states / blocks rows. `states` must be a multiple."""
    conjugate_symmetry: bool = True
    """Compute one state of each conjugate pair and double the real part of the output, as published; false keeps all
    states, each free."""
    discretization: Discretization = "zoh"
    """How a step follows from continuous time: zero-order hold, exact for inputs that are constant during a step, or
    the bilinear transform."""
    step_range: Annotated[tuple[PositiveFloat, PositiveFloat], Effect.TRAINING] = (0.001, 0.1)
    """Range of the initial step sizes, [shortest, longest], drawn log-uniformly, one per state. At first a state
    forgets within about 2 / step positions; published are 0.001 to 0.1, and from 0.0001 on for 16,000 positions."""
    c_initialisation: Annotated[OutputStart, Effect.TRAINING] = "lecun_normal"
    """Initial output matrix C: `lecun_normal` has the standard deviation 1 / sqrt(P * width) and `truncated_normal`
    1 / sqrt(P), both in the basis of the eigenvectors; `complex_normal` 1 without change of basis."""
    clip_eigenvalues: bool = True
    """Keep the real parts of the eigenvalues below -1e-4, so that no state grows without bounds on long texts."""
    learning_rate_factor: Annotated[NonNegativeFloat, Effect.TRAINING] = 0.25
    """Factor of the learning rate for eigenvalues, step sizes and input matrix, which have no weight decay either;
    published are 1/5 to 1/2."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.states % self.blocks:
            raise ValueError(f"states must be a multiple of blocks, but {self.states} is not one of {self.blocks}")
        size = self.states // self.blocks
        if self.conjugate_symmetry and size % 2:
            raise ValueError(
                f"states in conjugate pairs need an even number per block, but {self.states} states in {self.blocks} "
                f"blocks are {size} each; change states or blocks, or set conjugate_symmetry: false"
            )
        shortest, longest = self.step_range
        if shortest > longest:
            raise ValueError(f"step_range must be [shortest, longest], but got [{shortest}, {longest}]")
        return self

    @property
    def stored(self) -> int:
        """Number of complex states that are computed."""
        return self.states // 2 if self.conjugate_symmetry else self.states


@dataclass(frozen=True)
class DiscreteSystem:
    """A state space model in steps, x_t = decay * x_(t-1) + gain * B u_t."""

    decay: Tensor
    """[P] complex, the state matrix's diagonal."""
    gain: Tensor
    """[P] complex."""


class StateSpace(nn.Module, Grouped):
    """x' = diag(lambda) x + B u,  y = Re(C x) + D * u,  in steps whose sizes are learned, one per state.

        x_t = a x_(t-1) + g * B u_t    a = exp(lambda step)    g = (a - 1) / lambda

    with zero-order hold; the bilinear transform has a = (1 + h) / (1 - h) and g = step / (1 - h) for h = lambda step /
    2. With conjugate symmetry y = 2 Re(C x) + D * u. If it reads in both directions, a second recurrence with the same
    a, g and B begins at the end, and C has columns for the states of both.

    All parameters are real. B and C are linear layers, real and imaginary parts in turn, so that a product of complex
    numbers is one of real matrices, which may be in half precision or 8 bits; the recurrence is in float32 or more.

    Args:
        dim: D, width of inputs and outputs.
        options: its options.
        both_directions: whether a position also sees later ones.
    """

    def __init__(self, dim: int, options: StateSpaceOptions, *, both_directions: bool) -> None:
        super().__init__()
        stored = options.stored
        self.discretization, self.both_directions = options.discretization, both_directions
        self.output_factor = 2.0 if options.conjugate_symmetry else 1.0
        self.slowest_decay = _SLOWEST_DECAY if options.clip_eigenvalues else math.inf
        self.group = ParameterGroup(
            f"state space, learning rate times {options.learning_rate_factor}",
            options.learning_rate_factor,
            weight_decay=False,
        )
        self.eigenvalue_real, self.eigenvalue_imaginary, self.log_step = (
            nn.Parameter(torch.empty(stored)) for _ in range(3)
        )
        self.input = nn.Linear(dim, 2 * stored, bias=False)
        """B: rows of real and imaginary parts in turn."""
        self.output = nn.Linear((2 if both_directions else 1) * 2 * stored, dim, bias=False)
        """C: columns of real parts and negative imaginary parts in turn."""
        self.feedthrough = nn.Parameter(torch.empty(dim))
        """D."""
        if not self.log_step.is_meta:
            self._initialise(options)

    @torch.no_grad()
    def _initialise(self, options: StateSpaceOptions) -> None:
        """Draws the weights as the authors' code does."""
        dim, blocks = len(self.feedthrough), options.blocks
        eigenvalues, vectors = normal_hippo_eigen(options.states // blocks)
        kept = options.stored // blocks
        eigenvalues, vectors = eigenvalues[:kept], vectors[:, :kept].to(self.log_step.device, torch.complex64)
        self.eigenvalue_real.copy_(eigenvalues.real.repeat(blocks))
        self.eigenvalue_imaginary.copy_(eigenvalues.imag.repeat(blocks))
        shortest, longest = options.step_range
        self.log_step.uniform_(math.log(shortest), math.log(longest))
        inputs = _truncated_normal(options.states**-0.5, options.states, dim).view(blocks, -1, dim)
        driven = (vectors.mH @ inputs.to(vectors.dtype)).flatten(0, 1)  # [P, D]
        self.input.weight.copy_(torch.view_as_real(driven).transpose(1, 2).flatten(0, 1))
        read = [_output_matrix(options, dim, vectors) for _ in range(2 if self.both_directions else 1)]
        self.output.weight.copy_(torch.view_as_real(torch.cat(read, dim=1).conj().resolve_conj()).flatten(1))
        nn.init.normal_(self.feedthrough)

    def parameter_group(self, name: str) -> ParameterGroup | None:
        """That of the state's dynamics, as in the authors' code; D and C are trained like other weights."""
        dynamic = ("eigenvalue_real", "eigenvalue_imaginary", "log_step", "input.weight")
        return self.group if name in dynamic else None

    def discrete(self) -> DiscreteSystem:
        """The system in steps, in float32 or more."""
        dtype = torch.promote_types(self.log_step.dtype, torch.float32)
        real = self.eigenvalue_real.to(dtype).clamp(max=self.slowest_decay)
        eigenvalues = torch.complex(real, self.eigenvalue_imaginary.to(dtype))
        step = self.log_step.to(dtype).exp()
        if self.discretization == "zoh":
            turned = eigenvalues * step
            return DiscreteSystem(turned.exp(), turned.expm1() / eigenvalues)  # a - 1 would lose most digits
        half = eigenvalues * step / 2
        return DiscreteSystem((1 + half) / (1 - half), step / (1 - half))

    def forward(self, u: Tensor) -> Tensor:
        """Whole sequences from the zero state.

        Args:
            u: [B, T, D], zero where nothing is to be seen.

        Returns:
            [B, T, D]
        """
        system, projected = self.discrete(), self.input(u)
        with torch.autocast(u.device.type, enabled=False):
            update = system.gain * _as_complex(projected)
            states = diagonal_scan(system.decay, update)
            if self.both_directions:
                states = torch.cat([states, diagonal_scan(system.decay, update, backwards=True)], dim=-1)
        return self._read(u, states, projected.dtype)

    def step(self, u: Tensor, state: Tensor, system: DiscreteSystem) -> tuple[Tensor, Tensor]:
        """One more position; for a system that reads in one direction.

        Args:
            u: [N, D].
            state: [N, P] complex.
            system: as from `discrete`.

        Returns:
            [N, D] and the state after it.
        """
        projected = self.input(u)
        with torch.autocast(u.device.type, enabled=False):
            state = torch.addcmul(system.gain * _as_complex(projected), system.decay, state)
        return self._read(u, state, projected.dtype), state

    def _read(self, u: Tensor, states: Tensor, dtype: torch.dtype) -> Tensor:
        """The output for inputs [..., D] and states [..., P]; C's product is in `dtype`."""
        read = self.output(torch.view_as_real(states).flatten(-2).to(dtype))
        return torch.addcmul(self.output_factor * read, self.feedthrough, u)


def _as_complex(parts: Tensor) -> Tensor:
    """[..., 2P] of real and imaginary parts in turn, as [..., P] complex64, or complex128 for float64."""
    parts = parts.to(torch.promote_types(parts.dtype, torch.float32))
    return torch.view_as_complex(parts.reshape(*parts.shape[:-1], parts.shape[-1] // 2, 2))


def _output_matrix(options: StateSpaceOptions, dim: int, vectors: Tensor) -> Tensor:
    """A random C for one direction, [D, P] complex."""
    if options.c_initialisation == "complex_normal":
        return torch.randn(dim, options.stored, dtype=vectors.dtype)
    # as in the authors' code, where `lecun_normal` counts both axes as inputs
    inputs = options.states * (dim if options.c_initialisation == "lecun_normal" else 1)
    drawn = torch.view_as_complex(_truncated_normal(inputs**-0.5, dim, options.states, 2))
    return (drawn.view(dim, options.blocks, -1) @ vectors).flatten(1)


def _truncated_normal(std: float, *shape: int) -> Tensor:
    """Normal variables of this standard deviation after cutting off at two of the uncut."""
    uncut = std / _TRUNCATED_STD
    return nn.init.trunc_normal_(torch.empty(shape), std=uncut, a=-2 * uncut, b=2 * uncut)
