"""What a piece of work costs: seconds and memory."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psutil


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` gives, and the seconds it took."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


class PeakMemory:
    """The largest resident memory of this process while the block runs, in MB, looked at 50 times a second.

    The operating system's own peak never falls again, so that a small model after a large one would inherit it.
    """

    peak_mb: float = 0.0

    def __enter__(self) -> "PeakMemory":
        self._process, self._done = psutil.Process(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, round(self._process.memory_info().rss / 2**20, 1))
            if self._done.wait(0.02):
                return

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watcher.join()
