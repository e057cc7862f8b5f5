"""``mmrec recommend``: items for known and for new users, or users for a new item."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmrec.commands.options import drop_faulty_option

if TYPE_CHECKING:  # these take seconds to import
    import numpy as np

    from mmrec.features import Features
    from mmrec.lists.ranking import Lists
    from mmrec.lists.reasons import Explainer, Reason
    from mmrec.models.saving import SavedModel


@dataclass(frozen=True)
class _Wish:
    """How lists are to be made: the options that all kinds of lists share."""

    k: int
    where: tuple[str, ...]
    unavailable: Path | None
    diversify: float | None
    explain: bool


@click.command("recommend")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--user", "users", multiple=True, metavar="ID", help="Rank items for this user. May be repeated.")
@click.option("--all-users", is_flag=True, help="Rank items for every user, into --out.")
@click.option("--new-user", metavar="ID,ID,...", help="Rank items for a new user who likes these items.")
@click.option("--text", help="Rank items for a new user who says this of what they like.")
@click.option(
    "--new-item", nargs=3, metavar="TEXT IMAGE AUDIO", help='Rank users: a text and two files; "" where there is none.'
)
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of the list.")
@click.option("--where", multiple=True, metavar="CONDITION", help="Only items with, say, genre=comedy or year>=1990.")
@click.option("--unavailable", type=click.Path(path_type=Path), help="Leave out the items whose ids this file lists.")
@click.option(
    "--diversify",
    type=click.FloatRange(0, 1),
    metavar="LAMBDA",
    help="Vary the list: 1 is the plain list, 0 looks at variety alone.",
)
@click.option("--explain", is_flag=True, help="Say why each item is listed.")
@click.option("--out", type=click.Path(path_type=Path), help="Write users' lists to a .csv, .json or .parquet file.")
@click.option("--catalogue", type=click.Path(path_type=Path), help="Check the model against this catalogue folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@drop_faulty_option
def command(
    model: Path,
    users: tuple[str, ...],
    all_users: bool,
    new_user: str | None,
    text: str | None,
    new_item: tuple[str, str, str] | None,
    k: int,
    where: tuple[str, ...],
    unavailable: Path | None,
    diversify: float | None,
    explain: bool,
    out: Path | None,
    catalogue: Path | None,
    as_json: bool,
    drop_faulty: bool,
) -> None:
    """Rank unseen items with a saved MODEL, best first, or users for a new item.

    A list is shorter than -k where fewer items are left. A user of whom the model knows no like gets a list all
    the same; where all its scores are equal, it is in the order of the catalogue, and this is said.
    """
    if sum([bool(users), all_users, new_user is not None, text is not None, new_item is not None]) != 1:
        raise click.UsageError("give one of --user ID, --all-users, --new-user ID,..., --text TEXT or --new-item T I A")
    if all_users and out is None:
        raise click.UsageError("--all-users needs --out FILE.csv, FILE.json or FILE.parquet")
    if out is not None and not (users or all_users):
        raise click.UsageError("--out takes the lists of --user or --all-users")
    if out is not None and explain:
        raise click.UsageError("--explain prints its reasons: leave out --out")
    if new_item is not None and (where or unavailable or diversify is not None or explain):
        raise click.UsageError("--new-item ranks users: it takes no --where, --unavailable, --diversify or --explain")
    from mmrec.models.saving import load_saved_model
    from mmrec.models.update import with_updates

    saved = load_saved_model(model, catalogue, drop_faulty)
    if saved.catalogue is not None:  # users and ratings that were learned since are part of it
        saved = replace(saved, catalogue=with_updates(saved.catalogue, model))
    wish = _Wish(k, where, unavailable, diversify, explain)
    if out is not None:
        _write(saved, users, wish, out)
        return
    if new_item is not None:
        answers: Any = [_for_item(saved, new_item, k)]
    elif users:
        answers = list(_for_users(saved, users, wish))
    else:
        answers = [_for_newcomer(saved, new_user, text, wish)]
    if as_json:
        click.echo(json.dumps(answers[0] if len(answers) == 1 else answers, ensure_ascii=False))
        return
    for answer in answers:
        _print(answer, heading=len(answers) > 1)


def _print(answer: dict[str, Any], heading: bool) -> None:
    if heading:
        click.echo(f"{answer['user']}:")
    for place, row in enumerate(answer.get("items") or answer.get("users") or [], 1):
        name = row.get("title") or row.get("item_id") or row.get("user_id")
        ident = row.get("item_id", "") if row.get("title") else ""
        click.echo(f"{place:3d}  {row['score']:9.4f}  {name}  {ident}".rstrip())
        if "why" in row:
            click.echo(f"{'':16}{row['why']}")


def _write(saved: "SavedModel", users: tuple[str, ...], wish: _Wish, out: Path) -> None:
    import numpy as np
    from tqdm import tqdm

    from mmrec.lists.export import write_lists

    chosen = saved.user_indices(users) if users else np.arange(len(saved.user_ids))

    def shown() -> "Iterator[Lists]":
        with tqdm(total=len(chosen), desc="ranking", unit="user", disable=None) as bar:
            for block in _blocks(saved, chosen, wish):
                yield block
                bar.update(len(block.users))

    count = write_lists(out, shown(), saved.user_ids, saved.item_ids, saved.titles)
    click.echo(f"{out}: lists of {count} users")


def _allowed(saved: "SavedModel", wish: _Wish) -> "np.ndarray | None":
    """Which items may be listed, or None for all."""
    from mmrec.lists.filters import allowed_items, read_ids

    if not (wish.where or wish.unavailable):
        return None
    items = saved.needed_catalogue("--where").items if wish.where else None
    absent = read_ids(wish.unavailable) if wish.unavailable else ()
    return allowed_items(saved.item_ids, unavailable=absent, items=items, conditions=wish.where)


def _features(saved: "SavedModel", purpose: str) -> "Features":
    """Features of the model's catalogue, mostly from the cache."""
    from mmrec.features import extract

    return extract(saved.needed_catalogue(purpose), saved.encoders or None, progress=True)


