"""What a job's process takes of the machine, as its progress tells."""

from __future__ import annotations

import os

import psutil


class ProcessLoad:
    """Measures this process. Each measurement counts the time since the one before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first answer is always zero

    def measure(self) -> dict[str, float]:
        """`cpu_percent` of one core (200: two cores busy), `cores` of the machine, `memory_bytes` resident."""
        return {
            "cpu_percent": self._process.cpu_percent(),
            "cores": os.cpu_count() or 1,
            "memory_bytes": self._process.memory_info().rss,
        }
