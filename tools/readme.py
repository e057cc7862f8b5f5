"""Write the results in README.md and book/results.md from the records: ``python tools/readme.py``.

The tables of formulas and of places in the code come from ``tools/places.yml``.

A block begins with ``<!-- NAME -->`` and ends with ``<!-- end -->``; text around it is written by hand. Sentences with
numbers are blocks too: their templates are here. A block whose record does not exist names the command that makes it.
"""

import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmrec.errors import MissingDataError
from mmrec.evaluation.record import load_record, short_commit
from mmrec.evaluation.statistics import at_floor, format_p

ROOT = Path(__file__).parents[1]
BASELINES = ("ease", "fusion", "document-user", "document-literal", "popularity")
BEST = 6
METRICS = ("recall@20", "ndcg@20")
FORMS = ("concatenation", "network", "mimo", "intermediate", "late", "gated", "attention", "bilinear")
BEST_SINGLE = "best single"
SINGLE = (BEST_SINGLE, "text alone", "image alone", "audio alone", "shuffled features")
FAULTS = {
    "stars": "stars as targets",
    "positions": "rows paired by position",
    "raw_features": "features that are never scaled",
    "review": "the review of the predicted rating as input",
    "nobody": "no user in the network",
    "float_indices": "TF-IDF weights as word numbers",
    "raw_pictures": "raw pixels in place of features",
    "picture_scale": "pictures off the scale of their network",
    "row_split": "a split over rows",
}
"""Fault of the listing -> what it is."""
SIGNIFICANT = 0.05

Block = Callable[[], str]


def whole(name: str) -> dict[str, Any] | None:
    """``results/NAME.json``; None where it does not exist."""
    try:
        return load_record(name, ROOT / "results")
    except MissingDataError:
        return None


def record(name: str) -> dict[str, Any]:
    """The results of a record that must exist."""
    found = whole(name)
    if found is None:
        raise SystemExit(f"results/{name}.json is missing")
    return found["results"]


def interval(mean: float, low: float, high: float) -> str:
    """A mean and the ends of its interval."""
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def difference(test: dict[str, Any]) -> str:
    """A difference and the ends of its interval, with signs."""
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*(test[key] for key in ("difference", "low", "high")))