def _vectors(saved: "SavedModel") -> "np.ndarray":
    from mmrec.lists.diversity import item_vectors

    features = _features(saved, "--diversify")
    return item_vectors(features, saved.needed_catalogue("--diversify").interactions)


def _blocks(saved: "SavedModel", users: "np.ndarray", wish: _Wish) -> "Iterator[Lists]":
    """The users' lists, filtered and varied as wished."""
    from mmrec.lists.ranking import Lists, rank_all

    allowed = _allowed(saved, wish)
    if wish.diversify is None:
        yield from rank_all(saved.model, users, wish.k, allowed=allowed)
        return
    from mmrec.lists.diversity import POOL, rerank

    vectors = _vectors(saved)
    for block in rank_all(saved.model, users, POOL * wish.k, allowed=allowed):
        yield Lists(block.users, *rerank(block.items, block.scores, vectors, wish.k, wish.diversify))


def _for_users(saved: "SavedModel", users: tuple[str, ...], wish: _Wish) -> Iterator[dict[str, Any]]:
    chosen = saved.user_indices(users)
    explainer = _explainer(saved) if wish.explain else None
    likes = saved.needed_catalogue("--explain").interactions.likes().matrix() if wish.explain else None
    for block in _blocks(saved, chosen, wish):
        for user, items, scores in zip(block.users, block.items, block.scores, strict=True):
            rows = _rows(saved, items, scores, saved.user_ids[user])
            if explainer is not None and likes is not None:
                _add_reasons(rows, explainer.reasons(likes[user].indices, items[: len(rows)], user=int(user)))
            yield {"user": saved.user_ids[user], "items": rows}


def _for_newcomer(saved: "SavedModel", new_user: str | None, text: str | None, wish: _Wish) -> dict[str, Any]:
    """Items for a user who was not in training; ``user`` is null."""
    import numpy as np

    from mmrec.lists import newcomers
    from mmrec.lists.filters import indices

    allowed, liked, described, pool = _allowed(saved, wish), np.zeros(0, np.int64), None, wish.k
    if wish.diversify is not None:
        from mmrec.lists.diversity import POOL, rerank

        pool *= POOL
    if text is not None:
        described = _described(saved, (text, "", ""))
        items, scores = newcomers.rank_for_description(saved.model, described, pool, allowed=allowed)
    else:
        liked = np.unique(indices(saved.item_ids, (part.strip() for part in (new_user or "").split(","))))
        likes = newcomers.likes_matrix([liked], len(saved.item_ids))
        items, scores = newcomers.rank_for_likes(saved.model, likes, pool, allowed=allowed)
    if wish.diversify is not None:
        items, scores = rerank(items, scores, _vectors(saved), wish.k, wish.diversify)
    rows = _rows(saved, items[0], scores[0], "the new user")
    if wish.explain:
        _add_reasons(rows, _explainer(saved).reasons(liked, items[0][: len(rows)], described=described))
    return {"user": None, "items": rows}


def _described(saved: "SavedModel", parts: tuple[str, str, str]) -> "Features":
    from mmrec.features import extract
    from mmrec.models.saving import new_item

    return extract(new_item(*parts), saved.encoders or None)


def _for_item(saved: "SavedModel", parts: tuple[str, str, str], k: int) -> dict[str, Any]:
    import numpy as np

    from mmrec.lists import newcomers
    from mmrec.lists.export import number
    from mmrec.models.abilities import ScoresNewItems

    newcomers.able(saved.model, ScoresNewItems, "score a new item")  # before its media are read
    users, scores = newcomers.rank_users(saved.model, np.arange(len(saved.user_ids)), _described(saved, parts), k)
    pairs = zip(users[0], scores[0], strict=True)
    return {"users": [{"user_id": saved.user_ids[user], "score": number(score)} for user, score in pairs if user >= 0]}


def _rows(saved: "SavedModel", items: "np.ndarray", scores: "np.ndarray", whose: str) -> list[dict[str, Any]]:
    from mmrec.lists.export import listed

    rows = listed(items, scores, saved.item_ids, saved.titles)
    if len(rows) > 1 and len({row["score"] for row in rows}) == 1:
        click.echo(f"note: all scores for {whose} are equal: the list is in the order of the catalogue", err=True)
    return rows


def _explainer(saved: "SavedModel") -> "Explainer":
    from mmrec.lists.reasons import Explainer

    catalogue = saved.needed_catalogue("--explain")
    return Explainer(saved.model, catalogue, _features(saved, "--explain"), catalogue.interactions)


def _add_reasons(rows: list[dict[str, Any]], reasons: "list[list[Reason]]") -> None:
    from mmrec.lists.reasons import in_words

    for row, found in zip(rows, reasons, strict=True):
        row |= {"why": in_words(found), "reasons": [reason.as_json() for reason in found]}
