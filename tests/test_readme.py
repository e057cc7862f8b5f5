"""README and the page of results show what the records hold."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tools/readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(readme, tmp_path, monkeypatch):
    """A copy of the records, to be changed."""
    shutil.copytree(ROOT / "results", tmp_path / "results")
    monkeypatch.setattr(readme, "ROOT", tmp_path)

    def change(name, edit):
        path = tmp_path / "results" / f"{name}.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        edit(found)
        path.write_text(json.dumps(found), encoding="utf-8")

    return change


@pytest.mark.parametrize("file", ["README.md", "book/results.md", "book/contributing.md"])
def test_blocks_are_those_of_the_records(readme, file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert readme.renewed(text, file) == text, "run: python tools/readme.py"
    wrong = re.sub(r"(<!-- (?!end)\S.* -->\n).*?(<!-- end -->)", r"\1old\n\2", text, flags=re.DOTALL)
    assert wrong != text
    assert readme.renewed(wrong, file) == text


def test_a_missing_block_is_an_error(readme):
    with pytest.raises(SystemExit, match="0 places for the block 'headline'"):
        readme.renewed("# mmrec\n")


def test_digits_are_compared_with_the_strongest_baseline(readme):
    found = json.loads((ROOT / "results/digits.json").read_text(encoding="utf-8"))["results"]["accuracy"]
    mean = {name: sum(row.values()) / len(row) for name, row in found.items()}
    best = sorted(mean, key=mean.__getitem__)[-2]
    assert f"{mean[best]:.3f} of {best}, the strongest baseline" in readme.digits()


def test_costs_of_the_listing_are_differences_of_the_record(readme):
    alone = json.loads((ROOT / "results/listing.json").read_text(encoding="utf-8"))["results"]["alone"]
    cost = alone["mended"]["auc"][0] - alone["stars"]["auc"][0]
    assert f"stars as targets by {cost:.3f}" in readme.listing()


def test_p_at_the_floor_is_a_bound(readme):
    assert readme.adjusted({"p": 1 / 10_001, "p_holm": 0.0023}) == "<= 0.0023"  # a record without the flag
    assert readme.adjusted({"p": 3 / 10_001, "p_holm": 0.0048}) == "0.0048"
    assert readme.adjusted({"p": 2 / 1024, "p (Holm)": 0.012, "at floor": True}) == "<= 0.012"
    assert readme.adjusted({"p": 1 / 10_001, "p_holm": 0.0023, "at_floor": False}) == "0.0023"


def test_the_best_models_are_chosen_on_validation(readme, copied):
    def edit(found):
        for place, row in enumerate(found["results"]["models"].values()):
            row["validation ndcg@20"] = row["chosen by"] = 1 - place / 100
            row["ndcg@20"] = place / 100

    copied("models-films", edit)
    names = list(readme.record("models-films")["models"])
    shown = [line.split("`")[1] for line in readme.models("films").splitlines() if line.startswith("| `")]
    assert shown[: readme.BEST] == names[: readme.BEST]


def test_an_old_protocol_is_said_and_a_new_one_described(readme, copied):
    copied("models-films", lambda found: found["results"].pop("protocol", None))
    assert "older than the present protocol" in readme.models("films")
    assert "older than the present protocol" in readme.headline()
    new = {"tries": 7, "mask": "all", "folds": 10}
    for name in ("films", "lastfm", "embedded"):
        copied(f"models-{name}", lambda found: found["results"].update(protocol=new))
    assert "Up to 7 settings per model; test lists leave out what the user rated in training and validation." in (
        readme.models("films")
    )
    assert "older" not in readme.headline()


def test_a_record_of_a_changed_tree_is_marked(readme, copied):
    copied("sentiment", lambda found: found.update(commit="0123456789+"))
    assert "commit `01234567+`" in readme.source("sentiment")
    assert "to be made again" in readme.source("sentiment")


def test_the_fusion_model_is_set_next_to_the_others(readme, copied):
    def edit(found):
        rows = found["results"]["models"]
        rows["fusion"].update({"ndcg@20": 0.2, "ndcg@20 interval": [0.18, 0.22]})
        rows["ease"].update({"ndcg@20": 0.1, "ndcg@20 interval": [0.09, 0.11]})
        rows["document-user"].update({"ndcg@20": 0.21, "ndcg@20 interval": [0.19, 0.23]})

    copied("models-lastfm", edit)
    assert readme.beside("lastfm", "fusion", ["ease", "document-user"]) == (
        "`fusion` reaches NDCG@20 0.200 and is ahead of `ease` (0.100; intervals apart) and is not clearly different "
        "from `document-user` (0.210; intervals overlap)"
    )


def test_new_items_come_from_folds_alone(readme, tmp_path, copied):
    def test(difference, p):
        return {
            "difference": difference, "low": difference - 0.01, "high": difference + 0.01, "ahead": 10, "draws": 10,
            "p": 0.001953, "p (Holm)": p, "at floor": True,
        }  # fmt: skip

    path = tmp_path / "results/new-items-films.json"
    for other in (tmp_path / "results").glob("new-*.json"):
        other.unlink()
    assert readme.new("items", "films").startswith("Not recorded yet")
    assert "films, new" not in readme.headline()
    models = {
        "content-popularity": {"ndcg@20": [0.2, 0.18, 0.22]},
        "two-towers": {"ndcg@20": [0.25, 0.2, 0.3], "against the base": test(0.05, 0.012)},
        "ease-features": {"ndcg@20": [0.21, 0.2, 0.3], "against the base": test(0.01, 0.4)},
        "two-towers, users exchanged": {"ndcg@20": [0.15, 0.1, 0.2]},
    }
    personal = {f"two-towers - two-towers, {one}": test(0.1, 0.01) for one in ("users exchanged", "mean score")}
    personal |= {f"ease-features - ease-features, {one}": test(0.1, 0.3) for one in ("users exchanged", "mean score")}
    modalities = {"two-towers - two-towers, text alone": test(-0.1, 0.2)}
    results = {"base": "content-popularity", "models": models, "folds": 10, "tries": 4, "modalities": ["text"]}
    results["tests"] = {"personal": personal, "modalities": modalities}
    record = {"command": "python x.py", "seeds": 10, "commit": "0" * 40, "results": results}
    path.write_text(json.dumps(record), encoding="utf-8")
    shown = readme.new("items", "films")
    assert "| `two-towers` | 0.250 [0.200, 0.300] | +0.050 [+0.040, +0.060] | 10 of 10 | <= 0.012 |" in shown
    assert "`two-towers` is significantly better than `content-popularity`, which knows no user." in shown
    assert "Significantly better than with users exchanged: `two-towers`." in shown
    assert "Significantly better than the mean of its own scores: `two-towers`." in shown
    personal["two-towers - two-towers, mean score"] = test(0.1, 0.2)
    assert "No model is significantly better than the mean of its own scores." in readme.personal(personal)
    modalities = {
        f"two-towers - two-towers, {one}": test(0.1, p) for one, p in (("text alone", 0.3), ("shuffled", 0.01))
    }
    assert readme.by_modality(modalities) == (
        " `two-towers` with all modalities is better than with shuffled and is not significantly better than with "
        "text alone."
    )
    assert "`two-towers` with all modalities is not significantly better than with text alone." in shown
    assert "exchanged` |" not in shown
    assert "better: `two-towers` +0.050" in readme.headline()


def test_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 120
    targets = re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", text)
    assert "book/_static/architecture.svg" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_each_formula_has_the_file_of_its_layer_and_a_chapter(readme):
    rows = readme.places("formulas")
    assert [number for number, *_ in rows] == ["(1)", "(2)", "(3)", "(4)", "(4)", "(4)", "(5)"]
    for _, _, layer, chapter in rows:
        path, name = readme.place_of(layer)
        assert f"class {name}(keras.layers.Layer)" in (ROOT / path).read_text(encoding="utf-8"), path
        assert (ROOT / f"notebooks/{chapter}.ipynb").is_file()


def test_every_named_place_exists(readme):
    for kind in ("picture", "rating"):
        assert all(readme.place_of(name)[1] for *_, name in readme.places(kind))
    for _, like, entry, test in readme.places("add"):
        assert readme.place_of(like)[0].endswith(".py")
        assert not entry or readme.place_of(entry)[1]
        assert (ROOT / test).is_file()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mmrec.layers.scorer.Nothing", "mmrec/layers/scorer.py defines no Nothing"),
        ("mmrec.models.base.Recommender.nothing", "mmrec/models/base.py defines no Recommender.nothing"),
        ("elsewhere.Scorer", "no module in elsewhere.Scorer"),
    ],
)
def test_a_place_that_does_not_exist_is_an_error(readme, name, fault):
    with pytest.raises(SystemExit, match=fault):
        readme.place_of(name)


def test_the_architecture_is_described_and_has_a_dark_form():
    drawing = ElementTree.parse(ROOT / "book/_static/architecture.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    described = {drawing.find(f"{name}{tag}").get("id") for tag in ("title", "desc")}
    assert described == set(drawing.get("aria-labelledby").split())
    assert "prefers-color-scheme: dark" in drawing.find(f"{name}style").text
    shown = " ".join("".join(text.itertext()) for text in drawing.iter(f"{name}text"))
    assert all(f"({number})" in shown for number in range(1, 6))
    assert "Feedback" in shown


def test_the_last_fit_is_that_of_the_record_of_all_models_where_it_has_one(readme, tmp_path, copied):
    def edit(found):
        found["results"]["protocol"] = {"tries": 7, "mask": "all", "folds": 10}
        for row in found["results"]["models"].values():
            row["refit"] = {**row, "ndcg@20": row["ndcg@20"] + 0.1}

    copied("models-films", edit)
    shown = readme.last_fit()
    assert shown.startswith("All settings are those of the table above.")
    ease = readme.record("models-films")["models"]["ease"]
    assert f"{ease['ndcg@20'] + 0.1:.3f} [" in shown
    assert "results/models-films.json" in shown

    def without(found):
        for row in found["results"]["models"].values():
            row.pop("refit")

    copied("models-films", without)
    assert readme.last_fit().startswith("Not recorded yet")


def test_order_and_winner_are_by_the_rows_that_chose(readme, copied):
    def edit(found):
        rows = found["results"]["models"]
        for row in rows.values():
            row["chosen by"] = row["validation ndcg@20"] / 10
        rows["popularity"]["chosen by"] = 0.9
        rows["ease"]["against the winner"] = None  # not tested, and not the winner
        found["results"]["winner"] = "popularity"

    copied("models-films", edit)
    shown = [line for line in readme.models("films").splitlines() if line.startswith("| `")]
    assert shown[0].startswith("| `popularity` | 0.900 |")
    assert "winner on validation" in shown[0]
    assert "| not tested |" in next(line for line in shown if line.startswith("| `ease` |"))


def test_fusion_over_folds_is_compared_with_the_modality_chosen_on_validation(readme, copied):
    def edit(found):
        results = found["results"]
        results.pop("tests against the best single", None)
        results["rows"]["best single"] = {"warm": results["rows"]["text alone"]["warm"]}
        results |= {"folds": 10, "known items": "folds"}
        results["best single"] = {"best single": {"warm": ["text alone"] * 9 + ["image alone"]}}
        gaps = {"concatenation": (0.02, 0.01), "network": (-0.02, 0.01), "late": (0.03, 0.2)}
        results["tests"] = {
            "one modality": {
                "warm": {
                    f"{form} - best single": {
                        metric: {"difference": gap, "p": p, "p (Holm)": p, "at floor": form == "network"}
                        for metric in ("ndcg@20", "auc")
                    }
                    for form, (gap, p) in gaps.items()
                }
            }
        }
        found["seeds"] = 10

    copied("fusion-films", edit)
    assert readme.fusion_verdict("films") == (
        "Compared with `best single` by NDCG@20, `concatenation` is better, `network` is worse and `late` is not "
        "significantly different. `best single` is the modality that is best on validation: of 10 runs, text alone in "
        "9 and image alone in 1. Each run holds a fold of items out of training, so its numbers are not those of the "
        "tables above."
    )
    shown = readme.fusion("films")
    assert "NDCG@20 minus `best single`" in shown
    assert "| +0.020 | 0.010 |" in next(line for line in shown.splitlines() if line.startswith("| `concatenation` |"))
    assert "| -0.020 | <= 0.010 |" in next(line for line in shown.splitlines() if line.startswith("| `network` |"))
    assert "| `best single` |" in shown
    assert "10 folds, commit" in shown


def modalities(**differences):
    """Tests of a model against itself with one modality: label -> (difference, p)."""
    return {f"m - m, {label} alone": {"difference": one, "p (Holm)": p} for label, (one, p) in differences.items()}


def test_a_modality_that_is_better_alone_is_said(readme):
    assert (
        readme.by_modality(modalities(text=(-0.1, 0.01))) == " `m` with all modalities is worse than with text alone."
    )
    both = readme.by_modality(modalities(text=(-0.1, 0.01), image=(0.1, 0.01)))
    assert both == " `m` with all modalities is better than with image alone and is worse than with text alone."
    assert "not significantly better" in readme.by_modality(modalities(text=(-0.1, 0.3)))


def test_a_model_without_a_test_is_no_winner(readme, copied):
    """A failed run leaves a model without a test against the winner."""

    def edit(found):
        found["results"]["models"]["ease"]["against the winner"] = None

    winner = readme.record("models-lastfm")["winner"]
    assert winner != "ease"
    copied("models-lastfm", edit)
    shown = {line.split("`")[1]: line for line in readme.models("lastfm").splitlines() if line.startswith("| `")}
    assert [name for name, line in shown.items() if "winner on validation" in line] == [winner]
    assert "not tested" in shown["ease"]


def test_parts_of_an_earlier_commit_are_said(readme, copied):
    copied("feedback", lambda found: found["results"].update({"parts of an earlier commit": {"replay": "12345678ab"}}))
    assert "Older parts: replay (commit `12345678`)." in readme.source("feedback")


def test_no_fault_of_the_listing_may_cost_much(readme, copied):
    def edit(found):
        for row in found["results"]["alone"].values():
            row["auc"] = [0.7, 0.69, 0.71]

    copied("listing", edit)
    assert readme.listing().endswith("when one is put back at a time: none.")
