"""An optimiser that begins as Adam and goes on as plain SGD."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer


class TwoPhases(Optimizer):
    """Adam for the first updates, then SGD; Adam's moments are given up at the change.

    Which phase it is, the state's own counter of steps says, so a restored state goes on in the right one.

    Args:
        groups: parameters, as torch's optimisers take them.
        adam_updates: steps by Adam.
        betas: as of Adam.
        epsilon: as of Adam.
    """

    def __init__(
        self, groups: Sequence[dict[str, Any]], adam_updates: int, betas: tuple[float, float], epsilon: float
    ) -> None:
        super().__init__(groups, {"lr": 0.0})
        self._adam_updates = adam_updates
        self._adam = Adam([{"params": group["params"]} for group in groups], 0.0, betas, epsilon, fused=True)
        self._adam.state = self.state  # one state, which checkpoints save and restore

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update with the gradients that the parameters have."""
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
