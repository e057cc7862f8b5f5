"""The README shows what the records hold."""

import importlib.util
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
