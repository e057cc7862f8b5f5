"""What judging the claims of section 3.3 needs and takes too long for a chapter: ``results/claims.json``.

Run ``MMREC_ENCODERS=DIR python -m studies.claims.record [--repeats 5] [--draws 10] [--jobs 2] [--out FILE]``. Each part
runs in a process of its own. Its result is kept below the temporary folder under the name of the commit: a run that
was stopped continues where it was, if the tree holds no changes. Seconds are processor seconds of all threads of the
process, one thread each, so that other work on the machine disturbs them little. On the embedded catalogue:

* features: reading the catalogue and extracting each modality, from an empty cache, once per repeat;
* models: each model fitted once per repeat with that seed, with the libraries imported before: processor seconds,
  seconds, peak memory, numbers kept, NDCG@20 on known items; for models of ``PERSONAL`` also what its scores reach with
  users exchanged and as one mean list;
* missing: the network given fewer modalities, and trained on fewer, on known items, once per repeat with that seed; the
  ridge from content to log likes;
* new items: draws of a fifth of the items as new: networks, the literal reading, a ridge from content to log likes, the
  models' scores without the user, and the network with one modality missing, in both ways;
* growth: seconds per epoch of each network, its fixed part and its lists, and seconds of the closed form, while items,
  users (with their ratings) or rows are multiplied by ``TIMES``;
* encoding: seconds to encode 1, 2, 4 times ``PICTURES`` pictures by one encoder;
* encoders: per encoder its trained parameters, seconds per item, memory, and the NDCG@20 that a fixed linear model
  reaches on new items with that encoder alone, over the draws (not where the weights would be random);
* transformers: seconds per text and memory of one architecture with random weights, by its number of parameters.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES, Catalogue, Interactions
from mmrec.data.split import Split, by_time
from mmrec.datasets import open_dataset
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.record import check_committed, commit, save_record
from mmrec.features import Features, extract
from mmrec.features.encoders import DEFAULT_ENCODERS, REGISTRY, make_encoder
from mmrec.features.pretrained_encoders import PackagedEncoder, Vgg16PictureEncoder
from mmrec.files import write_json
from mmrec.models import make_model, model_class
from mmrec.models.base import Recommender
from studies.claims.claims import Crossed, popularity_by_content, reached, without_user

NETWORKS = ("document-user", "two-towers", "fusion")
CLOSED = "ease-features"
MODELS = (
    "popularity",
    "ease",
    "graph-filter",
    "content",
    CLOSED,
    "graph-filter-features",
    "document-literal",
    *NETWORKS,
)
PERSONAL = (CLOSED, *NETWORKS)
MISSING = "fusion"
TIMES = (1, 2, 4)
CLOSED_TIMES = (1, 2, 4, 8)
GROWTH_EPOCHS = 4
LISTED = 200
"""Users whose lists are timed."""
NEW = 0.2
PICTURES = 64
ENCODED = 32
"""Items that an encoder is timed on, once per repeat."""
TRANSFORMERS = ((128, 2), (384, 6), (768, 12), (1024, 24))
"""Width and blocks: the sizes of BERT-tiny, MiniLM, BERT-base and BERT-large."""
TEXTS, TOKENS = 8, 32
BATCHES = {
    "document-user": ("mmrec.models.sampling", "TrainingBatches"),
    "two-towers": ("mmrec.models.two_towers", "HeldBack"),
    "fusion": ("mmrec.models.fusion_training", "FusionBatches"),
}
"""Model -> module and class of its batches, whose ``on_epoch_end`` closes an epoch."""


def clocked(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, processor seconds and seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.process_time() - processor, time.perf_counter() - wall


def seeded(name: str, seed: int, **settings: Any) -> Recommender:
    """A model, with the seed if anything in it is drawn."""
    return make_model(name, **({"seed": seed} if "seed" in model_class(name).parameters() else {}), **settings)


def margins(values: list[np.ndarray]) -> dict[str, Any]:
    """D arrays (U,) as both margins."""
    return Crossed.of(np.array(values)).as_json()


def only(catalogue: Catalogue, modality: str) -> Catalogue:
    """The catalogue's items with one modality."""
    items = catalogue.items.copy()
    for name in MODALITIES:
        items[name] = items[name] if name == modality else ""
    return replace(catalogue, items=items)


