"""What other programs do on the machine while a benchmark's child processes run: a figure to judge its figures by."""

from __future__ import annotations

import os
import resource
from pathlib import Path


class OtherWork:
    """Counts the processor time that everything but our own finished child processes takes (Linux)."""

    def __init__(self) -> None:
        self.before = self._seconds()

    def share(self) -> float:
        """Share of all cores since the start; call when the children have ended."""
        everybody, everything, ours = (now - then for now, then in zip(self._seconds(), self.before, strict=True))
        return max(0.0, everybody - ours) / everything

    @staticmethod
    def _seconds() -> tuple[float, float, float]:
        """Busy seconds of all cores, busy and idle ones, and those of our children."""
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        idle = ticks[3] + ticks[4]
        return sum(ticks) - idle, sum(ticks), ours.ru_utime + ours.ru_stime
