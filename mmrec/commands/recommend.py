"""``mmrec recommend``: items for a user, or users for a new item."""

import json
from pathlib import Path

import click

from mmrec.commands.options import drop_faulty_option
from mmrec.errors import InputError


@click.command("recommend")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--user", help="Id of the user to rank items for.")
@click.option(
    "--new-item", nargs=3, metavar="TEXT IMAGE AUDIO", help='A text and two files; "" where there is none. Ranks users.'
)
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of the list.")
@click.option("--catalogue", type=click.Path(path_type=Path), help="Check the model against this catalogue folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@drop_faulty_option
def command(
    model: Path,
    user: str | None,
    new_item: tuple[str, str, str] | None,
    k: int,
    catalogue: Path | None,
    as_json: bool,
    drop_faulty: bool,
) -> None:
    """Rank unseen items for --user with a saved MODEL, or users for a --new-item; best first."""
    if (user is None) == (new_item is None):
        raise click.UsageError("give either --user ID or --new-item TEXT IMAGE AUDIO")
    from mmrec.models import bundle

    saved = bundle.load_saved_model(model, catalogue, drop_faulty)
    answer = _for_user(saved, user, k) if user is not None else _for_item(saved, new_item or ("", "", ""), k)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    rows = answer.get("items") or answer.get("users") or []
    for place, row in enumerate(rows, 1):
        name = row.get("title") or row.get("item_id") or row.get("user_id")
        ident = row.get("item_id", "") if row.get("title") else ""
        click.echo(f"{place:3d}  {row['score']:9.4f}  {name}  {ident}".rstrip())


def _for_user(saved, user: str, k: int) -> dict:
    import numpy as np

    items, scores = saved.model.recommend(np.array([saved.user_index(user)]), k=k)
    rows = []
    for item, score in zip(items[0], scores[0], strict=True):
        if item < 0:
            break  # fewer than k unseen items are left
        row = {"item_id": saved.item_ids[item], "score": round(float(score), 6)}
        if saved.titles:
            row["title"] = saved.titles[item]
        rows.append(row)
    return {"user": user, "items": rows}


def _for_item(saved, parts: tuple[str, str, str], k: int) -> dict:
    from mmrec.features.extraction import extract
    from mmrec.models import bundle

    if not hasattr(saved.model, "new_item_scores"):
        raise InputError(f"{saved.model.name} knows items only by who rated them: a new item needs document-user")
    features = extract(bundle.new_item(*parts), saved.encoders or None)
    rows = [{"user_id": user, "score": round(score, 6)} for user, score in bundle.rank_users(saved, features, k)]
    return {"users": rows}
