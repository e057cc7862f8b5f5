"""Training and recommending on the command line."""

import json
import shutil

import pytest
from click.testing import CliRunner

from mmrec.cli import cli
from mmrec.errors import CatalogueError, InputError


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
    assert "needs document-user" in str(call("recommend", tmp_path / "m", "--new-item", "x", "", "").exception)


def test_unknown_setting_lists_the_choices(simulated, tmp_path):
    failed = call("train", simulated, "--model", "ease", "--set", "epochs=2", "--out", tmp_path / "m")
    assert "choose from l2" in str(failed.exception)
