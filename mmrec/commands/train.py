"""``mmrec train``: fit a model on a whole catalogue and save it."""

from pathlib import Path
from typing import Any

import click

from mmrec.commands.options import drop_faulty_option, encoder_option, parse_pairs, parse_settings


@click.command("train")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", "name", required=True, help="Name of the model, e.g. document-user.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the saved model.")
@click.option("--seed", default=0, show_default=True, help="Seed of all chance in training.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the model, e.g. epochs=20.")
@encoder_option
@drop_faulty_option
def command(
    folder: Path, name: str, out: Path, seed: int, pairs: tuple[str, ...], encoder: tuple[str, ...], drop_faulty: bool
) -> None:
    """Fit a model on all interactions of the catalogue FOLDER and save it.

    The saved model records the catalogue's hash; 'mmrec recommend' refuses to use it with other data.
    """
    from mmrec.commands.options import load_catalogue
    from mmrec.features.extraction import extract
    from mmrec.models import model_class
    from mmrec.models.bundle import save_model

    kind = model_class(name)
    settings: dict[str, Any] = parse_settings(kind, pairs)
    if "seed" in kind.parameters():
        settings.setdefault("seed", seed)
    if out.exists() and any(out.iterdir()) and not (out / "model.json").is_file():
        raise click.UsageError(f"{out} is not empty and holds no model: choose another --out")
    catalogue = load_catalogue(folder, drop_faulty)
    encoders = parse_pairs(encoder)
    features = extract(catalogue, encoders or None, progress=True) if kind.needs_features else None
    click.echo(f"fitting {name} on {len(catalogue.interactions):,} interactions", err=True)
    model = kind(**settings).fit(catalogue.interactions, features)
    save_model(model, out, catalogue, encoders)
    click.echo(out)
