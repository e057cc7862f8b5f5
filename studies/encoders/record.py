"""What each encoder costs before anything is fused: ``results/encoders.json``, which chapter 5 shows.

Run ``MMREC_ENCODERS=DIR python -m studies.encoders.record [--items 160]``. Each encoder reads and encodes items of the
embedded catalogue in a process of its own, one batch after the other, without a cache. The first batch, which imports
and compiles, is not counted. Per encoder:

* size: numbers in a row;
* weights_mb: megabytes of trained weights: the files of its package, VGG16's numbers; 0 where nothing is trained;
* milliseconds: of all processors together, an item, so that other work on the machine disturbs them little;
* memory_mb: peak of the process, most of which is TensorFlow's.

VGG16 has random weights without a network or ``MMREC_VGG16``; time and memory do not depend on them.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmrec.datasets import open_dataset
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.record import check_committed, save_record
from mmrec.features.encoders import REGISTRY, Encoder, make_encoder
from mmrec.features.extraction import BATCH
from mmrec.features.pretrained import packages
from mmrec.features.pretrained_encoders import PackagedEncoder, Vgg16PictureEncoder


def weights_mb(encoder: Encoder) -> float:
    """Megabytes of trained weights."""
    if isinstance(encoder, PackagedEncoder):
        files = packages.REGISTRY[encoder.package].files
        return sum((encoder.folder / path).stat().st_size for path in files) / 2**20
    if isinstance(encoder, Vgg16PictureEncoder):
        import keras

        network = keras.applications.VGG16(include_top=False, pooling="avg", weights=None)
        return sum(np.prod(weight.shape) for weight in network.weights) * 4 / 2**20
    return 0.0


def cost(modality: str, name: str, items: int) -> dict[str, float]:
    """What one encoder takes for so many items."""
    catalogue = open_dataset("embedded")
    here = np.flatnonzero(catalogue.items[modality] != "")[: items + BATCH]
    texts = catalogue.items["text"].tolist()
    sources = [texts[item] if modality == "text" else str(catalogue.media_path(item, modality)) for item in here]
    with PeakMemory() as peak:
        encoder = make_encoder(modality, name)
        encoder.encode([encoder.load(source) for source in sources[:BATCH]])
        start = time.process_time()
        for at in range(BATCH, len(sources), BATCH):
            encoder.encode([encoder.load(source) for source in sources[at : at + BATCH]])
        spent = time.process_time() - start
    return {
        "size": encoder.size,
        "weights_mb": round(weights_mb(encoder), 1),
        "milliseconds": round(1000 * spent / (len(sources) - BATCH), 2),
        "memory_mb": round(peak.peak_mb),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=160)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "results/encoders.json")
    options = parser.parse_args()
    check_committed()
    data = open_dataset("embedded").fingerprint
    names = [(modality, name) for modality, encoders in REGISTRY.items() for name in sorted(encoders)]
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh, max_tasks_per_child=1) as pool:
        found = {f"{m}={n}": pool.submit(cost, m, n, options.items) for m, n in names}
        results = {name: one.result() for name, one in tqdm(found.items())}
    told = f"MMREC_ENCODERS=DIR python -m studies.encoders.record --items {options.items}"
    save_record(options.out, results, seed=0, seeds=1, data_hash=data, command=told)
    for name, row in results.items():
        print(f"{name:16}", *(f"{column} {value:9,.2f}" for column, value in row.items()))


if __name__ == "__main__":
    main()
