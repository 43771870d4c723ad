"""An optimiser that begins as Adam and goes on as plain SGD."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer


class TwoPhases(Optimizer):
    """Adam for the first updates, then SGD; Adam's moments are given up at the change.

    Which phase it is, the state's own counter of steps says, so a restored state goes on in the right one.

    Args:
        parameter: the only one.
        adam_updates: steps by Adam.
        betas: as of Adam.
        epsilon: as of Adam.
    """

    def __init__(
        self, parameter: torch.nn.Parameter, adam_updates: int, betas: tuple[float, float], epsilon: float
    ) -> None:
        super().__init__([parameter], {"lr": 0.0})
        self._parameter, self._adam_updates = parameter, adam_updates
        self._adam = Adam([parameter], lr=0.0, betas=betas, eps=epsilon, fused=True)
        self._adam.state = self.state  # one state, which checkpoints save and restore

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update with the gradient that the parameter has."""
        state, rate = self.state[self._parameter], self.param_groups[0]["lr"]
        if not state or int(state["step"]) < self._adam_updates:
            self._adam.param_groups[0]["lr"] = rate
            self._adam.step()
            return
        for name in [name for name in state if name != "step"]:
            del state[name]
        step: Tensor = state["step"]
        step += 1
        assert self._parameter.grad is not None
        self._parameter.add_(self._parameter.grad, alpha=-rate)