def lines(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def joined(words: Sequence[str]) -> str:
    """ "a, b and c"."""
    if not words:
        return ""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def quoted(names: Sequence[str]) -> str:
    """The same with names as code."""
    return joined([f"`{name}`" for name in names])


def count(number: int, noun: str) -> str:
    """ "1 seed", "5 seeds"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def adjusted(test: dict[str, Any]) -> str:
    """The Holm-corrected p of a test; "<=" at the floor of its permutations (records older than the flag: by p)."""
    floor = test.get("at_floor", test.get("at floor", test.get("p at floor", at_floor(test["p"]))))
    return format_p(test.get("p_holm", test.get("p (Holm)")), bool(floor))


def source(name: str) -> str:
    """Where a block comes from: command, seeds, commit, and what is to be known about an old protocol."""
    found = whole(name)
    assert found is not None
    results = found["results"]
    over_folds = name.startswith("new-") or results.get("known items") == "folds"
    told = f"`results/{name}.json`, {count(found['seeds'], 'fold' if over_folds else 'seed')}, "
    told += f"commit `{short_commit(found)}`:"
    told += f" `{found['command']}`."
    parts = found["results"].get("parts of an earlier commit") if isinstance(found["results"], dict) else None
    if parts:
        told += f" Older parts: {joined([f'{part} (commit `{made[:8]}`)' for part, made in parts.items()])}."
    if found["commit"].endswith("+"):
        told += " The tree held changes that no commit holds, so the record is to be made again."
    return told


def protocol(results: dict[str, Any]) -> str:
    """How settings were chosen and what the test lists leave out, from the results of a record of models."""
    found = results.get("protocol")
    if found is None:
        return (
            "This record is older than the present protocol: its search had a budget in seconds, and its test lists "
            "leave out training items only. It is to be made again."
        )
    masked = {"all": "training and validation", "train": "training alone"}[found["mask"]]
    return f"Up to {found['tries']} settings per model; test lists leave out what the user rated in {masked}."


def chosen_by(row: dict[str, Any]) -> float:
    """NDCG@20 on the validation rows that decide on settings and the winner (older records: on all of them)."""
    value = row.get("chosen by")
    return float(row["validation ndcg@20"] if value is None else value)


def models(name: str, refit: bool = False) -> str:
    """The best models on validation, and the baselines; with ``refit`` as fitted once more on train and validation."""
    name = f"models-{name}"
    found = record(name)
    rated = found["models"]
    measured = {model: row["refit"] if refit else row for model, row in rated.items()}
    order = sorted(measured, key=lambda model: -chosen_by(rated[model]))
    share = "share of the oracle" in rated[order[0]] and not refit
    rows = []
    for model in [one for place, one in enumerate(order) if place < BEST or one in (*BASELINES, found["winner"])]:
        row, test = measured[model], measured[model]["against the winner"]
        cells = [f"`{model}`", f"{chosen_by(rated[model]):.3f}"]
        cells += [interval(row[metric], *row[f"{metric} interval"]) for metric in METRICS]
        cells.append("winner on validation" if model == found["winner"] else adjusted(test) if test else "not tested")
        rows.append([*cells, f"{row['share of the oracle']:.3f}"] if share else cells)
    head = ["model", "NDCG@20, validation", "recall@20", "NDCG@20", "p against the winner"]
    table = lines([*head, "share of the oracle's AUC above one half"] if share else head, rows)
    size = f"{count(found['data']['users'], 'user')}, {count(found['data']['items'], 'item')}"
    return f"{count(len(rated), 'model')}, {size}. {protocol(found)}\n\n{table}\n\n{source(name)}"


def last_fit() -> str:
    """The table of the last fit of the films, on train and validation together."""
    if any("refit" not in row for row in record("models-films")["models"].values()):
        return "Not recorded yet; the command is `python benchmarks/models.py films --refit`."
    return f"All settings are those of the table above.\n\n{models('films', refit=True)}"


def beside(name: str, model: str, others: Sequence[str]) -> str:
    """Where a model stands next to others by NDCG@20."""
    rows = record(f"models-{name}")["models"]
    own = rows[model]
    parts: dict[str, list[str]] = {}
    for other in others:
        found = rows[other]
        low, high = zip(own["ndcg@20 interval"], found["ndcg@20 interval"], strict=True)
        verb = "loses to" if own["ndcg@20"] < found["ndcg@20"] else "is ahead of"
        apart = "intervals apart"
        if max(low) <= min(high):
            verb, apart = "is not clearly different from", "intervals overlap"
        parts.setdefault(verb, []).append(f"`{other}` ({found['ndcg@20']:.3f}; {apart})")
    told = joined([f"{verb} {joined(named)}" for verb, named in parts.items()])
    return f"`{model}` reaches NDCG@20 {own['ndcg@20']:.3f} and {told}"


def fusion_beside() -> str:
    """That the fusion model is not the best on real data, and why it looks good on simulated data."""
    return (
        f"On the films {beside('films', 'fusion', ['ease'])}. "
        f"On Last.fm-2K {beside('lastfm', 'fusion', ['ease', 'document-user'])}. "
        "The simulator of the embedded catalogue and `fusion` share a response model, so its shares of the oracle are "
        "a best case."
    )


def oracle() -> str:
    """What the oracle reaches on known items."""
    found = record("models-embedded").get("oracle")
    return f"The oracle knows the true factors and reaches an AUC of {found['auc']:.3f}." if found else ""


def new(case: str, name: str) -> str:
    """Items or users without training rows: every model against a list that knows no user, and what is personal."""
    made = f"new-{case}-{name}"
    found = whole(made)
    if found is None:
        option = " --case cold-user" if case == "users" else ""
        return f"Not recorded yet; the command is `python -m studies.models.new_items {name}{option}`."
    results = found["results"]
    base, rows, better = results["base"], [], []
    for model, row in results["models"].items():
        test = row.get("against the base")
        if test is None and model not in (base, "oracle"):
            continue
        cells = [f"`{model}`", interval(*row["ndcg@20"])]
        if test:
            cells += [difference(test), f"{test['ahead']:.0f} of {test['draws']:.0f}", adjusted(test)]
            if test["p (Holm)"] < SIGNIFICANT and test["difference"] > 0:
                better.append(model)
        rows.append(cells if test else [*cells, "", "", ""])
    head = ["model", "NDCG@20", f"minus `{base}`", "draws ahead", "p"]
    told = f"{quoted(better) or 'No model'} {'are' if len(better) > 1 else 'is'} significantly better than `{base}`, "
    told += "which knows no user."
    told += without_its_user(results) + personal(results["tests"]["personal"])
    told += by_modality(results["tests"]["modalities"])
    drawn = f"{count(results['folds'], 'fold')}, {results['tries']} settings tried per model and fold."
    return f"{drawn}\n\n{lines(head, rows)}\n\n{told}\n\n{source(made)}"


def without_its_user(results: dict[str, Any], model: str = "popularity-and-taste") -> str:
    """How much of a gain over the ridge is there without the user: the model weighs modalities, the ridge does not."""
    alone, ridge = (results["models"].get(name) for name in (f"{model}, mean score", "content-popularity"))
    if alone is None or ridge is None:
        return ""
    gap = alone["ndcg@20"][0] - ridge["ndcg@20"][0]
    return (
        f" The ridge scales all modalities alike, while `{model}` chooses their weights within each fold: its mean "
        f"score, one list for every user, is {gap:+.3f} from the ridge."
    )


def won(test: dict[str, Any]) -> bool:
    """Whether the first of a pair is significantly better over draws."""
    return test["p (Holm)"] < SIGNIFICANT and test["difference"] > 0


def lost(test: dict[str, Any]) -> bool:
    """Whether the first of a pair is significantly worse over draws."""
    return test["p (Holm)"] < SIGNIFICANT and test["difference"] < 0


def personal(tests: dict[str, dict[str, Any]]) -> str:
    """Which models are better with the right user than with exchanged users, and which than their own mean score."""
    told = ""
    for control, words in (("users exchanged", "with users exchanged"), ("mean score", "the mean of its own scores")):
        own = {pair.split(" - ")[0]: test for pair, test in tests.items() if pair.endswith(f", {control}")}
        good = [name for name, test in own.items() if won(test)]
        if own and not good:
            told += f" No model is significantly better than {words}."
        elif own:
            told += f" Significantly better than {words}: {quoted(good)}."
    return told


def by_modality(tests: dict[str, dict[str, Any]]) -> str:
    """What all modalities together add to each of them alone and to shuffled features."""
    told = ""
    for name in dict.fromkeys(pair.split(" - ")[0] for pair in tests):
        own = {pair.removeprefix(f"{name} - {name}, "): test for pair, test in tests.items()}
        own = {label: test for label, test in own.items() if " - " not in label}
        good, bad = [label for label, test in own.items() if won(test)], [label for label in own if lost(own[label])]
        open_ = [label for label in own if label not in (*good, *bad)]
        kinds = (("better", good), ("worse", bad), ("not significantly better", open_))
        said = joined([f"is {how} than with {joined(labels)}" for how, labels in kinds if labels])
        told += f" `{name}` with all modalities {said}." if said else ""
    return told


def against_single(found: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The best single modality of a record of fusion, and row -> the test of its NDCG@20 minus that of this modality.

    Records over folds choose the modality on validation; older ones have tests of the single modality minus each row.
    """
    if "tests" in found:
        tests = found["tests"].get("one modality", {}).get("warm", {})
        return BEST_SINGLE, {
            pair.removesuffix(f" - {BEST_SINGLE}"): test["ndcg@20"]
            for pair, test in tests.items()
            if pair.endswith(f" - {BEST_SINGLE}")
        }
    tests = found["tests against the best single"]["warm"]
    best = next(iter(tests)).split(" - ")[0]
    return best, {
        pair.removeprefix(f"{best} - "): {**test, "difference": -test["difference"]} for pair, test in tests.items()
    }


def fusion(name: str) -> str:
    """Forms of fusion and single modalities on known items, and what is left with a modality missing in use."""
    found = record(f"fusion-{name}")
    best, tests = against_single(found)
    cases = [case for case in found["rows"]["concatenation"] if case.startswith("without ")]
    share = "share of the oracle" in found["rows"]["concatenation"]["warm"]
    rows = []
    for row in [one for one in (*FORMS, *SINGLE) if "warm" in found["rows"].get(one, {})]:
        warm, test = found["rows"][row]["warm"], tests.get(row)
        cells = [f"`{row}`", interval(*warm["ndcg@20"]), interval(*warm["auc"])]
        cells += [f"{test['difference']:+.3f}" if test else "", adjusted(test) if test else ""]
        cells += [f"{warm['share of the oracle']:.3f}"] if share else []
        kept = found["rows"][row]
        cells += [f"{kept[case]['share of the whole']:.3f}" if case in kept and row in FORMS else "" for case in cases]
        rows.append(cells)
    head = ["form", "NDCG@20", "AUC", f"NDCG@20 minus `{best}`", "p"]
    head += ["share of the oracle's AUC above one half"] if share else []
    head += [f"AUC kept {case}" for case in cases]
    return f"{lines(head, rows)}\n\n{source(f'fusion-{name}')}"


def fusion_verdict(name: str) -> str:
    """Which forms beat the best single modality on known items, how it was chosen, and what was measured."""
    found = record(f"fusion-{name}")
    best, tests = against_single(found)
    groups: dict[str, list[str]] = {"better": [], "worse": [], "not significantly different": []}
    for form in [one for one in FORMS if one in tests]:
        verdict = "better" if tests[form]["difference"] > 0 else "worse"
        groups[verdict if won_or_lost(tests[form]) else "not significantly different"].append(form)
    parts = [f"{quoted(forms)} {'is' if len(forms) == 1 else 'are'} {word}" for word, forms in groups.items() if forms]
    told = f"Compared with `{best}` by NDCG@20, {joined(parts)}."
    chosen = found.get(BEST_SINGLE, {}).get(BEST_SINGLE, {}).get("warm", [])
    counts = [f"{one} in {chosen.count(one)}" for one in dict.fromkeys(chosen)]
    if counts:
        told += f" `{best}` is the modality that is best on validation: of {len(chosen)} runs, {joined(counts)}."
    if found.get("known items") == "folds":
        told += " Each run holds a fold of items out of training, so its numbers are not those of the tables above."
    return told


def won_or_lost(test: dict[str, Any]) -> bool:
    """Whether a difference is significant."""
    return bool(test.get("p_holm", test.get("p (Holm)")) < SIGNIFICANT)


def sentiment() -> str:
    """The classifier of clothing reviews against its baselines."""
    auc = record("sentiment")["auc"]
    return (
        f"Sentiment of clothing reviews, products held out: AUC {interval(*auc['classifier'])}, compared with "
        f"{auc['tf-idf, logistic regression'][0]:.3f} of a logistic regression on TF-IDF and {auc['VADER'][0]:.3f} of "
        "VADER."
    )


def digits() -> str:
    """Spoken digits against the stronger baseline."""
    found = {name: list(row.values()) for name, row in record("digits")["accuracy"].items()}
    mean = {name: sum(row) / len(row) for name, row in found.items()}
    network = "network that keeps time"
    strongest = max((name for name in mean if name != network), key=mean.__getitem__)
    return (
        f"Spoken digits, one speaker held out: accuracy {mean[network]:.3f} (worst speaker {min(found[network]):.3f}) "
        f"against {mean[strongest]:.3f} of {strongest}, the strongest baseline, and "
        f"{mean['mean of 13 MFCCs (section 5)']:.3f} of a mean of MFCCs."
    )


def listing() -> str:
    """What the repaired listing reaches, and what each fault costs when it is put back alone."""
    alone = record("listing")["alone"]
    mended = alone["mended"]["auc"]
    cost = {name: mended[0] - row["auc"][0] for name, row in alone.items()}
    order = sorted((name for name in cost if cost[name] > 0.05), key=lambda name: -cost[name])
    parts = [f"{FAULTS.get(name, name)} by {cost[name]:.3f}" for name in order]
    return (
        f"As printed the listing does not run. Repaired, its network reaches an AUC of {interval(*mended)}. Faults "
        f"that lower this AUC by more than 0.05 when one is put back at a time: {joined(parts) or 'none'}."
    )


def loop() -> str:
    """How often off-policy intervals hold the truth; policies where they were measured on fresh catalogues."""
    found = record("feedback")
    cases = {name: row for name, row in found["offpolicy"].items() if isinstance(row, dict)}
    estimators = ("IPS", "SNIPS", "doubly robust")
    covered = [row["estimators"][name]["coverage"][0] for row in cases.values() for name in estimators]
    told = (
        f"Intervals of level 95% of three off-policy estimators ({joined(estimators)}) contain the truth in "
        f"{min(covered):.1%} to {max(covered):.1%} of {found['offpolicy']['logs']:,} logs, over "
        f"{count(len(cases), 'case')}."
    )
    draws = found.get("draws")
    if draws is None:
        return told
    tests = draws["regret against Greedy, over draws"]
    rows = [
        [pair.split(" - ")[0], difference(test), f"{test['below']} of {test['draws']}", adjusted(test)]
        for pair, test in tests.items()
    ]
    table = lines(["policy", "regret minus that of `Greedy`", "catalogues with less regret", "p"], rows)
    return f"{told}\n\nRegret of each policy on {len(draws['seeds'])} freshly simulated catalogues:\n\n{table}"


def throughput() -> str:
    """Items per second by method."""
    runs = record("throughput")["runs"]
    rate = {(run["modality"], run["method"]): run["items_per_second"] for run in runs}

    def cell(modality: str, method: str, note: str = "") -> str:
        value = rate.get((modality, method))
        if value is None:
            return ""
        return f"{value:.{0 if value > 50 else 1}f}{note and f' ({note})'}"

    rows = [
        [
            "pictures",
            cell("image", "mmrec"),
            cell("image", "bare loop"),
            cell("image", "plain loop", "OpenCV, the same filters"),
            "",
        ],
        [
            "pictures by VGG16",
            cell("image", "mmrec vgg16"),
            cell("image", "VGG16 in batches", "Keras, in batches"),
            cell("image", "VGG16 built once", "Keras, built once"),
            cell("image", "listing", "built for each picture"),
        ],
        [
            "sounds",
            cell("audio", "mmrec"),
            cell("audio", "bare loop"),
            cell("audio", "plain loop", "librosa, the same bands"),
            cell("audio", "listing", "librosa, MFCCs"),
        ],
    ]
    head = ["items per second", "mmrec", "bare loop, one thread", "plain loop", "the document's listing"]
    return f"{lines(head, rows)}\n\n{source('throughput')}"


def throughput_text() -> str:
    """Ratios, memory and the posters, in sentences."""
    found = record("throughput")
    runs = {(run["modality"], run["method"]): run for run in found["runs"]}
    bare = [runs[modality, "bare loop"]["mmrec_ratio"] for modality in ("image", "audio")]
    told = f"Compared with its bare loop, mmrec encodes {bare[0]:.2f} times as many pictures and {bare[1]:.2f} times as"
    told += f" many sounds. It is {runs['audio', 'plain loop']['mmrec_ratio']:.2f} times as fast as a plain loop over"
    told += " librosa."
    slow = runs["image", "listing"]["vgg16_ratio"]
    told += f" VGG16 (random weights) is {slow:.1f} times as fast as in the listing, which builds it for each picture."
    if memory := found.get("memory"):
        parts = [f"{row['peak_mb']:,.0f} MB for {row['items']:,} items" for row in memory]
        told += f" Peak memory of the extraction: {joined(parts)}."
    if posters := found.get("posters by lite0"):
        told += f" EfficientNet-Lite0 encodes {posters['posters']:,} posters in {posters['seconds']:.0f} seconds."
    return told


def peers() -> str:
    """Ranking and EASE; other models are compared where both sides had the same settings."""
    found = record("peers")
    parts = []
    for row in found["ranking"]:
        if row["method"] == "implicit":
            size = f"{row['users']:,} users by {row['items']:,} items"
            parts.append(f"{row['ratio']:.1f} times as fast as implicit for {size}")
    ease = found["ease"]["ease"] / found["ease"]["numpy.linalg.inv"]
    told = f"Ranking all items for all users is {joined(parts)}. "
    told += f"Fitting EASE takes {ease:.2f} of the time of `numpy.linalg.inv` on the same matrix."
    return f"{told}\n\n{source('peers')}"


def places(kind: str) -> list[list[str]]:
    """The rows of one kind in ``tools/places.yml``."""
    return yaml.safe_load((ROOT / "tools/places.yml").read_text(encoding="utf-8"))[kind]


def place_of(name: str) -> tuple[str, str]:
    """``package.module.Name.part`` -> the file of the module, and ``Name.part`` ('' for a module).

    Raises:
        SystemExit: there is no such module, or it defines no such name.
    """
    words = name.split(".")
    for at in range(len(words), 0, -1):
        for path in ("/".join(words[:at]) + ".py", "/".join([*words[:at], "__init__.py"])):
            if (ROOT / path).is_file():
                body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
                for word in words[at:]:
                    own = next((node for node in body if word in defined(node)), None)
                    if own is None:
                        raise SystemExit(f"tools/places.yml: {path} defines no {'.'.join(words[at:])}")
                    body = getattr(own, "body", [])
                return path, ".".join(words[at:])
    raise SystemExit(f"tools/places.yml: no module in {name}")


def defined(node: ast.stmt) -> list[str]:
    """What a statement defines: a class, a function, or names that are assigned."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [getattr(node, "name", ""), *(target.id for target in targets if isinstance(target, ast.Name))]


def linked(name: str, text: str = "") -> str:
    """A name of the code, with a link to its file in the repository."""
    path, inside = place_of(name)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    return f"[`{text or inside or path}`]({config['url']}/blob/{config['branch']}/{path})"


def formulas() -> str:
    """A row per formula, with links to the layer's file and to the chapter."""
    rows = []
    for number, formula, layer, chapter in places("formulas"):
        path, name = place_of(layer)
        rows.append([number, formula, f"[`{name}`]({path})", f"[{chapter}](notebooks/{chapter}.ipynb)"])
    return lines(["", "formula of section 4.2", "layer", "chapter"], rows)


def walk(kind: str) -> str:
    """A row per step of a picture or a rating through the code."""
    rows = []
    for at, (step, shape, name) in enumerate(places(kind), 1):
        rows.append([str(at), step, shape, f"{linked(name)}<br>`{place_of(name)[0]}`"])
    return lines(["", "what happens", "gives", "where"], rows)


def additions() -> str:
    """Where to add what."""
    rows = [
        [what, linked(like), linked(entry) if entry else "nothing: Keras knows it by its decorator", f"`{test}`"]
        for what, like, entry, test in places("add")
    ]
    return lines(["to add", "copy", "enter in", "tests that run on it"], rows)


def headline() -> str:
    """A row per question: the result and the command."""
    rows = []

    def add(question: str, result: str, name: str) -> None:
        found = whole(name)
        assert found is not None
        command = found["command"].replace("MMREC_DATA=DIR ", "").replace("MMREC_ENCODERS=DIR ", "")
        rows.append([question, result, f"`{command}`"])

    for name, title in (
        ("lastfm", "Last.fm-2K, known artists"),
        ("films", "films, known"),
        ("embedded", "embedded catalogue, known items"),
    ):
        found = record(f"models-{name}")
        rated = found["models"]
        winner = rated[found["winner"]]
        told = f"NDCG@20 of `{found['winner']}` {interval(winner['ndcg@20'], *winner['ndcg@20 interval'])}"
        others = [one for one in ("ease", "fusion", "popularity") if one in rated and one != found["winner"]]
        told += "".join(f", `{other}` {rated[other]['ndcg@20']:.3f}" for other in others)
        add(title, told, f"models-{name}")
    for case, name, title in (
        ("items", "films", "films, new"),
        ("items", "embedded", "embedded catalogue, new items"),
        ("users", "embedded", "embedded catalogue, new users"),
    ):
        kept = whole(f"new-{case}-{name}")
        if kept is None:
            continue
        results = kept["results"]
        base, rated = results["base"], results["models"]
        tested = {model: row["against the base"] for model, row in rated.items() if row.get("against the base")}
        better = [model for model, test in tested.items() if won(test)]
        told = f"NDCG@20 of `{base}`, which knows no user, {interval(*rated[base]['ndcg@20'])}; significantly better: "
        told += joined([f"`{model}` {difference(tested[model])}" for model in better]) if better else "none"
        add(title, told, f"new-{case}-{name}")
    auc = record("sentiment")["auc"]
    other = auc["tf-idf, logistic regression"][0]
    add("sentiment of reviews", f"AUC {interval(*auc['classifier'])}, TF-IDF baseline {other:.3f}", "sentiment")
    add("spoken digits, new speaker", digits().split(": ", 1)[1].rstrip("."), "digits")
    add("the listing, repaired", f"AUC {interval(*record('listing')['alone']['mended']['auc'])}", "listing")
    ranking = [row["ratio"] for row in record("peers")["ranking"] if row["method"] == "implicit"]
    add("ranking speed", f"{joined([f'{one:.1f}' for one in ranking])} times that of implicit (two sizes)", "peers")
    old = [name for name in ("lastfm", "films", "embedded") if "protocol" not in record(f"models-{name}")]
    note = "\n\nThe records of models are older than the present protocol and are to be made again." if old else ""
    return lines(["data", "result", "command"], rows) + note


BLOCKS: dict[str, dict[str, Block]] = {
    "README.md": {"headline": headline, "formulas": formulas},
    "book/contributing.md": {
        "picture": lambda: walk("picture"),
        "rating": lambda: walk("rating"),
        "add": additions,
    },
    "book/results.md": {
        "lastfm": lambda: models("lastfm"),
        "lastfm, five rows": lambda: models("lastfm-thin5"),
        "films": lambda: models("films"),
        "films, last fit": last_fit,
        "embedded": lambda: f"{oracle()}\n\n{models('embedded')}".strip(),
        "fusion next to others": fusion_beside,
        "films, new items": lambda: new("items", "films"),
        "embedded, new items": lambda: new("items", "embedded"),
        "embedded, new users": lambda: new("users", "embedded"),
        "embedded, fusion": lambda: f"{fusion_verdict('embedded')}\n\n{fusion('embedded')}",
        "films, fusion": lambda: f"{fusion_verdict('films')}\n\n{fusion('films')}",
        "sentiment": lambda: f"{sentiment()}\n\n{source('sentiment')}",
        "digits": lambda: f"{digits()}\n\n{source('digits')}",
        "listing": lambda: f"{listing()}\n\n{source('listing')}",
        "loop": lambda: f"{loop()}\n\n{source('feedback')}",
        "throughput": lambda: f"{throughput_text()}\n\n{throughput()}",
        "peers": peers,
    },
}
"""File -> name of a block -> what makes it."""


def renewed(text: str, file: str = "README.md") -> str:
    """The text of a file with its blocks as the records have them."""
    for name, block in BLOCKS[file].items():
        pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)"
        text, places = re.subn(
            pattern, lambda found, block=block: f"{found[1]}\n{block()}\n\n{found[2]}", text, flags=re.DOTALL
        )
        if places != 1:
            raise SystemExit(f"{file}: {places} places for the block {name!r}, expected one")
    return text


def main() -> None:
    """Write all blocks."""
    for file in BLOCKS:
        path = ROOT / file
        path.write_text(renewed(path.read_text(encoding="utf-8"), file), encoding="utf-8")


if __name__ == "__main__":
    main()
