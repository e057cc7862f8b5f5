"""The README shows what the records hold."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_tables_are_those_of_the_records():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tools/readme.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.renewed(text) == text, "run: python tools/readme.py"
    wrong = text.replace("| `ease` | 0.", "| `ease` | 1.", 1)
    assert readme.renewed(wrong) == text


def test_figures_of_the_listing_are_those_of_the_record():
    alone = json.loads((ROOT / "results/listing.json").read_text(encoding="utf-8"))["results"]["alone"]
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    mean, low, high = alone["mended"]["auc"]
    cost = {name: f"{mean - row['auc'][0]:.3f}" for name, row in alone.items()}
    assert (
        f"reaches an AUC of {mean:.3f} [{low:.3f}, {high:.3f}]. Alone among mended parts, stars as targets cost "
        f"{cost['stars']} of it, rows paired by position {cost['positions']}, features that are never scaled "
        f"{cost['raw_features']}, the review of the rating {cost['review']}, nobody in the network {cost['nobody']}."
    ) in text
