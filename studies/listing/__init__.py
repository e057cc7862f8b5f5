"""The listing of section 5 in our own code, with one switch for each of its faults; notebooks/12-listing.ipynb.

``program`` runs its statements to the last line: the faults that raise an error. ``pipeline`` trains a small network
with and without each of the others.
"""

from studies.listing.faults import AS_IT_STANDS, FAULTS, ORDERS, Fault, Faults, one_at_a_time, repaired_in_turn
from studies.listing.pipeline import Audit, Result, run
from studies.listing.program import CRASHES, Program, Trace
from studies.listing.symptoms import when_run
from studies.listing.table import accumulated, alone, combined

__all__ = [
    "AS_IT_STANDS",
    "CRASHES",
    "FAULTS",
    "ORDERS",
    "Audit",
    "Fault",
    "Faults",
    "Program",
    "Result",
    "Trace",
    "accumulated",
    "alone",
    "combined",
    "one_at_a_time",
    "repaired_in_turn",
    "run",
    "when_run",
]
