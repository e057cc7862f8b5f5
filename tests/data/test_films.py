import csv
import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmrec.commands.fetch import command
from mmrec.data import films
from mmrec.data.download import unpack
from mmrec.errors import InputError, IntegrityError

POSTERS = {"1": "7", "2": "8", "3": "7", "5": "9"}


def record(item: str, title: str, plot: str) -> dict[str, str]:
    fields = {"year": "1995", "genres": "Drama", "directors": "A", "cast": "B, C", "rating": "8.3", "imdb_id": "0"}
    return {"movielens_id": item, "title": title, "plot": plot, **fields}


@pytest.fixture
def source(tmp_path) -> Path:
    """Films 1 and 3 are one; 4 has no poster, 5 no plot."""
    folder = tmp_path / "source"
    (folder / "posters").mkdir(parents=True)
    listed = [
        record("1", "One", 'A "quoted" plot,\nin two lines.'),
        record("2", "Two!", "Another plot."),
        record("3", "One", 'A "quoted" plot,\nin two lines.'),
        record("4", "Four", "No poster."),
        record("5", "Five", " "),
    ]
    (folder / "items_info.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "ratings.csv").write_text(
        "user_id,item_id,rating,timestamp\n9,2,3,100\n8,1,5,50\n8,4,1,60\n9,3,4,70\n9,5,2,80\n", encoding="utf-8"
    )
    (folder / "users_info.csv").write_text(
        "user_id,age,gender,occupation,zip_code\n8,24,M,writer,01234\n9,53,F,other,94043\n", encoding="utf-8"
    )
    for name in "789":
        (folder / "posters" / f"{name}.jpg").write_bytes(b"poster " + name.encode())
    return folder


def digests(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_films_with_plot_and_poster_become_a_catalogue(source, tmp_path):
    out = tmp_path / "out"
    counts = films.convert(source, out, expected=digests(source), posters=POSTERS)
    assert counts == {"items": 3, "users": 2, "ratings": 3, "posters": 2, "duplicates": 1}
    items = rows(out / "product_data.csv")
    assert [item["item_id"] for item in items] == ["1", "2", "3"]
    assert items[0]["text"] == 'One. A "quoted" plot,\nin two lines.'
    assert items[1]["text"] == "Two! Another plot."
    assert [item["image"] for item in items] == ["posters/7.jpg", "posters/8.jpg", "posters/7.jpg"]
    assert [item["twin_of"] for item in items] == ["", "", "1"]
    assert {item["audio"] for item in items} == {""}
    assert rows(out / "user_data.csv") == [
        {"user_id": "9", "item_id": "2", "rating": "3", "timestamp": "100", "text": ""},
        {"user_id": "8", "item_id": "1", "rating": "5", "timestamp": "50", "text": ""},
        {"user_id": "9", "item_id": "3", "rating": "4", "timestamp": "70", "text": ""},
    ]
    assert rows(out / "users.csv")[0]["zip_code"] == "01234"
    assert (out / "posters" / "8.jpg").read_bytes() == b"poster 8"


def test_the_mean_of_everybodys_opinion_is_no_attribute(source, tmp_path):
    films.convert(source, tmp_path / "out", expected={}, posters=POSTERS)
    assert "8.3" not in (tmp_path / "out" / "product_data.csv").read_text(encoding="utf-8")


def test_the_same_source_gives_the_same_bytes(source, tmp_path):
    for name in "ab":
        films.convert(source, tmp_path / name, expected={}, posters=POSTERS)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_changed_source_file_is_refused_by_name(source, tmp_path):
    expected = digests(source)
    (source / "posters" / "8.jpg").write_bytes(b"another")
    with pytest.raises(IntegrityError, match=r"^posters/8\.jpg"):
        films.convert(source, tmp_path / "out", expected=expected, posters=POSTERS)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        films.convert(source, tmp_path / "out", expected={}, posters=POSTERS)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_what_a_killed_run_left_does_not_reach_the_catalogue(source, tmp_path):
    part = tmp_path / ".out.part"
    part.mkdir()
    (part / "rubbish").write_text("x")
    films.convert(source, tmp_path / "out", expected={}, posters=POSTERS)
    assert not part.exists()
    assert not (tmp_path / "out" / "rubbish").exists()


def test_the_recorded_hashes_name_every_poster_of_the_match():
    named = {f"posters/{poster}.jpg" for poster in films.poster_ids().values()}
    assert set(films.manifest()) == named | set(films.TABLES)
    assert all(len(digest) == 64 for digest in films.manifest().values())
    assert len(films.poster_ids()) == 1639
    assert len(named) == 1621


def test_the_publishers_archive_becomes_the_two_tables(source, tmp_path, monkeypatch):
    import zipfile

    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("ml-100k/u.data", "9\t2\t3\t100\n8\t1\t5\t50\n8\t4\t1\t60\n9\t3\t4\t70\n9\t5\t2\t80\n")
        opened.writestr("ml-100k/u.user", "8|24|M|writer|01234\n9|53|F|other|94043\n")
    assert unpack(path, tmp_path / "probe")
    expected = digests(source)
    left = []

    def no_download(files, folder, **options):
        for file in files:
            there = folder / file.path
            if not there.is_file() or hashlib.sha256(there.read_bytes()).hexdigest() != file.sha256:
                left.append(file.path)

    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(films, "manifest", lambda: expected)
    monkeypatch.setattr(films, "download", lambda file, folder, attempts: path)
    monkeypatch.setattr(films, "download_all", no_download)
    films.fetch()
    assert sorted(left) == ["items_info.json", "posters/7.jpg", "posters/8.jpg", "posters/9.jpg"]


def test_the_command_shows_the_terms_and_converts(source, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "manifest", lambda: digests(source))
    monkeypatch.setattr(films, "poster_ids", lambda: POSTERS)
    out = tmp_path / "out"
    result = CliRunner().invoke(command, ["movielens-posters", "--to", str(out), "--source", str(source)])
    assert result.exit_code == 0, result.output
    assert result.output.index("research only") < result.output.index("3 items")
    assert (out / "product_data.csv").is_file()


def test_the_list_shows_name_size_and_terms():
    result = CliRunner().invoke(command, ["--list"])
    assert result.exit_code == 0
    assert "movielens-posters (31 MB)" in result.output
    assert "no redistribution" in result.output


def test_the_command_refuses_an_unknown_name_and_a_missing_folder(tmp_path):
    result = CliRunner().invoke(command, ["nothing", "--to", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
    assert "movielens-posters" in str(result.exception)
    assert CliRunner().invoke(command, ["movielens-posters"]).exit_code == 2


@pytest.mark.skipif(
    not (Path(os.environ.get("MMREC_DATA", "/nonexistent")) / films.NAME / "items_info.json").is_file(),
    reason="needs the source files under MMREC_DATA",
)
def test_the_real_films(tmp_path):
    counts = films.convert(Path(os.environ["MMREC_DATA"]) / films.NAME, tmp_path / "films")
    assert counts == {"items": 1639, "users": 943, "ratings": 97872, "posters": 1621, "duplicates": 18}
