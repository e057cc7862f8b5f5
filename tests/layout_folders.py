"""Small folders in the layouts of other projects."""

import pickle
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix

USERS, ITEMS = 12, 20


def features(items: int = ITEMS, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(items, width))


def pairs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each user's 10 different items, in order, and their parts: 8 train, 1 validation, 1 test."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(USERS), 10)
    item = np.concatenate([rng.choice(ITEMS - 1, 10, replace=False) for _ in range(USERS)])
    item[0] = ITEMS - 1
    return user, item, np.tile([0] * 8 + [1, 2], USERS)


def write_inter(folder: Path, *, timestamp: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    user, item, part = pairs()
    path = folder / f"{folder.name}.inter"
    lines = ["userID\titemID\trating\tx_label" + ("\ttimestamp" if timestamp else "")]
    for n, (u, i, p) in enumerate(zip(user, item, part, strict=True)):
        lines.append(f"{u}\t{i}\t{1 + n % 5}\t{p}" + (f"\t{10_000 - n}" if timestamp else ""))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_diffmm(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    user, item, part = pairs()
    for number, name in enumerate(("trnMat", "valMat", "tstMat")):
        keep = part == number
        matrix = coo_matrix((np.ones(keep.sum()), (user[keep], item[keep])), (USERS, ITEMS))
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(matrix))


def write_microlens(folder: Path) -> Path:
    (folder / "covers").mkdir(parents=True)
    (folder / "audios").mkdir()
    (folder / "ML_titles.csv").write_text('item,title\nb,"One, with comma"\na,Two\n', encoding="utf-8")
    rows = [f"u{n % 2},{'abc'[n % 3]},{1_600_000_000_000 + 1000 * n}" for n in range(24)]
    (folder / "ML_pairs.csv").write_text("\n".join(["user,item,timestamp", *rows]), encoding="utf-8")
    (folder / "covers" / "a.jpg").write_bytes(b"a")
    (folder / "audios" / "b.mp3").write_bytes(b"b")
    return folder
