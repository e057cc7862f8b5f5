"""Training and recommending on the command line."""

import csv
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from mmrec.cli import cli
from mmrec.data.reader import read_catalogue
from mmrec.errors import CatalogueError, InputError
from mmrec.models.saving import load_saved_model


def call(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def trained(simulated, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "user"
    assert call("train", simulated, "--model", "document-user", "--set", "epochs=2", "--out", out).exception is None
    return out


def test_items_for_a_user(trained, simulated):
    answer = json.loads(call("recommend", trained, "--user", "u0003", "-k", 4, "--json").stdout)
    assert answer["user"] == "u0003"
    assert len(answer["items"]) == 4
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    rows = (simulated / "user_data.csv").read_text().splitlines()
    seen = {row.split(",")[1] for row in rows if row.startswith("u0003,")}
    assert not seen & {item["item_id"] for item in answer["items"]}


def test_users_for_a_new_item(trained, simulated):
    picture = next(simulated.glob("posters/*.png"))
    answer = json.loads(
        call("recommend", trained, "--new-item", "一部欢快的科幻电影", picture, "", "-k", 3, "--json").stdout
    )
    assert len(answer["users"]) == 3
    assert set(answer["users"][0]) == {"user_id", "score"}


def test_unknown_user_and_absent_file(trained):
    assert "unknown user 'nobody'" in str(call("recommend", trained, "--user", "nobody").exception)
    failed = call("recommend", trained, "--new-item", "x", "no.png", "")
    assert isinstance(failed.exception, InputError)
    assert "no such file: no.png" in str(failed.exception)


def test_other_data_are_refused(simulated, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(simulated, mine)
    assert call("train", mine, "--model", "popularity", "--out", tmp_path / "m").exception is None
    assert call("recommend", tmp_path / "m", "--user", "u0003").exception is None
    with open(mine / "user_data.csv", "a") as stream:
        stream.write("u0003,m0001,5,1700000000,\n")
    assert "was trained on other data" in str(call("recommend", tmp_path / "m", "--user", "u0003").exception)


def test_a_model_trained_without_faulty_rows_can_be_used(tiny_catalogue, tmp_path):
    (tiny_catalogue / "media/b.jpg").unlink()
    train = ("train", tiny_catalogue, "--model", "popularity", "--out", tmp_path / "m")
    assert isinstance(call(*train).exception, CatalogueError)
    assert call(*train, "--drop-faulty").exception is None
    answer = call("recommend", tmp_path / "m", "--user", "u1", "--drop-faulty", "--json")
    assert json.loads(answer.stdout)["user"] == "u1"


def test_a_model_without_content_cannot_score_a_new_item(simulated, tmp_path):
    call("train", simulated, "--model", "popularity", "--out", tmp_path / "m")
    told = str(call("recommend", tmp_path / "m", "--new-item", "x", "", "").exception)
    assert told.startswith("popularity cannot score a new item: train one of ")
    assert "document-user" in told


def test_unknown_setting_lists_the_choices(simulated, tmp_path):
    failed = call("train", simulated, "--model", "ease", "--set", "epochs=2", "--out", tmp_path / "m")
    assert "choose from l2" in str(failed.exception)


@pytest.fixture(scope="module")
def profile(simulated, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "content"
    assert call("train", simulated, "--model", "content", "--out", out).exception is None
    return out


def answer(*words):
    found = call("recommend", *words, "--json")
    assert found.exception is None, found.exception
    return json.loads(found.stdout)


def test_several_users_and_a_list_longer_than_the_catalogue(profile, simulated):
    answers = answer(profile, "--user", "u0003", "--user", "u0001", "-k", 1000)
    assert [one["user"] for one in answers] == ["u0003", "u0001"]
    catalogue = read_catalogue(simulated)
    seen = catalogue.interactions.matrix()
    for one in answers:
        rated = seen[catalogue.user_ids.index(one["user"])].indices
        assert {row["item_id"] for row in one["items"]} == set(np.delete(catalogue.item_ids, rated))
    printed = call("recommend", profile, "--user", "u0003", "--user", "u0001", "-k", 2).stdout.splitlines()
    assert [line for line in printed if line.endswith(":")] == ["u0003:", "u0001:"]


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_all_users_into_a_file(form, profile, tmp_path):
    out = tmp_path / f"lists.{form}"
    done = call("recommend", profile, "--all-users", "-k", 5, "--out", out)
    assert done.stdout == f"{out}: lists of 80 users\n"
    one = answer(profile, "--user", "u0007", "-k", 5)
    if form == "json":
        lists = json.loads(out.read_text(encoding="utf-8"))
        assert len(lists) == 80
        rows = next(each["items"] for each in lists if each["user"] == "u0007")
    else:
        with open(out, encoding="utf-8", newline="") as stream:
            table = list(csv.DictReader(stream)) if form == "csv" else parquet.read_table(out).to_pylist()
        assert len({row["user_id"] for row in table}) == 80
        rows = [row for row in table if row["user_id"] == "u0007"]
    assert [row["item_id"] for row in rows] == [row["item_id"] for row in one["items"]]
    # one user scored alone and among others may differ in the last bit
    assert [float(row["score"]) for row in rows] == pytest.approx([row["score"] for row in one["items"]], abs=1e-6)


def test_a_new_user_by_likes_and_by_text(profile, simulated):
    liked = answer(profile, "--new-user", "m0003, m0010", "-k", 4)
    assert liked["user"] is None
    assert not {"m0003", "m0010"} & {row["item_id"] for row in liked["items"]}
    saved = load_saved_model(profile)
    both = saved.model.items[[saved.item_ids.index("m0003"), saved.item_ids.index("m0010")]].sum(axis=0)
    expected = saved.model.items @ (both / np.linalg.norm(both))
    for row in liked["items"]:
        assert row["score"] == pytest.approx(float(expected[saved.item_ids.index(row["item_id"])]), abs=1e-5)
    catalogue = read_catalogue(simulated)
    item = int(np.flatnonzero(catalogue.items["text"] != "")[0])
    described = answer(profile, "--text", catalogue.items["text"][item], "-k", 1)
    assert described["items"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert "nothing that it knows" in str(call("recommend", profile, "--text", "qqqq zzzz").exception)
    assert "unknown item 'm9999'" in str(call("recommend", profile, "--new-user", "m9999").exception)


def test_only_what_can_be_had_and_meets_the_condition(profile, simulated, tmp_path):
    catalogue = read_catalogue(simulated)
    plain = [row["item_id"] for row in answer(profile, "--user", "u0003", "-k", 1000)["items"]]
    gone = tmp_path / "gone.txt"
    gone.write_text("\n".join(plain[:3]))
    late = dict(zip(catalogue.item_ids, catalogue.items["year"].astype(int) >= 2000, strict=True))
    words = ("--user", "u0003", "-k", 1000, "--where", "year>=2000", "--unavailable", gone)
    found = [row["item_id"] for row in answer(profile, *words)["items"]]
    assert found == [item for item in plain[3:] if late[item]]
    wrong = call("recommend", profile, "--user", "u0003", "--where", "genre=comedy")
    assert "no column 'genre'" in str(wrong.exception)


def test_a_varied_list(profile):
    words = (profile, "--user", "u0003", "-k", 6)
    plain = answer(*words)
    assert answer(*words, "--diversify", 1) == plain
    varied = answer(*words, "--diversify", 0.3)
    assert varied["items"] != plain["items"]
    assert varied["items"][0] == plain["items"][0]  # the best stays first
    new = answer(profile, "--new-user", "m0003", "-k", 6, "--diversify", 0.3)
    assert new["items"] != answer(profile, "--new-user", "m0003", "-k", 6)["items"]


def test_reasons(profile, trained):
    for words in (("--user", "u0003"), ("--new-user", "m0003"), ("--text", "一部欢快的科幻电影")):
        items = answer(profile, *words, "-k", 2, "--explain")["items"]
        assert all(row["why"] and row["reasons"] for row in items)
    assert {reason["basis"] for reason in items[0]["reasons"]} == {"contribution"}
    assert "of the score" in call("recommend", profile, "--user", "u0003", "-k", 1, "--explain").stdout
    bases = {one["basis"] for row in answer(trained, "--user", "u0003", "--explain")["items"] for one in row["reasons"]}
    assert bases == {"loss", "similarity"}


def test_somebody_without_a_like(simulated, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(simulated, mine)
    users = (mine / "users.csv").read_text().splitlines()
    (mine / "users.csv").write_text("\n".join([*users, "nobody" + "," * users[0].count(",")]) + "\n")
    assert call("train", mine, "--model", "content", "--out", tmp_path / "m").exception is None
    found = call("recommend", tmp_path / "m", "--user", "nobody", "-k", 3, "--json")
    assert [row["item_id"] for row in json.loads(found.stdout)["items"]] == list(read_catalogue(mine).item_ids[:3])
    assert "all scores for nobody are equal" in found.stderr


def test_a_catalogue_that_is_gone(simulated, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(simulated, mine)
    assert call("train", mine, "--model", "popularity", "--out", tmp_path / "m").exception is None
    shutil.rmtree(mine)
    assert len(answer(tmp_path / "m", "--user", "u0003", "-k", 3)["items"]) == 3
    for words in (("--where", "year>2000"), ("--explain",), ("--diversify", 0.5)):
        failed = call("recommend", tmp_path / "m", "--user", "u0003", *words)
        assert f"{words[0]} reads the catalogue" in str(failed.exception)
    again = ("--user", "u0003", "--where", "year>2000", "--catalogue", simulated)
    assert call("recommend", tmp_path / "m", *again).exception is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give one of"),
        (("--user", "u0003", "--text", "x"), "give one of"),
        (("--all-users",), "needs --out"),
        (("--text", "x", "--out", "f.csv"), "--out takes the lists"),
        (("--user", "u0003", "--explain", "--out", "f.csv"), "leave out --out"),
        (("--new-item", "x", "", "", "--where", "year>2000"), "ranks users"),
    ],
)
def test_options_that_do_not_go_together(words, told, profile):
    assert told in str(call("recommend", profile, *words).exception)


def test_a_full_disk(profile, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmrec.files.os.fsync", full)
    failed = call("recommend", profile, "--all-users", "--out", tmp_path / "lists.csv")
    assert "No space left on device; nothing was changed" in str(failed.exception)
    assert not list(tmp_path.iterdir())
