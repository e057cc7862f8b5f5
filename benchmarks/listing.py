"""The audit of section 5 with several seeds: ``results/listing.json``, which chapter 12 prints beside its own run.

Run ``python benchmarks/listing.py [--seeds 5]``. Each fault is put alone into the mended pipeline, and the faults are
mended in turn. Every figure is a mean over the seeds with its interval over people; the tests of NDCG@20, with Holm's
correction, pair the pipeline with one fault with the mended one, and each mending in turn with the step before it.
"""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrec.audit import Audit, Faults, mended_in_turn, one_at_a_time
from mmrec.datasets import open_dataset
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.protocol import Evaluation
from mmrec.evaluation.record import save_record
from mmrec.evaluation.statistics import holm

MENDED = "mended"


def measured(audits: list[Audit], pipelines: dict[str, Faults]) -> tuple[Comparison, Comparison]:
    """The pipelines that run, compared by their scores and by their lists."""
    rated: dict[str, list[Evaluation]] = {}
    lists: dict[str, list[Evaluation]] = {}
    for name, faults in tqdm(pipelines.items()):
        if audits[0].error(faults):
            continue
        rated[name] = [audit.rated(faults) for audit in audits]
        lists[name] = [audit.lists(faults) for audit in audits]
    return Comparison(rated), Comparison(lists)


def figures(rated: Comparison, lists: Comparison) -> dict[str, dict[str, Any]]:
    """Name -> AUC and NDCG@20 as [mean, low, high]."""
    auc, ndcg = rated.as_json(("auc",)), lists.as_json(("ndcg@20",))
    return {name: {**auc[name], **ndcg[name]} for name in auc}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    catalogue = open_dataset("embedded")
    audits = [Audit(catalogue, seed) for seed in range(options.seeds)]

    rated, lists = measured(audits, {MENDED: Faults(), **one_at_a_time()})
    alone = figures(rated, lists)
    faulty = tuple(name for name in alone if name != MENDED)
    for name, row in zip(faulty, lists.against(MENDED, faulty).to_dict("records"), strict=True):
        alone[name]["mended - this"] = row

    rated, lists = measured(audits, mended_in_turn())
    turn = figures(rated, lists)
    steps = list(zip(turn, list(turn)[1:], strict=False))
    rows = {after: lists.against(after, (before,)).to_dict("records")[0] for before, after in steps}
    adjusted = holm({name: row["p"] for name, row in rows.items()})
    for name, row in rows.items():
        turn[name]["this - the step before"] = {**row, "p (Holm)": adjusted[name]}

    out = Path(__file__).parents[1] / "results" / "listing.json"
    told = f"python benchmarks/listing.py --seeds {options.seeds}"
    found = {"alone": alone, "in turn": turn}
    save_record(out, found, seed=0, seeds=options.seeds, data_hash=catalogue.fingerprint, command=told)
    print(out)


if __name__ == "__main__":
    main()
