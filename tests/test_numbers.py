"""No number stands in README or pages without a record or a cell; and the check that says so can fail."""

import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = "notebooks/01-a.ipynb"


@pytest.fixture(scope="module")
def numbers():
    spec = importlib.util.spec_from_file_location("check_numbers", ROOT / "tools/check_numbers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_numbers"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(tmp_path):
    """A README, a page, references and a notebook without numbers."""
    for name in ("book", "notebooks", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").write_text("# Title\n\nNothing is measured.\n")
    (tmp_path / "book/intro.md").write_text("# Intro\n\nNothing is measured.\n")
    (tmp_path / "book/references.bib").write_text("@article{somebody2019,\n}\n")
    (tmp_path / "results/a.json").write_text('{"results": {"auc": [0.8374, 0.82], "share": 0.9024}}')
    write(tmp_path, "# Title")
    return tmp_path


def write(root, prose, code="a = 1", **metadata):
    cells = [
        nbformat.v4.new_markdown_cell(prose),
        nbformat.v4.new_code_cell("folds = 40", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code, metadata=metadata),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / NOTEBOOK)


def test_every_number_in_readme_and_pages_has_a_record_or_a_cell(numbers):
    missing, faults = numbers.check()
    assert [str(one) for one in missing] == []
    assert faults == [], "take stale entries out of tools/numbers.yml"


COUNTED = {
    "It reaches NDCG@20 0.428 there.": ["0.428"],
    "It reaches .428 [.408, .449] there.": [".428", ".408", ".449"],
    "An AUC of 0.837,\nand 7% of the lists.": ["0.837", "7%"],
    "It is 8.4 times as fast, or 3x, or 2-fold.": ["8.4", "3", "2"],
    "It is six times as fast.": ["six"],
    "It took 9 minutes and 3 GB, then 36 seconds.": ["9", "3", "36"],
    "p = .0002 and p <= 4e-07": [".0002", "4e-07"],
    "All 1,639 films, 163 of them new.": ["1,639", "163"],
    "Hidden as code, `0.428`, or as a formula, $0.837$.": ["0.428", "0.837"],
    "| `ease` | 0.271 |": ["0.271"],
    "- 12.5 on average": ["12.5"],
    "A [link](https://example.org/1.5) to 1.6.": ["1.6"],
    "```{note} Of 99 items\nThe share is 0.31.\n```": ["99", "0.31"],
    "Section 3 reports 0.5 there.": ["0.5"],
    "In 95% of the logs": ["95%"],
    "Between -0.3 and +0.2": ["0.3", "0.2"],
    "It has 2000 users, 1998 new films and 1900 logs of 2014.": ["2000", "1998", "1900"],
}


@pytest.mark.parametrize("text", COUNTED, ids=range(len(COUNTED)))
def test_measurements_are_seen(numbers, text):
    assert [number for _, _, number in numbers.measurements(text)] == COUNTED[text]


@pytest.mark.parametrize(
    "text",
    [
        "Sections 3.2.1, 4.1 and 4.2, formula (5), Step 7 and part 1",
        "**Document.** Section 5 (5.2.1 to 5.2.4). **Run time.** About 1.5 minutes.",
        "Python 3.11, 3.12 or 3.13",
        "written in 1998 (Steck, 2019)",
        "VGG16, EfficientNet-Lite0, NDCG@20, hit_rate@20, Last.fm-2K, SHA-256 and float32",
        "`by_time(rows, 0.1)` and $\\lambda = 0.98$ and $$x = 0.5 y$$",
        "```\nmmrec recommend --diversify 0.75\n```",
        "```{code-block} python\na = 0.75\n```",
        "{cite:p}`someone2019` and {doc}`09-films`",
        "https://example.org/0.75 and [this](../0.75.html)",
        "with its 95% interval, its 95% bootstrap interval and 95% intervals",
        "six kinds, 5 stars, the ten best, 12 columns, 2 x 2 pixels",
        "it is drawn six times, and one is held out each time",
        "<!-- 0.75 -->",
        "## 1. Title\n\n1. one\n2. two",
        "| --- | ---: |",
    ],
)
def test_what_is_no_measurement_is_not_seen(numbers, text):
    assert list(numbers.measurements(text)) == []


def test_generated_blocks_are_not_read_but_others_are(numbers):
    text = "<!-- films -->\n\nAUC 0.7\n\n<!-- end -->\n\n<!-- made up -->\n\nAUC 0.8\n\n<!-- end -->\n"
    assert [number for *_, number in numbers.measurements(text, ("films",))] == ["0.8"]


def test_a_planted_number_is_found_with_its_place(numbers, book):
    assert numbers.check(book, []) == ([], [])
    (book / "README.md").write_text("# Title\n\nAn AUC of\n0.7313.\n")
    write(
        book,
        "# Title\n\nNDCG 0.7314",
        'Markdown(f"AUC {a:.3f}, not 0.7315")\nprint("a sentence of eight words says 0.7316 here")',
        mystnb={"figure": {"caption": "It is 0.7317."}, "image": {"alt": "a bar at 0.7318"}},
    )
    missing, _ = numbers.check(book, [])
    assert {(one.file, one.cell, one.number) for one in missing} == {
        ("README.md", 0, "0.7313"),
        (NOTEBOOK, 1, "0.7314"),
        *((NOTEBOOK, 3, f"0.731{last}") for last in (5, 6, 7, 8)),
    }
    assert str(missing[0]).startswith("README.md, line 4: '0.7313' in ")


def test_strings_that_are_no_sentences_are_not_read(numbers):
    code = (
        'def f():\n    """A docstring that explains at some length why 0.75 is taken."""\n'
        'a["mean of 13 MFCCs over all eight of the spans"]\nMarkdown(f"{x:.3f} and {y[\'13 MFCCs\']:.1%}")\n'
        'plot("0.75")\n'
        'Markdown("{:.4f} of {:+.2f}".format(1, 2))'
    )
    assert [list(numbers.measurements(text)) for _, text in numbers.sentences(code) if "MFCC" not in text] == [[], []]
    assert not any("13" in text for _, text in numbers.sentences(code))


def declared(numbers, origin, number="0.84", words="an AUC of 0.84", file="README.md"):
    return numbers.Declared(file, words, number, origin)


def test_a_declaration_covers_its_number_in_its_words_only(numbers, book):
    (book / "README.md").write_text("It has an AUC\nof 0.84 there, and 0.84 elsewhere.\n")
    missing, faults = numbers.check(book, [declared(numbers, "definition: a coin's value")])
    assert [one.words for one in missing] == ["It has an AUC of 0.84 there, and 0.84 elsewhere."]
    assert faults == []


def test_a_declaration_that_matches_nothing_is_an_error(numbers, book):
    assert numbers.check(book, [declared(numbers, "definition: a coin's value")])[1] == [
        "README.md: no number '0.84' in 'an AUC of 0.84'"
    ]


@pytest.mark.parametrize(
    ("origin", "number", "fault"),
    [
        ("record a: results / auc / 0", "0.84", ""),
        ("record a: results / auc / 0", "0.837", ""),
        ("record a: results / auc / 0", "0.83", "is 0.8374"),
        ("record a: results / share", "90.24%", ""),
        ("record a: results / share", "91%", "is 0.9024"),
        ("record a: results / ndcg", "0.84", "KeyError"),
        ("record b: results", "0.84", "FileNotFoundError"),
        ("setting mmrec.datasets.EMBEDDED[items]", "600", ""),
        ("setting mmrec.datasets.EMBEDDED[items]", "601", "is 600"),
        ("setting mmrec.datasets.NOTHING", "600", "AttributeError"),
        ("count mmrec.evaluation.draws.KEPT_METRICS", "2", ""),
        ("default mmrec.evaluation.statistics.at_floor.draws", "10,000", ""),
        ("default mmrec.evaluation.statistics.at_floor.draws", "1,000", "is 10000"),
        ("parameter folds", "40", ""),
        ("parameter folds", "41", "is 40"),
        ("cell: range(200)", "200", ""),
        ("cell: range(200)", "20", "is not in"),
        ("cell: range(300)", "300", "no code cell"),
        ("cell: x >= 0.98", "98%", ""),
        ("publication somebody2019", "50", ""),
        ("publication nobody2019", "50", "no entry"),
        ("document, section 5.4", "0.9024", ""),
        ("document", "0.9024", "name the section"),
        ("definition: a coin's value", "0.5", ""),
        ("definition:", "0.5", "say what is defined"),
        ("measured it", "0.5", "unknown kind"),
    ],
)
def test_origins_are_checked(numbers, book, origin, number, fault):
    write(book, "# Title", "some = [range(200), x >= 0.98]")
    found = numbers.wrong(declared(numbers, origin, number, file=NOTEBOOK), book)
    assert fault in found if fault else found == ""


def test_the_command_fails_where_the_list_is_not_empty(numbers, monkeypatch, capsys):
    for found, code in (([], []), 0), ((["a number"], []), 1), (([], ["a stale entry"]), 1):
        monkeypatch.setattr(numbers, "check", lambda found=found: found)
        with pytest.raises(SystemExit) as exit:
            numbers.main()
        assert exit.value.code == code
    assert "a stale entry" in capsys.readouterr().out
