"""Items per second: the project's image and audio extraction next to plain loops and the document's listing pattern.

Run ``python -m studies.encoders.throughput [DIR] [--items N] [--out FILE]``. Without DIR, the embedded catalogue.
Everything is measured in one process, with the library imports and one warm-up item outside the clock and an empty
feature cache. The methods of a modality take turns, three times, and the median of each counts; those with VGG16 take
turns of their own, for the hundreds of megabytes that one of them leaves behind slow what comes next.

The rows:

* ``mmrec``: what ``mmrec features`` runs: hash, decode in threads, the formula layers, the cache.
* ``bare loop``: the same decoding and the same layers, one batch after the other, in one thread and without a cache:
  what a single process does without the project.
* ``plain loop``: one thread, decode and transform with OpenCV (the same 48 filters, at every pixel, for
  ``filter2D`` cannot skip any, and one mean a filter) or librosa (log-mel of 64 bands, its mean) alone.
* ``listing``: the pattern of section 5.2: a VGG16 network built again for every picture, then used once; for a
  sound, librosa's MFCC. Weights are random here, for time does not depend on them. VGG16 is another and far
  larger network than the project's filter bank, so compare the rows of VGG16 with one another (``vgg16_ratio``).
* ``VGG16 built once`` and ``VGG16 in batches``: Keras's network made once, for a picture and for 8 at a time.
* ``mmrec vgg16``: ``mmrec features --encoder vgg16`` with random weights, the making of the network in the clock.

Together the last ones tell where the factor comes from: no building, batches, and convolutions with a quarter of the
products (``mmrec.features.pretrained.imagenet``). How far the rows are from Keras's is recorded next to them.

With ``--memory``, 600 simulated items, and ten times as many with the same contents under other hashes, are extracted
by a process of their own, whose peak of resident memory is read. With ``MMREC_DATA`` and lite0 (``mmrec fetch
encoders``), the films' posters are timed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import librosa
import numpy as np
import pandas as pd

from mmrec.data.catalogue import MODALITIES, Catalogue
from mmrec.datasets import open_dataset
from mmrec.errors import MediaError, MissingDataError
from mmrec.evaluation.record import check_committed, save_record
from mmrec.features import extract
from mmrec.features.encoders import make_encoder
from mmrec.features.extraction import BATCH
from mmrec.layers.filter_bank import filter_bank
from mmrec.simulation.simulator import simulate

LISTING_PICTURES = 10
VGG16_PICTURES = 257
VGG16_ROWS = 8
VGG16_METHODS = ("VGG16 built once", "VGG16 in batches", "mmrec vgg16", "listing")
TURNS = 3
MEMORY_ITEMS = (600, 6000)
MEASURED = """
import json, sys
from mmrec.data.reader import read_catalogue
from mmrec.evaluation.cost import PeakMemory, timed
from mmrec.features import extract
with PeakMemory() as reading:
    catalogue = read_catalogue(sys.argv[1])
with PeakMemory() as extraction:
    _, spent = timed(lambda: extract(catalogue, folder=sys.argv[2]))
print(json.dumps({"peak_mb": extraction.peak_mb, "before_mb": reading.peak_mb, "seconds": round(spent, 1)}))
"""


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def only(catalogue: Catalogue, modality: str, rows: Sequence[int]) -> Catalogue:
    """The catalogue with one modality, of some items."""
    keep = np.isin(np.arange(len(catalogue.items)), rows)
    items = catalogue.items.copy()
    for name in MODALITIES:
        items[name] = items[name].where(keep & (name == modality), "")
    return replace(catalogue, items=items)


def project(catalogue: Catalogue, modality: str, rows: Sequence[int], jobs: int, encoder: str | None = None) -> float:
    """Seconds an item of what ``mmrec features`` runs; the first item is the warm-up."""
    chosen = {modality: encoder} if encoder else None
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MMREC_CACHE"] = cache
        extract(only(catalogue, modality, rows[:1]), chosen, jobs=jobs)
        others = only(catalogue, modality, rows[1:])
        return seconds(lambda: extract(others, chosen, jobs=jobs)) / (len(rows) - 1)


def bare(modality: str, paths: Sequence[Path]) -> float:
    """Seconds an item of decoding and encoding alone, by the project's own encoder."""
    encoder = make_encoder(modality)
    encoder.encode([encoder.load(paths[0])])
    batches = [paths[at : at + BATCH] for at in range(1, len(paths), BATCH)]
    spent = seconds(lambda: [encoder.encode([encoder.load(path) for path in batch]) for batch in batches])
    return spent / (len(paths) - 1)


