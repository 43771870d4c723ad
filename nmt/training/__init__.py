"""Training: objective, schedules, optimisers, checkpoints, processes and the loop."""

from __future__ import annotations

from nmt.training.options import Training

__all__ = ["Training"]
