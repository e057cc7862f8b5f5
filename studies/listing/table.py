"""The audit's table: the faults repaired one after the other, and each alone with all others repaired."""

import pandas as pd

from studies.listing.faults import FAULTS, one_at_a_time, repaired_in_turn
from studies.listing.pipeline import Audit, Result
from studies.listing.symptoms import when_run


def accumulated(audit: Audit) -> dict[str, Result]:
    """Name -> result with that fault and all before it repaired; first the listing as it stands."""
    return {name: audit.run(faults) for name, faults in repaired_in_turn().items()}


def alone(audit: Audit) -> dict[str, Result]:
    """Name -> result with that fault in force and all others repaired."""
    return {name: audit.run(faults) for name, faults in one_at_a_time().items()}


def combined(audit: Audit) -> pd.DataFrame:
    """One row per fault: what repairing it in turn changes, and what it alone does to the repaired pipeline.

    Columns: fault, when run (error text or wrong number), repair; then "in turn" and "alone": AUC, NDCG@20 and what
    the pipeline reports of itself. NaN where it does not run.
    """
    in_turn, one, seen = accumulated(audit), alone(audit), when_run(audit)
    rows = []
    for fault in FAULTS:
        after, only = in_turn[fault.name], one[fault.name]
        rows.append(
            {
                "fault": fault.what,
                "when run": seen[fault.name],
                "repair": fault.repair,
                **_numbers("in turn", after),
                **_numbers("alone", only),
            }
        )
    return pd.DataFrame(rows, index=pd.Index([fault.name for fault in FAULTS], name="switch"))


def _numbers(when: str, result: Result) -> dict[str, float | str]:
    reported = f"{result.measure} {result.reported:.3f}" if result.measure else ""
    return {f"AUC, {when}": result.auc, f"NDCG@20, {when}": result.ndcg, f"reported, {when}": reported}
