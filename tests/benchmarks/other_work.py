"""Share of the cores used by other programs during a benchmark, to judge its figures by."""

from __future__ import annotations

import os
import resource
from pathlib import Path


class OtherWork:
    """Counts the processor time of everything except our own finished child processes (Linux)."""

    def __init__(self) -> None:
        self.before = self._seconds()

    def share(self) -> float:
        """Share of all cores since the start; call it after the child processes have ended."""
        everybody, everything, ours = (now - then for now, then in zip(self._seconds(), self.before, strict=True))
        return max(0.0, everybody - ours) / everything

    @staticmethod
    def _seconds() -> tuple[float, float, float]:
        """Busy seconds of all cores, busy plus idle seconds, and the seconds of our child processes."""
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        idle = ticks[3] + ticks[4]
        return sum(ticks) - idle, sum(ticks), ours.ru_utime + ours.ru_stime
