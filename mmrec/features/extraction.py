"""From a catalogue's media to aligned arrays, streamed: decoding in threads, encoding in the calling thread.

Files are hashed, looked up in the cache, and only what is not there is decoded and encoded; at most
two batches are in memory at a time. Every finished batch is kept at once, so a run that was killed goes
on where it was, and its result is bit for bit that of a run that was not: a row depends on its own item alone.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_matrix
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES, Catalogue
from mmrec.errors import InputError
from mmrec.features.encoders import Encoder, Source, make_encoder
from mmrec.features.feature_folder import FeatureFolder
from mmrec.features.store import FeatureStore
from mmrec.features.table import Features
from mmrec.files import sha256_file

BATCH = 32
_ROWS_AT_ONCE = 128

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class _Work:
    """The items that have a modality: their rows, what to read, and the hash of what is read."""

    rows: np.ndarray
    sources: Sequence[Source]
    keys: Sequence[str]


def extract(
    catalogue: Catalogue,
    encoders: Mapping[str, str] | None = None,
    *,
    progress: bool = False,
    jobs: int = 2,
    folder: Path | str | None = None,
) -> Features:
    """Extract every modality that the catalogue has.

    Args:
        catalogue: a read and checked catalogue.
        encoders: modality -> name of its encoder; the others keep ``DEFAULT_ENCODERS``.
        progress: show a bar for each modality on stderr.
        jobs: threads that decode.
        folder: write the arrays here as they are made (see ``write``) and return them mapped from disk,
            so that memory stays bounded however many items there are.

    Returns:
        Features in the catalogue's order of items; a modality that no item has gives no block.

    Raises:
        InputError: an encoder that does not exist.
        MediaError: a file that cannot be decoded, named.
    """
    chosen = choose_encoders(encoders)
    if jobs < 1:
        raise InputError(f"jobs is {jobs}: give 1 or more")
    items = len(catalogue.item_ids)
    present = np.zeros((items, len(MODALITIES)), bool)
    blocks: dict[str, np.ndarray] = {}
    info: dict[str, Any] = {}
    target = FeatureFolder(folder) if folder is not None else None
    try:
        with ThreadPoolExecutor(jobs, thread_name_prefix="mmrec-features") as pool:
            for column, modality in enumerate(MODALITIES):
                rows, sources = _sources(catalogue, modality)
                if not len(rows):
                    continue
                encoder = chosen[modality]
                work = _Work(rows, sources, _hashes(sources, progress, modality))
                present[rows, column] = True
                with FeatureStore(_identity(encoder), encoder.size) as store:
                    _encode_missing(encoder, work, store, pool, jobs, progress)
                    parts = _aligned(work, items, store)
                    if target:
                        target.add(modality, (items, encoder.size), parts)
                    else:
                        block = blocks[modality] = np.empty((items, encoder.size), np.float32)
                        for start, part in zip(range(0, items, _ROWS_AT_ONCE), parts, strict=True):
                            block[start : start + len(part)] = part
                info[modality] = {
                    "encoder": encoder.name,
                    "version": encoder.version,
                    "parameters": dict(encoder.parameters),
                    "source": hashlib.sha256("\n".join(work.keys).encode()).hexdigest(),
                }
        if target:
            blocks = target.finish(present, info)
    finally:
        if target:
            target.discard()
    reviews = _count_reviews(catalogue, chosen["text"]) if "text" in blocks else None
    return Features(catalogue.item_ids, blocks, present, reviews, info)


def write(features: Features, folder: Path | str) -> None:
    """Write features in the layout that other multimodal frameworks read.

    ``text_feat.npy``, ``image_feat.npy`` and ``audio_feat.npy`` ((I, d) float32, row i = row i of
    ``product_data.csv``; none for a modality that no item has), ``present.npy`` ((I, 3) bool, columns text,
    image, audio) and ``features.json`` (modality -> encoder, version, parameters, source hash).
    Each file takes its place only when it is complete.
    """
    target = FeatureFolder(folder)
    try:
        for modality in features.modalities:
            block = features.blocks[modality]
            starts = range(0, len(block), _ROWS_AT_ONCE)
            target.add(modality, block.shape, (block[start : start + _ROWS_AT_ONCE] for start in starts))
        target.finish(features.present, dict(features.info))
    finally:
        target.discard()


def choose_encoders(names: Mapping[str, str] | None = None) -> dict[str, Encoder]:
    """One encoder a modality: the named ones, and the default of each modality that is not named."""
    names = dict(names or {})
    unknown = [modality for modality in names if modality not in MODALITIES]
    if unknown:
        raise InputError(f"unknown modality {unknown[0]!r}: choose from {', '.join(MODALITIES)}")
    return {modality: make_encoder(modality, names.get(modality)) for modality in MODALITIES}


def _identity(encoder: Encoder) -> dict[str, Any]:
    return {"encoder": encoder.name, "version": encoder.version, "parameters": dict(encoder.parameters)}


def _sources(catalogue: Catalogue, modality: str) -> tuple[np.ndarray, list[Source]]:
    """Rows of the items that have the modality, and their texts or paths."""
    values = [str(value) for value in catalogue.items[modality].tolist()]
    rows = [row for row, value in enumerate(values) if value.strip()]
    sources: list[Source] = [values[row] if modality == "text" else catalogue.folder / values[row] for row in rows]
    return np.array(rows, np.int64), sources


def _hashes(sources: Sequence[Source], progress: bool, modality: str) -> list[str]:
    """The hash of each source, in one thread: for files as small as pictures two get in each other's way."""
    bar = tqdm(sources, f"{modality}: hash", disable=None if progress else True, leave=False)
    return [
        sha256_file(source) if isinstance(source, Path) else hashlib.sha256(source.encode()).hexdigest()
        for source in bar
    ]


