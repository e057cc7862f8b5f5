"""What a piece of work costs."""

import time

import numpy as np

from mmrec.evaluation.cost import PeakMemory, timed


def test_seconds_are_those_of_the_work():
    value, seconds = timed(lambda: time.sleep(0.05) or 7)
    assert value == 7
    assert seconds >= 0.05


def test_peak_memory_is_that_of_the_block():
    with PeakMemory() as large:
        held = np.ones(40_000_000)
        time.sleep(0.1)
    del held
    with PeakMemory() as small:
        time.sleep(0.1)
    assert 250 < large.peak_mb - small.peak_mb < 400  # the array has 305 MB
