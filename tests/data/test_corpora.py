import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mmrec.commands.fetch import command
from mmrec.data import corpora
from mmrec.datasets import REGISTRY, find_dataset, open_dataset
from mmrec.errors import InputError, IntegrityError, MissingDataError


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.delenv("MMREC_DATA", raising=False)


def review_table(**changes) -> pd.DataFrame:
    columns = {
        "Clothing ID": [7, 7, 8, 9],
        "Age": [30, 40, 50, 60],
        "Title": ["Nice", None, "No", None],
        "Review Text": ["It fits.", "Soft. ", None, " "],
        "Rating": [5, 4, 1, 2],
        "Recommended IND": [1, 1, 0, 0],
        "Department Name": ["Tops", None, "Tops", "Tops"],
    }
    return pd.DataFrame(columns | changes)


@pytest.fixture
def reviews(tmp_path) -> Path:
    folder = tmp_path / "reviews"
    folder.mkdir()
    review_table().to_parquet(folder / corpora.REVIEW_FILE, compression="brotli")
    return folder


@pytest.fixture
def digits(tmp_path) -> Path:
    folder = tmp_path / "digits"
    (folder / "recordings").mkdir(parents=True)
    for name in ("1_ann_0", "0_bob_10", "0_bob_2", "0_ann_3"):
        (folder / "recordings" / f"{name}.wav").write_bytes(name.encode())
    return folder


def record(monkeypatch, folder: Path) -> None:
    """Take the files of a folder for the recorded ones."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    monkeypatch.setattr(corpora, "manifest", lambda name: found)


def test_reviews_with_a_text_are_read(reviews):
    table = corpora.load_reviews(reviews)
    assert list(table) == ["product", "title", "text", "rating", "recommended", "department"]
    assert table.to_dict("list") == {
        "product": [7, 7],
        "title": ["Nice", ""],
        "text": ["It fits.", "Soft."],
        "rating": [5, 4],
        "recommended": [True, True],
        "department": ["Tops", ""],
    }


def test_recordings_are_ordered_by_digit_speaker_and_take(digits):
    paths, labels, speakers = corpora.load_digits(digits)
    assert [path.stem for path in paths] == ["0_ann_3", "0_bob_2", "0_bob_10", "1_ann_0"]
    np.testing.assert_array_equal(labels, [0, 0, 0, 1])
    assert list(speakers) == ["ann", "bob", "bob", "ann"]


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    ("load", "name"), [(corpora.load_reviews, "clothing-reviews"), (corpora.load_digits, "spoken-digits")]
)
def test_absent_data_say_how_to_get_them(load, name, tmp_path, monkeypatch):
    with pytest.raises(MissingDataError, match=f"MMREC_DATA is not set: run 'mmrec fetch {name} --to DIR/{name}'"):
        load()
    monkeypatch.setenv("MMREC_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match=f"not in .*{name}: run 'mmrec fetch {name}"):
        load()


def test_the_folder_is_found_under_the_data_folder(reviews, monkeypatch):
    reviews.rename(reviews.with_name(corpora.REVIEWS))
    monkeypatch.setenv("MMREC_DATA", str(reviews.parent))
    assert len(corpora.load_reviews()) == 2


def test_wrong_files_are_told(reviews, digits):
    path = reviews / corpora.REVIEW_FILE
    path.write_text("no parquet")
    with pytest.raises(InputError, match="no Parquet file"):
        corpora.load_reviews(reviews)
    review_table().drop(columns="Rating").to_parquet(path)
    with pytest.raises(InputError, match="no column 'Rating'"):
        corpora.load_reviews(reviews)
    review_table(**{"Recommended IND": [1, 2, 0, 0]}).to_parquet(path)
    with pytest.raises(InputError, match="recommendations 0 or 1"):
        corpora.load_reviews(reviews)
    (digits / "recordings" / "noise.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"noise.wav .*DIGIT_SPEAKER_TAKE"):
        corpora.load_digits(digits)


@pytest.mark.parametrize(
    ("name", "counts"), [("clothing-reviews", "2 reviews, 1 products"), ("spoken-digits", "4 rec")]
)
def test_fetch_shows_the_terms_and_copies_the_checked_files(name, counts, reviews, digits, tmp_path, monkeypatch):
    source = reviews if name == corpora.REVIEWS else digits
    record(monkeypatch, source)
    target = tmp_path / "new" / name
    target.parent.mkdir()
    result = CliRunner().invoke(command, [name, "--to", str(target), "--source", str(source)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith(corpora.TERMS[name])
    assert counts in result.output
    copied = {path.relative_to(target): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert copied == {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="not empty"):
        corpora.convert(name, source, target)


def test_other_bytes_are_refused_and_nothing_is_left(reviews, tmp_path):
    with pytest.raises(IntegrityError, match=corpora.REVIEW_FILE):
        corpora.convert(corpora.REVIEWS, reviews, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_file_is_asked_for_with_its_checksum(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(corpora, "download_all", lambda remote, folder, progress: asked.extend(remote))
    corpora.fetch(corpora.REVIEWS)
    assert len(asked) == 1
    assert all(url.endswith(f"/{corpora.REVIEW_FILE}") for url in asked[0].urls)
    corpora.fetch(corpora.DIGITS)
    recordings = asked[1:]
    assert len(recordings) == 3000
    assert all(len(file.sha256) == 64 and file.urls[0].endswith(f"/{file.path}") for file in recordings)
    names = {file.path for file in recordings}
    speakers = {name.split("_")[1] for name in names}
    assert len(speakers) == 6
    assert names == {
        f"recordings/{digit}_{who}_{take}.wav" for digit in range(10) for who in speakers for take in range(50)
    }


@pytest.mark.parametrize("name", [corpora.REVIEWS, corpora.DIGITS])
def test_a_corpus_is_no_catalogue(name):
    assert find_dataset(name) is REGISTRY[name]
    with pytest.raises(InputError, match=r"labelled corpus without users, not a catalogue: read it with mmrec\.data"):
        open_dataset(name)
    assert callable(getattr(corpora, REGISTRY[name].reader))


DATA = Path(os.environ.get("MMREC_DATA", "/nonexistent"))


@pytest.mark.skipif(not (DATA / corpora.REVIEWS).is_dir(), reason="needs the corpus under MMREC_DATA")
def test_the_real_reviews(tmp_path):
    assert corpora.convert(corpora.REVIEWS, DATA / corpora.REVIEWS, tmp_path / "out")["reviews"] == 22641
    table = corpora.load_reviews()
    assert (table["text"] != "").all()
    assert 0.8 < table["recommended"].mean() < 0.85


@pytest.mark.skipif(not (DATA / corpora.DIGITS).is_dir(), reason="needs the corpus under MMREC_DATA")
def test_the_real_digits(tmp_path):
    counts = corpora.convert(corpora.DIGITS, DATA / corpora.DIGITS, tmp_path / "out")
    assert counts == {"recordings": 3000, "speakers": 6}
    _, labels, _ = corpora.load_digits()
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 300))
