"""Cards: what stands on them, and that nothing of a catalogue is taken for markup."""

import pytest

from mmrec import show
from mmrec.data.reader import read_catalogue


@pytest.fixture
def catalogue(tiny_catalogue):
    table = tiny_catalogue / "product_data.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",One", ",<b>One</b>"), encoding="utf-8")
    return read_catalogue(tiny_catalogue)


def test_a_card_an_item(catalogue):
    page = show.item_cards(catalogue, [0, 2], scores=[0.5, 0.25], notes=["for A & B", "none"]).data
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
    assert "<audio" not in show.item_cards(catalogue, [0], sound=False).data


def test_cards_keep_the_pages_colours_in_the_dark(catalogue):
    style = show.item_cards(catalogue, [0]).data.split("</style>")[0]
    assert ".text_html:has(.mmrec-card) { background: none !important; color: inherit !important;" in style
