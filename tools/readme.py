"""Write the README's tables of models anew from the records: ``python tools/readme.py``.

A table stands between ``<!-- NAME -->`` and ``<!-- end -->``; what is written by hand around it stays.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BASELINES = ("ease", "document-user", "document-literal", "popularity")
BEST = 6
METRICS = ("recall@20", "ndcg@20")


def record(name: str) -> dict[str, Any]:
    """The results of ``results/NAME.json``."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))["results"]


def interval(mean: float, low: float, high: float) -> str:
    """A mean and the ends of its interval."""
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def lines(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def models(name: str, refit: bool = False) -> str:
    """The best models on test, and the baselines."""
    found = record(f"models-{name}{'-refit' if refit else ''}")
    measured = {model: row["refit"] if refit else row for model, row in found["models"].items()}
    order = sorted(measured, key=lambda model: -measured[model]["ndcg@20"])
    share = "share of the oracle" in found["models"][order[0]]
    rows = []
    for model in [one for place, one in enumerate(order) if place < BEST or one in (*BASELINES, found["winner"])]:
        row, test = measured[model], measured[model]["against the winner"]
        cells = [f"`{model}`", *(interval(row[metric], *row[f"{metric} interval"]) for metric in METRICS)]
        cells.append(f"{test['p_holm']:.4f}" if test else "winner on validation")
        rows.append([*cells, f"{row['share of the oracle']:.3f}"] if share else cells)
    head = ["model", "recall@20", "NDCG@20", "p against the winner"]
    return lines([*head, "share of the oracle's AUC"] if share else head, rows)


def new_items(name: str, part: str = "cold") -> str:
    """NDCG@20 on items that nobody has rated, by the modalities that are given."""
    found = record(f"models-{name}")[part]
    trials = list(next(iter(found.values()))["figures"])
    rows = [
        [f"`{model}`", *(interval(*row["figures"][trial]["ndcg@20"]) for trial in trials)]
        for model, row in found.items()
    ]
    return lines(["NDCG@20, new items", *trials], rows)


TABLES: dict[str, Callable[[], str]] = {
    "lastfm": lambda: models("lastfm"),
    "lastfm, five rows": lambda: models("lastfm-thin5"),
    "films": lambda: models("films"),
    "films, last fit": lambda: models("films", refit=True),
    "embedded": lambda: models("embedded"),
    "embedded, new items": lambda: new_items("embedded"),
    "films, new items": lambda: new_items("films"),
    "films, new items, pretrained": lambda: new_items("films", "cold, pretrained features"),
}


def renewed(text: str) -> str:
    """The README with its tables as the records have them."""
    for name, table in TABLES.items():
        pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)"
        text, count = re.subn(
            pattern, lambda found, table=table: f"{found[1]}\n{table()}\n\n{found[2]}", text, flags=re.S
        )
        if count != 1:
            raise SystemExit(f"README.md: {count} places for the table {name!r}, expected one")
    return text


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