def prepared(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Processor seconds of reading the catalogue and of extracting each modality with nothing cached, per repeat."""
    catalogue = open_dataset(folder)
    works: dict[str, Callable[[], Any]] = {"read": lambda: open_dataset(folder)}
    works |= {name: partial(extract, only(catalogue, name)) for name in MODALITIES}
    first = replace(catalogue, items=catalogue.items.head(3))
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["MMREC_CACHE"] = cache
            extract(first)  # so that libraries are loaded and layers compiled
            for name, work in works.items():
                spent[name].append(round(clocked(work)[1], 4))
    return spent


def fitted(folder: Path, name: str, repeats: int) -> dict[str, Any]:
    """One model with seeds 0, 1, ...: the costs of each fit, and what it reaches on known items."""
    catalogue = open_dataset(folder)
    features, split = extract(catalogue), by_time(catalogue.interactions)
    costs: dict[str, list[float]] = {"processor seconds": [], "seconds": [], "peak MB": []}
    ndcg: dict[str, list[np.ndarray]] = {"own": []}
    numbers = 0
    for seed in range(repeats):
        model = seeded(name, seed)
        with PeakMemory() as memory:
            _, processor, wall = clocked(partial(model.fit, split.train, features))
        for cost, value in zip(costs.values(), (processor, wall, memory.peak_mb), strict=True):
            cost.append(round(value, 4))
        ndcg["own"].append(reached(model, split))
        if name in PERSONAL:
            scores = model.scores(np.arange(split.train.users))  # (U, I)
            for control, given in without_user(scores, np.random.default_rng(seed)).items():
                ndcg.setdefault(control, []).append(reached(given, split))
        numbers = sum(np.size(array) for array in model.state().values())
    return {**costs, "numbers": int(numbers), "ndcg@20": {key: margins(values) for key, values in ndcg.items()}}


def one_missing(train: Split, features: Features, seed: int, cases: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Case -> what the network reaches: whole, and per modality m "given without m" and "trained without m"."""
    found: dict[str, dict[str, Any]] = {case: {} for case in cases}

    def note(key: str, model: Recommender) -> None:
        for case in cases:
            found[case][key] = reached(model, train, case)

    whole = seeded(MISSING, seed).fit(train.train, features)
    note("whole", whole)
    for name in features.modalities:
        fewer = features.only(*(other for other in features.modalities if other != name))
        note(f"given without {name}", whole.use(fewer))  # type: ignore[attr-defined]
        note(f"trained without {name}", seeded(MISSING, seed).fit(train.train, fewer))
    found["model"] = {"whole": whole}
    return found


def missing(folder: Path, seed: int) -> dict[str, list[Any]]:
    """One seed on known items: per variant each user's NDCG@20."""
    catalogue = open_dataset(folder)
    features, split = extract(catalogue), by_time(catalogue.interactions)
    found = one_missing(split, features, seed, ("warm",))["warm"]
    found["ridge"] = reached(popularity_by_content(split.train, features), split)
    return {key: as_list(values) for key, values in found.items()}


def new_items(folder: Path, draw: int) -> dict[str, list[Any]]:
    """One draw of new items: per model and control each user's NDCG@20 on them."""
    catalogue = open_dataset(folder)
    features, split = extract(catalogue), by_time(catalogue.interactions, cold_items=NEW, seed=draw)
    study = one_missing(split, features, draw, ("cold-item",))
    found = study["cold-item"]
    found["ridge"] = reached(popularity_by_content(split.train, features), split, "cold-item")
    for name in ("document-literal", *PERSONAL):
        model = study["model"]["whole"] if name == MISSING else seeded(name, draw).fit(split.train, features)
        found[name] = reached(model, split, "cold-item")
        if name in PERSONAL:
            scores = model.scores(np.arange(split.train.users))
            for control, given in without_user(scores, np.random.default_rng(draw)).items():
                found[f"{name}, {control}"] = reached(given, split, "cold-item")
    return {key: as_list(values) for key, values in found.items()}


def as_list(values: np.ndarray) -> list[float | None]:
    """JSON has no NaN."""
    return [None if np.isnan(value) else round(float(value), 6) for value in values]


def joined(parts: list[dict[str, list[Any]]]) -> dict[str, Any]:
    """What each draw or seed found -> variant -> both margins."""
    return {key: margins([np.array(part[key], float) for part in parts]) for key in parts[0]}


def tiled(rows: Interactions, features: Features, times: int, seed: int) -> tuple[Interactions, Features]:
    """Each item becomes ``times`` items; each rating falls on one of them."""
    copy = np.random.default_rng(seed).integers(0, times, len(rows))
    table = replace(
        features,
        item_ids=tuple(f"{ident}-{at}" for at in range(times) for ident in features.item_ids),
        blocks={name: np.tile(block, (times, 1)) for name, block in features.blocks.items()},
        present=np.tile(features.present, (times, 1)),
    )
    return replace(rows, item=rows.item + rows.items * copy, items=rows.items * times), table


def more_users(rows: Interactions, times: int) -> Interactions:
    """Each user becomes ``times`` users with the same ratings."""
    at = np.tile(np.arange(len(rows)), times)
    copy = np.repeat(np.arange(times), len(rows))
    many = rows.take(at)
    return replace(many, user=many.user + rows.users * copy, users=rows.users * times)


def more_rows(rows: Interactions, times: int, seed: int) -> Interactions:
    """Further ratings of unrated pairs, drawn among the ratings that are there, until there are ``times`` as many."""
    rng = np.random.default_rng(seed)
    free = np.flatnonzero(rows.matrix().toarray().ravel() == 0)
    drawn = rng.choice(free, (times - 1) * len(rows), replace=False)
    like = rows.take(rng.integers(0, len(rows), len(drawn)))
    user, item = np.divmod(drawn, rows.items)
    return Interactions.joined(rows, replace(like, user=user, item=item))


@contextmanager
def epochs_clocked(name: str) -> Iterator[list[float]]:
    """Processor time at the end of each epoch of a network that is fitted in the block."""
    module, attribute = BATCHES[name]
    kind, ends = getattr(import_module(module), attribute), []
    usual = kind.on_epoch_end

    def noted(self: Any) -> None:
        usual(self)
        ends.append(time.process_time())

    kind.on_epoch_end = noted
    try:
        yield ends
    finally:
        kind.on_epoch_end = usual


def grown(folder: Path, name: str, repeats: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Axis -> times -> seconds: per epoch (its median), of all else in a fit, and to list for some users.

    The closed form has no epochs: its "epoch" is the whole fit, for more items only. A small fit goes before.
    """
    catalogue = open_dataset(folder)
    train, features = by_time(catalogue.interactions).train, extract(catalogue)
    network = name in NETWORKS
    short = {"epochs": GROWTH_EPOCHS} if network else {}
    seeded(name, 0, **short).fit(train, features).recommend(np.arange(LISTED), 20)
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for axis in ("items", "users", "rows") if network else ("items",):
        for times in TIMES if network else CLOSED_TIMES:
            spent: dict[str, list[float]] = {"epoch": [], "fixed": [], "list": []}
            found.setdefault(axis, {})[str(times)] = spent
            for seed in range(repeats):
                rows, table = tiled(train, features, times, seed) if axis == "items" else (train, features)
                rows = more_users(train, times) if axis == "users" else rows
                rows = more_rows(train, times, seed) if axis == "rows" else rows
                model = seeded(name, seed, **short)
                if network:
                    with epochs_clocked(name) as ends:
                        _, whole, _ = clocked(partial(model.fit, rows, table))
                    epoch = float(np.median(np.diff(ends[-GROWTH_EPOCHS:])))  # the first one traces the step
                    spent["fixed"].append(round(whole - GROWTH_EPOCHS * epoch, 4))
                else:
                    epoch = clocked(partial(model.fit, rows, table))[1]
                spent["epoch"].append(round(epoch, 5))
                passes = [clocked(partial(model.recommend, np.arange(LISTED), 20))[1] for _ in range(3)]
                spent["list"].append(round(min(passes), 5))
    return found


def sources_of(catalogue: Catalogue, modality: str) -> list[Any]:
    """Texts or paths of the items that have the modality."""
    here = np.flatnonzero(catalogue.items[modality] != "")
    texts = catalogue.items["text"].tolist()
    return [texts[item] if modality == "text" else str(catalogue.media_path(int(item), modality)) for item in here]


def encode(encoder: Any, sources: list[Any]) -> None:
    """Read and encode, one batch after the other."""
    for at in range(0, len(sources), ENCODED):
        encoder.encode([encoder.load(source) for source in sources[at : at + ENCODED]])


def encoding(folder: Path, name: str, repeats: int) -> dict[str, list[float]]:
    """Number of pictures -> processor seconds to read and encode them, per repeat; other pictures in each."""
    sources, encoder = sources_of(open_dataset(folder), "image"), make_encoder("image", name)
    encode(encoder, sources[:ENCODED])
    found: dict[str, list[float]] = {str(PICTURES * times): [] for times in TIMES}
    for seed in range(repeats):
        order = np.random.default_rng(seed).permutation(len(sources))
        for count, spent in found.items():
            part = [sources[at] for at in order[: int(count)]]
            spent.append(round(clocked(partial(encode, encoder, part))[1], 4))
    return found


def trained_parameters(modality: str, name: str) -> int:
    """Numbers in the trained weights of an encoder; 0 where nothing is trained."""
    import keras

    encoder = make_encoder(modality, name)
    if isinstance(encoder, Vgg16PictureEncoder):
        network = keras.applications.VGG16(include_top=False, pooling="avg", weights=None)
        return int(network.count_params())
    if not isinstance(encoder, PackagedEncoder):
        return 0
    model: Any = encoder._model  # type: ignore[attr-defined]
    if isinstance(model, keras.Model):
        return int(model.count_params())
    from mmrec.features.pretrained import packages

    files = [encoder.folder / path for path in packages.REGISTRY[encoder.package].files]
    weights = [path for path in files if path.suffix in (".npz", ".safetensors")]
    return sum(map(numbers_in, weights))


def numbers_in(path: Path) -> int:
    """How many numbers a file of weights holds."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return sum(int(arrays[name].size) for name in arrays.files)
    from safetensors import safe_open

    with safe_open(path, "numpy") as arrays:
        return sum(int(np.prod(arrays.get_slice(name).get_shape())) for name in arrays.keys())  # noqa: SIM118


def encoder_study(folder: Path, modality: str, name: str, repeats: int, draws: int) -> dict[str, Any]:
    """Cost of one encoder, and the quality that the closed form reaches with it alone on new items."""
    catalogue = open_dataset(folder)
    sources = sources_of(catalogue, modality)
    with PeakMemory() as peak:
        encoder = make_encoder(modality, name)
        encode(encoder, sources[:ENCODED])
        parts = [sources[at * ENCODED : (at + 1) * ENCODED] for at in range(1, repeats + 1)]
        spent = [clocked(partial(encode, encoder, part))[1] / len(part) for part in parts]
    found: dict[str, Any] = {
        "parameters": trained_parameters(modality, name),
        "milliseconds": [round(1000 * seconds, 3) for seconds in spent],
        "peak MB": round(peak.peak_mb),
    }
    if name == "vgg16" and not Vgg16PictureEncoder.available():
        return {**found, "weights": "random"}
    features = extract(only(catalogue, modality), {modality: name})
    quality = []
    for draw in range(draws):
        split = by_time(catalogue.interactions, cold_items=NEW, seed=draw)
        quality.append(reached(seeded(CLOSED, draw).fit(split.train, features), split, "cold-item"))
    return {**found, "ndcg@20": margins(quality)}


def transformer(width: int, blocks: int, repeats: int) -> dict[str, Any]:
    """Seconds per text, and megabytes above those of the libraries, of a network with random weights."""
    from mmrec.features.pretrained.bert import Bert

    tokens = np.random.default_rng(0).integers(1, 30522, (TEXTS, TOKENS)).astype(np.int32)  # (B, L)
    Bert(100, 50, 8, 1, 8, 1)(tokens % 100)  # loads the libraries
    with PeakMemory() as before:
        pass
    with PeakMemory() as peak:
        model = Bert(30522, 512, width, max(1, width // 64), 4 * width, blocks)
        model.build((None, None))
        model.compile(jit_compile=False)
        model.predict_on_batch(tokens)
        spent = [clocked(partial(model.predict_on_batch, tokens))[1] / TEXTS for _ in range(repeats)]
    return {
        "parameters": int(model.count_params()),
        "seconds": [round(seconds, 6) for seconds in spent],
        "MB": round(peak.peak_mb - before.peak_mb, 1),
    }


def works(folder: Path, repeats: int, draws: int) -> dict[str, Callable[[], Any]]:
    """Name of each part -> what computes it; the longest first."""
    parts: dict[str, Callable[[], Any]] = {
        f"new items/{draw}": partial(new_items, folder, draw) for draw in range(draws)
    }
    parts |= {f"growth/{name}": partial(grown, folder, name, min(repeats, 3)) for name in NETWORKS}
    parts |= {f"missing/{seed}": partial(missing, folder, seed) for seed in range(repeats)}
    parts |= {f"growth/{CLOSED}": partial(grown, folder, CLOSED, repeats)}
    parts |= {f"models/{name}": partial(fitted, folder, name, repeats) for name in MODELS}
    for modality, encoders in REGISTRY.items():
        for name in sorted(encoders):
            parts[f"encoders/{modality}={name}"] = partial(encoder_study, folder, modality, name, 3, draws)
    parts |= {f"encoding/{name}": partial(encoding, folder, name, 3) for name in (DEFAULT_ENCODERS["image"], "lite0")}
    parts |= {f"transformers/{width}": partial(transformer, width, blocks, 5) for width, blocks in TRANSFORMERS}
    return {**parts, "features": partial(prepared, folder, repeats)}


def kept(folder: Path, name: str, work: Callable[[], Any]) -> float:
    """Compute one part in this process and write it; the seconds that it took."""
    found, _, seconds = clocked(work)
    write_json(folder / f"{name.replace('/', '--')}.json", found)
    return seconds


def finished(folder: Path, tree: str) -> set[str]:
    """Names of the parts that a stopped run of this commit left; what came from a tree with changes is deleted."""
    files = list(folder.glob("*.json"))
    if not tree or tree.endswith("+"):
        for path in files:
            path.unlink()
        return set()
    return {path.stem.replace("--", "/", 1) for path in files}


def gathered(folder: Path, names: list[str]) -> dict[str, Any]:
    """The parts as the record holds them."""
    read = {
        name: json.loads((folder / f"{name.replace('/', '--')}.json").read_text(encoding="utf-8")) for name in names
    }
    results: dict[str, Any] = {}
    for name in sorted(names):
        part, _, key = name.partition("/")
        if key:
            results.setdefault(part, {})[key] = read[name]
        else:
            results[part] = read[name]
    for part in ("missing", "new items"):
        results[part] = joined([results[part][key] for key in sorted(results[part], key=int)])
    results["models"] = {name: results["models"][name] for name in MODELS}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/claims.json"))
    options = parser.parse_args()
    check_committed()
    repeats, draws = options.repeats, options.draws
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    os.environ |= threads  # of the processes below, which import everything again
    catalogue, tree = open_dataset("embedded"), commit()
    extract(catalogue)  # into the cache, for the fits
    parts = works(catalogue.folder, repeats, draws)
    folder = Path(tempfile.gettempdir()) / f"mmrec-claims-{tree or 'no-commit'}-{repeats}-{draws}"
    folder.mkdir(parents=True, exist_ok=True)
    there = finished(folder, tree)
    left = [name for name in parts if name not in there]
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {pool.submit(kept, folder, name, parts[name]): name for name in left}
        for done in tqdm(as_completed(running), "parts", total=len(left)):
            tqdm.write(f"{running[done]}: {done.result():.0f} s")
    results = {**gathered(folder, list(parts)), "draws": draws, "threads": threads}
    told = f"MMREC_ENCODERS=DIR python -m studies.claims.record --repeats {repeats} --draws {draws}"
    save_record(options.out, results, seed=0, seeds=repeats, data_hash=catalogue.fingerprint, command=told)
    for path in folder.glob("*.json"):
        path.unlink()
    folder.rmdir()
    print(options.out)


if __name__ == "__main__":
    main()