def multiply(catalogue: Path, times: int) -> None:
    """Add copies of every item until there are ``times`` as many, each text and file with its copy's number at its end.

    Decoders stop before the number, so a copy costs what its item costs, but its hash is another.
    """
    items = pd.read_csv(catalogue / "product_data.csv", dtype=str, keep_default_na=False)
    tables = [items]
    for copy in range(1, times):
        table = items.copy()
        table["item_id"] += f"c{copy}"
        table["text"] = [f"{text} {copy}" if text else "" for text in items["text"]]
        for modality in ("image", "audio"):
            table[modality] = [
                f"{Path(name).parent}/{copy}-{Path(name).name}" if name else "" for name in items[modality]
            ]
            for old, new in zip(items[modality], table[modality], strict=True):
                if old:
                    (catalogue / new).write_bytes((catalogue / old).read_bytes() + str(copy).encode())
        tables.append(table)
    pd.concat(tables).to_csv(catalogue / "product_data.csv", index=False)


def memory(items: int) -> dict[str, float]:
    """Peak resident MB of a process that extracts a simulated catalogue of so many items, and its seconds."""
    with tempfile.TemporaryDirectory() as place:
        simulate(Path(place) / "catalogue", items=MEMORY_ITEMS[0], users=200, ratings=2000)
        multiply(Path(place) / "catalogue", items // MEMORY_ITEMS[0])
        command = [sys.executable, "-c", MEASURED, str(Path(place) / "catalogue"), str(Path(place) / "features")]
        environment = {**os.environ, "MMREC_CACHE": str(Path(place) / "cache")}
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = json.loads(told.stdout.splitlines()[-1])
    return {"items": items, **found}


def read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    if picture is None:
        raise MediaError(f"{path}: no picture that OpenCV reads")
    return picture


def plain_image(path: Path, size: tuple[int, int], kernels: np.ndarray, biases: np.ndarray) -> np.ndarray:
    picture = cv2.cvtColor(read_picture(path), cv2.COLOR_BGR2RGB)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    maps = []
    for kernel, bias in zip(kernels, biases, strict=True):  # (k, k, 3)
        total = sum(cv2.filter2D(small[..., channel], -1, kernel[..., channel]) for channel in range(3))
        maps.append(np.maximum(total + bias, 0).mean())
    return np.array(maps)


def plain_audio(path: Path) -> np.ndarray:
    samples, rate = librosa.load(path, sr=None)
    mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_mels=64)
    return librosa.power_to_db(mel).mean(axis=1)


def listing_audio(path: Path) -> np.ndarray:
    samples, rate = librosa.load(path)
    return librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=13).mean(axis=1)


def listing_picture(path: Path) -> np.ndarray:
    return np.expand_dims(cv2.resize(read_picture(path), (224, 224)), 0)


def vgg16() -> Any:
    from keras.applications import VGG16

    return VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))


def built_per_picture(path: Path) -> np.ndarray:
    return vgg16().predict(listing_picture(path), verbose=0)


def in_batches(paths: Sequence[Path]) -> float:
    """Seconds a picture of Keras's own VGG16 for ``VGG16_ROWS`` pictures at a time; the first batch is the warm-up."""
    network = vgg16()
    batches = [paths[at : at + VGG16_ROWS] for at in range(0, len(paths), VGG16_ROWS)]
    whole = [batch for batch in batches if len(batch) == VGG16_ROWS]

    def predict(batch: Sequence[Path]) -> np.ndarray:
        return network.predict_on_batch(np.concatenate([listing_picture(path) for path in batch]).astype(np.float32))

    predict(whole[0])
    return seconds(lambda: [predict(batch) for batch in whole[1:]]) / (VGG16_ROWS * (len(whole) - 1))


def vgg16_difference(paths: Sequence[Path]) -> float:
    """How far rows of ``vgg16`` are from Keras's own network: the largest difference, over the largest number."""
    import keras
    from keras.applications.vgg16 import preprocess_input

    encoder: Any = make_encoder("image", "vgg16")
    pictures = [encoder.load(path) for path in paths]
    network = keras.applications.VGG16(include_top=False, pooling="avg", weights=None, input_shape=pictures[0].shape)
    network.set_weights(encoder._network[0].get_weights())
    expected = network.predict_on_batch(preprocess_input(np.stack(pictures).astype(np.float32)))  # (B, 512)
    return float(np.abs(encoder.encode(pictures) - expected).max() / np.abs(expected).max())


def loop(work: Callable[[Path], Any], paths: Sequence[Path]) -> float:
    """Seconds an item of a plain loop; the first item is the warm-up."""
    work(paths[0])
    return seconds(lambda: [work(path) for path in paths[1:]]) / (len(paths) - 1)