def _encode_missing(
    encoder: Encoder, work: _Work, store: FeatureStore, pool: ThreadPoolExecutor, jobs: int, progress: bool
) -> None:
    """Decode and encode what the store does not hold, keeping each batch as soon as it is done."""
    source_of = dict(zip(work.keys, work.sources, strict=True))
    missing = store.missing(work.keys)
    if not missing:
        return
    bar = tqdm(
        total=len(source_of),
        initial=len(source_of) - len(missing),
        desc=f"{encoder.modality}: {encoder.name}",
        unit="item",
        disable=None if progress else True,
    )
    loaded = _ahead(pool, encoder.load, [source_of[key] for key in missing], BATCH + 2 * jobs)
    with bar:
        for start in range(0, len(missing), BATCH):
            batch = list(islice(loaded, BATCH))
            store.put(missing[start : start + BATCH], encoder.encode(batch))
            bar.update(len(batch))


def _aligned(work: _Work, items: int, store: FeatureStore) -> Iterator[np.ndarray]:
    """(n, d) float32 of the next n items, until all have come; zeros where an item lacks the modality."""
    for start in range(0, items, _ROWS_AT_ONCE):
        first, last = np.searchsorted(work.rows, (start, start + _ROWS_AT_ONCE))
        part = np.zeros((min(_ROWS_AT_ONCE, items - start), store.size), np.float32)
        part[work.rows[first:last] - start] = store.get(work.keys[first:last])
        yield part


def _ahead(pool: ThreadPoolExecutor, work: Callable[[_T], _R], values: Sequence[_T], depth: int) -> Iterator[_R]:
    """``map`` over the pool, in order, with at most ``depth`` results waiting: the reader holds the threads back."""
    queue: deque[Future[_R]] = deque()
    try:
        for value in values:
            queue.append(pool.submit(work, value))
            if len(queue) >= depth:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        for future in queue:
            future.cancel()


def _count_reviews(catalogue: Catalogue, encoder: Encoder) -> csr_matrix | None:
    """Word counts of the reviews, where they lie in the same space as the items' texts."""
    if encoder.name != "bow" or not any(catalogue.reviews):
        return None
    from mmrec.text import count_words

    return count_words(catalogue.reviews, encoder.parameters["vocabulary_size"])
