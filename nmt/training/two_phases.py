"""An optimiser that switches from Adam to plain SGD."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer


class TwoPhases(Optimizer):
    """Adam for the first updates, then SGD; Adam's moments are dropped at the switch.

    The step counter in the state determines the phase, so a restored state continues in the right one.

    Args:
        groups: parameter groups, as for torch's optimisers.
        adam_updates: number of steps with Adam.
        betas: Adam's betas.
        epsilon: Adam's epsilon.
    """

    def __init__(
        self, groups: Sequence[dict[str, Any]], adam_updates: int, betas: tuple[float, float], epsilon: float
    ) -> None:
        super().__init__(groups, {"lr": 0.0})
        self._adam_updates = adam_updates
        self._adam = Adam([{"params": group["params"]} for group in groups], 0.0, betas, epsilon, fused=True)
        self._adam.state = self.state  # shared, so that checkpoints save and restore a single state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update with the current gradients of the parameters."""
        if not self.state or self._steps() < self._adam_updates:
            for group, adam in zip(self.param_groups, self._adam.param_groups, strict=True):
                adam["lr"] = group["lr"]
            self._adam.step()
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                self._descend(parameter, group["lr"])

    def _steps(self) -> int:
        return max(int(state["step"]) for state in self.state.values() if state)

    def _descend(self, parameter: torch.nn.Parameter, rate: float) -> None:
        state = self.state[parameter]
        for name in [name for name in state if name != "step"]:
            del state[name]
        step: Tensor = state["step"]
        step += 1
        assert parameter.grad is not None
        parameter.add_(parameter.grad, alpha=-rate)
