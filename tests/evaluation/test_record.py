"""Recorded results say where they come from."""

import json
import subprocess

import pytest

from mmrec.errors import InputError, MissingDataError
from mmrec.evaluation import record


@pytest.fixture(autouse=True)
def _no_git_above(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_a_record_holds_its_origin(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_ALLOW_UNCOMMITTED", "1")
    path = tmp_path / "results" / "films.json"
    record.save_record(
        path,
        {"ndcg@20": 0.15},
        seed=3,
        seeds=5,
        data_hash="abc",
        command="mmrec benchmark films",
    )
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["seed"], found["seeds"], found["data"]) == (3, 5, "abc")
    assert found["command"] == "mmrec benchmark films"
    assert found["results"] == {"ndcg@20": 0.15}
    assert {"mmrec", "python", "numpy", "keras"} <= set(found["versions"])
    assert set(found) == {"command", "seed", "seeds", "data", "commit", "versions", "results"}


def test_a_record_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "__file__", str(tmp_path / "mmrec" / "evaluation" / "record.py"))
    monkeypatch.setenv("MMREC_ALLOW_UNCOMMITTED", "1")
    record.save_record(tmp_path / "results" / "one.json", [1], seed=0, seeds=1, data_hash="x", command="c")
    assert record.load_record("one")["results"] == [1]
    with pytest.raises(MissingDataError, match=r"two\.json"):
        record.load_record("two")


def test_the_commit_tells_of_changes(tmp_path, monkeypatch):
    module = tmp_path / "mmrec" / "evaluation" / "record.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(record, "__file__", str(module))
    assert record.commit() == ""
    with pytest.raises(InputError, match="commit the changes first"):
        record.save_record(tmp_path / "one.json", [1], seed=0, seeds=1, data_hash="x", command="c")
    module.write_text("1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    clean = record.commit()
    assert len(clean) == 40
    (tmp_path / "results").mkdir()
    record.save_record(tmp_path / "results/one.json", [1], seed=0, seeds=1, data_hash="x" * 64, command="c")
    assert record.commit() == clean  # records do not change what other records are made from
    assert record.origin(record.load_record("one")) == f"RECORDED: c, commit {clean[:8]}, data {'x' * 12}"
    for changed in (lambda: module.write_text("2\n"), lambda: (tmp_path / "new.py").write_text("3\n")):
        changed()
        assert record.commit() == clean + "+"
        with pytest.raises(InputError, match="commit the changes first"):
            record.save_record(tmp_path / "results/two.json", [1], seed=0, seeds=1, data_hash="x", command="c")
        assert not (tmp_path / "results/two.json").exists()
        subprocess.run(["git", "stash", "-uq"], cwd=tmp_path, check=True)
    module.write_text("2\n")
    monkeypatch.setenv("MMREC_ALLOW_UNCOMMITTED", "1")
    record.save_record(tmp_path / "results/two.json", [1], seed=0, seeds=1, data_hash="x", command="c")
    assert f"commit {clean[:8]}+," in record.origin(record.load_record("two"))


def test_a_record_names_the_commit_at_which_its_run_began(tmp_path, monkeypatch):
    """Somebody commits while it runs: the code that ran is not the new commit's."""
    module = tmp_path / "mmrec" / "evaluation" / "record.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(record, "__file__", str(module))

    def committed(text):
        module.write_text(text)
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", text]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)
        return record.commit()

    began = committed("1")
    record.check_committed()
    ended = committed("2")
    record.save_record(tmp_path / "results/one.json", [1], seed=0, seeds=1, data_hash="x", command="c")
    found = record.load_record("one")
    assert began != ended
    assert (found["commit"], found["commit at the end"]) == (began, ended)


def test_a_run_that_began_in_a_changed_tree_stays_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "__file__", str(tmp_path / "mmrec" / "evaluation" / "record.py"))
    monkeypatch.setenv("MMREC_ALLOW_UNCOMMITTED", "1")
    monkeypatch.setattr(record, "commit", lambda: "a" * 40 + "+")
    record.check_committed()
    monkeypatch.setattr(record, "commit", lambda: "a" * 40)
    record.save_record(tmp_path / "results/one.json", [1], seed=0, seeds=1, data_hash="x", command="c")
    assert record.load_record("one")["commit"] == "a" * 40 + "+"