def measure(catalogue: Catalogue, items: int, jobs: int) -> list[dict[str, Any]]:
    paths: dict[str, list[Path]] = {}
    rows: dict[str, list[int]] = {}
    for modality in ("image", "audio"):
        found = [(row, catalogue.media_path(row, modality)) for row in range(len(catalogue.items))]
        rows[modality] = [row for row, path in found if path][:items]
        paths[modality] = [path for _, path in found if path][:items]
    height, width = (int(make_encoder("image").parameters[side]) for side in ("height", "width"))
    bank, biases = filter_bank()
    kernels = np.ascontiguousarray(np.moveaxis(bank, -1, 0))  # (48, k, k, 3)
    table: list[dict[str, Any]] = []

    def compare(modality: str, works: dict[str, tuple[int, Callable[[], float]]]) -> None:
        """Items and seconds an item of each method, the methods taking turns."""
        rounds = [[work() for _, work in works.values()] for _ in range(TURNS)]  # (turns, methods)
        for (method, (count, _)), each in zip(works.items(), np.median(rounds, axis=0).tolist(), strict=True):
            table.append({"modality": modality, "method": method, "items": count, "items_per_second": 1 / each})

    if len(rows["image"]) > 1:
        here, pictures = rows["image"], paths["image"]
        few, some = pictures[: LISTING_PICTURES + 1], pictures[: 5 * VGG16_ROWS]
        bank_works: dict[str, tuple[int, Callable[[], float]]] = {
            "mmrec": (len(here) - 1, lambda: project(catalogue, "image", here, jobs)),
            "bare loop": (len(here) - 1, lambda: bare("image", pictures)),
            "plain loop": (
                len(here) - 1,
                lambda: loop(lambda path: plain_image(path, (width, height), kernels, biases), pictures),
            ),
        }
        compare("image", bank_works)
        once = vgg16()
        works: dict[str, tuple[int, Callable[[], float]]] = {
            "VGG16 built once": (
                len(few) - 1,
                lambda: loop(lambda path: once.predict(listing_picture(path), verbose=0), few),
            ),
            "mmrec vgg16": (
                len(here[:VGG16_PICTURES]) - 1,
                lambda: project(catalogue, "image", here[:VGG16_PICTURES], jobs, "vgg16"),
            ),
            "listing": (len(few) - 1, lambda: loop(built_per_picture, few)),
        }
        if len(some) >= 2 * VGG16_ROWS:
            works["VGG16 in batches"] = (len(some) - VGG16_ROWS, lambda: in_batches(some))
        compare("image", works)
    if len(rows["audio"]) > 1:
        count, sounds = len(rows["audio"]) - 1, paths["audio"]
        compare(
            "audio",
            {
                "mmrec": (count, lambda: project(catalogue, "audio", rows["audio"], jobs)),
                "bare loop": (count, lambda: bare("audio", sounds)),
                "plain loop": (count, lambda: loop(plain_audio, sounds)),
                "listing": (count, lambda: loop(listing_audio, sounds)),
            },
        )
    rates = {(row["modality"], row["method"]): row["items_per_second"] for row in table}
    for row in table:
        row["mmrec_ratio"] = rates[row["modality"], "mmrec"] / row["items_per_second"]
        if row["modality"] == "image" and row["method"] in VGG16_METHODS:
            row["vgg16_ratio"] = rates["image", "mmrec vgg16"] / row["items_per_second"]
    return table


def films(jobs: int) -> dict[str, float] | None:
    """Seconds for the features of all posters of the films by lite0, with hashing and decoding."""
    try:
        catalogue = open_dataset("films")
        make_encoder("image", "lite0")
    except MissingDataError as error:
        print(f"left out: posters by lite0 ({error})")
        return None
    rows = [row for row in range(len(catalogue.items)) if catalogue.media_path(row, "image")]
    return {"posters": len(rows), "seconds": project(catalogue, "image", rows, jobs, "lite0") * (len(rows) - 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogue", nargs="?", default="embedded", metavar="DIR")
    parser.add_argument("--items", type=int, default=400, help="at most so many items of each modality")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="also the peak of memory with 600 and 6,000 items")
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    if options.out:
        check_committed()
    catalogue = open_dataset(options.catalogue)
    table = measure(catalogue, options.items, options.jobs)
    pictures = [catalogue.media_path(row, "image") for row in range(len(catalogue.items))]
    difference = vgg16_difference([path for path in pictures if path][:VGG16_ROWS])
    posters = films(options.jobs)
    print(f"{'modality':8} {'method':18} {'items':>6} {'items/s':>9} {'mmrec is faster by':>20}")
    for row in table:
        rate, ratio = row["items_per_second"], row["mmrec_ratio"]
        beside = f" (mmrec vgg16: {row['vgg16_ratio']:.2f}x)" if "vgg16_ratio" in row else ""
        print(f"{row['modality']:8} {row['method']:18} {row['items']:6} {rate:9.2f} {ratio:19.2f}x{beside}")
    print("VGG16 is another and far larger network than the filter bank of mmrec: compare it with itself.")
    print(f"Its rows are those of Keras up to {difference:.1e} of the largest number.")
    peaks = [memory(items) for items in MEMORY_ITEMS] if options.memory else []
    print(posters, peaks)
    if options.out:
        machine = {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}
        libraries = {name: version(name) for name in ("opencv-python-headless", "librosa", "numba")}
        told = f"python -m studies.encoders.throughput --items {options.items}"
        told += f"{' --memory' if options.memory else ''} --out results/throughput.json"
        results = {"runs": table, "jobs": options.jobs, "machine": machine, "libraries": libraries}
        results |= {"posters by lite0": posters, "memory": peaks, "vgg16 difference": difference}
        save_record(options.out, results, seed=0, seeds=1, data_hash=catalogue.fingerprint, command=told)
        print(options.out)


if __name__ == "__main__":
    main()
