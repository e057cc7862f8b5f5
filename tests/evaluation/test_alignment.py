"""Feature rows next to the wrong items show in what users like together."""

import sys

import numpy as np
import pytest

from mmrec import cli
from mmrec.data.catalogue import Interactions
from mmrec.evaluation.alignment import agreement, doubts
from mmrec.features.table import Features

USERS, ITEMS, EACH = 300, 120, 10


@pytest.fixture(scope="module")
def train() -> Interactions:
    """Every user likes items of one of six kinds; kinds stand in no order."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 6, ITEMS)
    user = np.repeat(np.arange(USERS), EACH)
    item = np.concatenate([rng.choice(np.flatnonzero(kind == rng.integers(0, 6)), EACH) for _ in range(USERS)])
    user, item = np.unique(np.stack([user, item]), axis=1)
    ones = np.ones(len(user), np.float32)
    return Interactions(user, item, ones, np.arange(len(user)), np.arange(len(user)), USERS, ITEMS)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """What is seen of the kinds, with noise."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 6, ITEMS)
    return (np.eye(6)[kind] + 0.5 * rng.normal(size=(ITEMS, 6))).astype(np.float32)


def features_of(**blocks) -> Features:
    return Features(tuple(map(str, range(ITEMS))), blocks, np.ones((ITEMS, 3), bool))


def test_rows_in_their_place_raise_no_doubt(train, rows):
    assert doubts(train, features_of(text=rows)) == []
    by_shift = agreement(train.likes().matrix(), rows, np.random.default_rng(0))
    assert by_shift[0] > 16
    assert max(abs(by_shift[1]), abs(by_shift[-1])) < 8


@pytest.mark.parametrize("shift", [1, -1])
def test_shifted_rows_are_named(train, rows, shift):
    found = doubts(train, features_of(text=rows, image=np.roll(rows, shift, axis=0)))
    assert len(found) == 1
    assert found[0].startswith("image: ")
    assert f"row i {shift:+d}" in found[0]


def test_rows_that_say_nothing_raise_no_doubt(train):
    noise = np.random.default_rng(1).normal(size=(ITEMS, 6)).astype(np.float32)
    assert doubts(train, features_of(text=noise, image=np.zeros((ITEMS, 3), np.float32))) == []


def test_agreement_is_the_sum_over_pairs(train, rows):
    liked = train.likes().matrix()
    centred = rows - rows.mean(axis=0)
    f = centred / np.linalg.norm(centred, axis=1, keepdims=True)

    def together(f):
        pairs = 0.0
        for user in range(USERS):
            mine = f[liked[user].indices]
            pairs += (mine @ mine.T).sum() - (mine * mine).sum()
        return pairs

    rng = np.random.default_rng(0)
    drawn = [together(f[rng.permutation(ITEMS)]) for _ in range(30)]
    expected = (together(np.roll(f, -1, axis=0)) - np.mean(drawn)) / np.std(drawn)  # item i has row i + 1
    assert agreement(liked, rows, np.random.default_rng(0))[1] == pytest.approx(expected, rel=1e-3)


def test_the_benchmark_says_so(train, rows, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "toy"
    folder.mkdir()
    part = np.zeros(len(train), int)
    part[::5], part[1::5] = 1, 2
    lines = [f"{user}\t{item}\t1\t{label}" for user, item, label in zip(train.user, train.item, part, strict=True)]
    (folder / "toy.inter").write_text("userID\titemID\trating\tx_label\n" + "\n".join(lines) + "\n")
    for name, array in {"sound": rows, "shifted": np.roll(rows, 1, axis=0)}.items():
        np.save(folder / "text_feat.npy", array)
        command = ["mmrec", "benchmark", str(folder), "--layout", "mmrec", "--models", "popularity", "--no-search"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit):
            cli.main()
        assert ("are the rows shifted?" in capsys.readouterr().err) == (name == "shifted")
