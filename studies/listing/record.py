"""The audit of section 5 with several seeds: ``results/listing.json``, which chapter 12 prints next to its own run.

Run ``python -m studies.listing.record [--seeds 5]``. Each fault is put alone into the repaired pipeline, and the faults
are repaired in turn. Every number is a mean over the seeds with its interval over users. The tests of NDCG@20 are
paired, with Holm's correction: one fault against the repaired pipeline, and each repair in turn against the step before
it. "order" has one repair, features read in place of raw pictures, made before and after features are scaled: AUC and
NDCG@20 of each seed. "stars" has ``fit_stars`` with the document's settings, and "printed" what its program prints.
"""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrec.datasets import open_dataset
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.protocol import Evaluation
from mmrec.evaluation.record import check_committed, save_record
from mmrec.evaluation.statistics import holm
from studies.listing import CRASHES, ORDERS, Audit, Faults, one_at_a_time, parts, repaired_in_turn

REPAIRED = "repaired"
"""Name of the repaired pipeline in the record."""


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


def numbers(rated: Comparison, lists: Comparison) -> dict[str, dict[str, Any]]:
    """Name -> AUC and NDCG@20 as [mean, low, high]."""
    auc, ndcg = rated.as_json(("auc",)), lists.as_json(("ndcg@20",))
    return {name: {**auc[name], **ndcg[name]} for name in auc}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    check_committed()
    catalogue = open_dataset("embedded")
    audits = [Audit(catalogue, seed) for seed in range(options.seeds)]

    rated, lists = measured(audits, {REPAIRED: Faults(), **one_at_a_time()})
    alone = numbers(rated, lists)
    faulty = tuple(name for name in alone if name != REPAIRED)
    for name, row in zip(faulty, lists.against(REPAIRED, faulty).to_dict("records"), strict=True):
        alone[name]["repaired - this"] = row

    rated, lists = measured(audits, repaired_in_turn())
    turn = numbers(rated, lists)
    steps = list(zip(turn, list(turn)[1:], strict=False))
    rows = {after: lists.against(after, (before,)).to_dict("records")[0] for before, after in steps}
    adjusted = holm({name: row["p"] for name, row in rows.items()})
    for name, row in rows.items():
        turn[name]["this - the step before"] = {**row, "p (Holm)": adjusted[name]}

    order: dict[str, dict[str, list[float]]] = {}
    for name, faults in ORDERS.items():
        results = [audit.run(faults) for audit in audits]
        order[name] = {"auc": [one.auc for one in results], "ndcg@20": [one.ndcg for one in results]}
    stars = [parts.fit_stars(*audit.media_and_stars(), seed=audit.seed) for audit in audits]
    printed = [audit.program.run(CRASHES).printed for audit in audits]

    out = Path(__file__).parents[2] / "results" / "listing.json"
    told = f"python -m studies.listing.record --seeds {options.seeds}"
    found = {"alone": alone, "in turn": turn, "order": order, "stars": stars, "printed": printed}
    save_record(out, found, seed=0, seeds=options.seeds, data_hash=catalogue.fingerprint, command=told)
    print(out)


if __name__ == "__main__":
    main()
