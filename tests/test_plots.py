"""Cards: what stands on them, and that nothing of a catalogue is taken for markup."""

import numpy as np
import pandas as pd
import pytest

from mmrec import plots
from mmrec.data.reader import read_catalogue
from mmrec.evaluation.statistics import paired_test


@pytest.fixture
def catalogue(tiny_catalogue):
    table = tiny_catalogue / "product_data.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",One", ",<b>One</b>"), encoding="utf-8")
    return read_catalogue(tiny_catalogue)


def test_a_card_an_item(catalogue):
    page = plots.item_cards(catalogue, [0, 2], scores=[0.5, 0.25], notes=["for A & B", "none"]).data
    first, second = page.split('<div class="mmrec-card">')[1:]
    assert "&lt;b&gt;One&lt;/b&gt;" in first
    assert "<b>" not in first
    assert "a red film" in first
    assert "score 0.500" in first
    assert "<em>for A &amp; B</em>" in first
    assert 'src="data:image/png;base64,' in first
    assert 'src="data:audio/ogg;base64,' in first
    assert "(no picture)" in second
    assert "(no sound)" in second
    assert "<audio" not in plots.item_cards(catalogue, [0], sound=False).data


def test_cards_keep_the_pages_colours_in_the_dark(catalogue):
    style = plots.item_cards(catalogue, [0]).data.split("</style>")[0]
    assert ".text_html:has(.mmrec-card) { background: none !important; color: inherit !important;" in style


def test_a_table_shows_p_at_the_floor_as_a_bound():
    rng = np.random.default_rng(0)
    _, floor = paired_test(np.ones(50), np.zeros(50), rng)
    table = pd.DataFrame({"a - b": {"difference": 0.1, "p": floor, "p (Holm)": 3 * floor}}).T
    for shown in (table, table.assign(**{"at floor": True})):  # the flag is not for the page
        assert plots.paired_table(shown).loc["a - b"].tolist() == ["+0.1000", "<= 0.0001", "<= 0.0003"]


def test_the_mark_of_an_uncommitted_tree_is_kept_with_a_recorded_control():
    test = {"pair": "a - b", "metric": "auc", "difference": 0.1, "p": 0.5, "p (Holm)": 0.5}
    control = {"runs": 1, "tests": [{**test, "runs above": 1, "runs significant": 0}]}
    record = {"commit": f"{'0' * 40}+", "results": {"control": control}}
    assert "commit 00000000+" in plots.recorded_control(record).data
