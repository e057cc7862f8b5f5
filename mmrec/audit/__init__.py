"""The listing of section 5, rebuilt in own words with one switch for each of its faults; notebooks/12-listing.ipynb."""

from mmrec.audit.faults import AS_IT_STANDS, FAULTS, Fault, Faults, mended_in_turn, one_at_a_time
from mmrec.audit.pipeline import Audit, Result, run
from mmrec.audit.symptoms import when_run
from mmrec.audit.table import accumulated, alone, combined

__all__ = [
    "AS_IT_STANDS",
    "FAULTS",
    "Audit",
    "Fault",
    "Faults",
    "Result",
    "accumulated",
    "alone",
    "combined",
    "mended_in_turn",
    "one_at_a_time",
    "run",
    "when_run",
]
