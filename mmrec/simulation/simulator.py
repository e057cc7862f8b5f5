"""Writing a simulated catalogue: media files, tables, truth and data card."""

import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.files import atomic_write, write_json
from mmrec.simulation import descriptions, music, posters, reviews
from mmrec.simulation.card import data_card
from mmrec.simulation.factors import Scenario
from mmrec.simulation.ratings import Ratings, draw_ratings
from mmrec.simulation.scenarios import SCENARIOS
from mmrec.simulation.truth import ItemFactors, draw_items, draw_truth

ABSENT = 0.1
"""Probability that a modality is missing from an item."""
SILENT = 0.3
"""Probability that a rating comes without a review."""


def simulate(
    folder: Path | str,
    *,
    scenario: str = "movies",
    items: int = 600,
    users: int = 1000,
    ratings: int = 30_000,
    seed: int = 0,
    progress: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Write a catalogue of known truth into ``folder``, which appears only when it is complete.

    The same arguments give the same bytes on one machine, and of CSV and PNG on every machine: each item has its
    own random stream, so that the order of work does not matter.

    Args:
        folder: where to; must not exist or be empty, or hold a simulated catalogue with ``force``.
        scenario: one of ``SCENARIOS``.
        items, users, ratings: sizes.
        seed: of all randomness; two scenarios of one seed share nothing.
        progress: show a bar.
        force: replace an earlier simulated catalogue.

    Returns:
        The data card.

    Raises:
        InputError: unknown scenario, sizes that do not fit, or a folder that holds something else.
    """
    folder = Path(folder)
    if scenario not in SCENARIOS:
        raise InputError(f"unknown scenario {scenario!r}: choose from {', '.join(SCENARIOS)}")
    if items < 20 or users < 10:
        raise InputError("a catalogue needs at least 20 items and 10 users")
    if folder.exists() and any(folder.iterdir()) and not (force and (folder / "truth.npz").is_file()):
        raise InputError(f"{folder} is not empty: choose another folder, or --force to replace a simulated catalogue")
    plan = SCENARIOS[scenario]
    factor_seed, taste_seed, rating_seed, item_seed, review_seed, *person_seeds = plan.stream(seed).spawn(7)
    factors = draw_items(plan, items, np.random.default_rng(factor_seed))
    truth = draw_truth(plan, factors, users, np.random.default_rng(taste_seed))
    drawn, truth = draw_ratings(truth, ratings, np.random.default_rng(rating_seed), plan.process.activity)

    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name in plan.folders:
        (part / name).mkdir(parents=True)
    bar = tqdm(item_seed.spawn(items), desc=plan.name, disable=None if progress else True)
    work = joblib.Parallel(n_jobs=2, batch_size=20)
    rows = work(joblib.delayed(_make_item)(part, plan, factors, item, seed) for item, seed in enumerate(bar))
    get_reusable_executor().shutdown()  # else its processes hold their memory for five minutes more
    table = pd.DataFrame(rows)
    _write_csv(part / "product_data.csv", table.drop(columns="language"))
    languages = np.random.default_rng(person_seeds[0]).choice(["zh", "en"], users, p=[1 / 3, 2 / 3])
    ages = np.random.default_rng(person_seeds[1]).integers(16, 80, users)
    user_ids = [f"u{user + 1:04d}" for user in range(users)]
    _write_csv(part / "users.csv", pd.DataFrame({"user_id": user_ids, "language": languages, "age": ages}))
    _write_csv(
        part / "user_data.csv",
        _rating_table(plan, factors, drawn, user_ids, table["item_id"], languages, np.random.default_rng(review_seed)),
    )
    truth.save(part / "truth.npz")
    shares = {
        "absent": {name: round(float((table[name] == "").mean()), 4) for name in MODALITIES},
        "languages": table["language"].value_counts(normalize=True).round(4).to_dict(),
    }
    number = np.arange(ratings)
    interactions = Interactions(
        drawn.user, drawn.item, drawn.stars.astype(np.float32), drawn.timestamp, number, users, items
    )
    card = data_card(part, plan, interactions, seed, shares)
    write_json(part / "data_card.json", card)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    return card


def _make_item(
    folder: Path, scenario: Scenario, factors: ItemFactors, item: int, seed: np.random.SeedSequence
) -> dict[str, str]:
    """Write the media of one item; returns its row of product_data.csv and its language."""
    rng = np.random.default_rng(seed)
    ident = f"{scenario.prefix}{item + 1:04d}"
    pictures, sounds = scenario.folders
    here = rng.random(3) >= ABSENT
    if not here.any():
        here[int(rng.integers(3))] = True
    language = descriptions.LANGUAGES[int(rng.choice(3, p=[0.55, 1 / 3, 0.45 - 1 / 3]))]
    row = {"item_id": ident, "text": "", "image": "", "audio": "", "title": descriptions.title(scenario, item, rng)}
    row |= {"year": str(int(rng.integers(1980, 2022))), "language": language}
    if here[0]:
        row["text"] = descriptions.describe(scenario, factors, item, language, rng)
    genre = scenario.factor("genre").levels[factors.levels["genre"][item]]
    style = scenario.factor("style").levels[factors.levels["style"][item]]
    poster = posters.draw_poster(genre, style, rng)
    as_png = bool(rng.integers(2))
    if here[1]:
        row["image"] = f"{pictures}/{ident}.{'png' if as_png else 'jpg'}"
        with atomic_write(folder / row["image"], "wb") as stream:
            stream.write(posters.encode_png(poster) if as_png else posters.encode_jpeg(poster))
    if here[2]:
        row["audio"] = f"{sounds}/{ident}.ogg"
        tune = music.compose(float(factors.scales["mood"][item, 0]), float(factors.scales["energy"][item, 0]), rng)
        with atomic_write(folder / row["audio"], "wb") as stream:
            stream.write(music.encode_ogg(tune))
    return row


def _rating_table(
    scenario: Scenario,
    factors: ItemFactors,
    drawn: Ratings,
    user_ids: list[str],
    item_ids: pd.Series,
    languages: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """user_data.csv in order of time."""
    silent = rng.random(len(drawn.user)) < SILENT
    words = [
        "" if quiet else reviews.review(scenario, factors, int(item), int(stars), str(languages[user]), rng)
        for quiet, user, item, stars in zip(silent, drawn.user, drawn.item, drawn.stars, strict=True)
    ]
    return pd.DataFrame(
        {
            "user_id": np.array(user_ids)[drawn.user],
            "item_id": np.array(item_ids)[drawn.item],
            "rating": drawn.stars,
            "timestamp": drawn.timestamp,
            "text": words,
        }
    )


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic_write(path) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")
