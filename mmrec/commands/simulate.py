"""``mmrec simulate``: write the embedded catalogue."""

from pathlib import Path

import click


@click.command("simulate")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--scenario", default="movies", show_default=True, help="Kind of catalogue: movies or ecommerce.")
@click.option("--items", default=600, show_default=True, help="Number of items.")
@click.option("--users", default=1000, show_default=True, help="Number of users.")
@click.option("--ratings", default=30_000, show_default=True, help="Number of ratings.")
@click.option("--seed", default=0, show_default=True, help="Seed of all random numbers.")
@click.option("--force", is_flag=True, help="Replace an earlier simulated catalogue in OUT.")
def command(out: Path, scenario: str, items: int, users: int, ratings: int, seed: int, force: bool) -> None:
    """Write a catalogue of known truth into the folder OUT: media files, ratings, truth and data card."""
    from mmrec.simulation import simulate

    card = simulate(
        out, scenario=scenario, items=items, users=users, ratings=ratings, seed=seed, progress=True, force=force
    )
    best = card["oracle"]["warm, everything"]
    click.echo(
        f"{out}: {card['items']} items, {card['users']} users, {card['ratings']:,} ratings; "
        f"oracle AUC {best['auc']:.3f}, recall@20 {best['recall@20']:.3f}, NDCG@20 {best['ndcg@20']:.3f}"
    )
