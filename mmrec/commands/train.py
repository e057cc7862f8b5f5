"""``mmrec train``: fit a model on a whole catalogue and save it, or teach a saved model new ratings."""

import textwrap
from pathlib import Path

import click

from mmrec.commands.options import drop_faulty_option, encoder_option, parse_encoders, parse_settings


@click.command("train")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--model", "name", help="Name of the model, e.g. document-user.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the saved model.")
@click.option("--seed", default=0, show_default=True, help="Seed of all random numbers in training.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the model, e.g. epochs=20.")
@click.option("--help-settings", is_flag=True, help="With --model: list its settings, and stop.")
@encoder_option
@click.option("--update", "saved", type=click.Path(path_type=Path), metavar="MODEL", help="Teach this saved model.")
@click.option("--with", "new", type=click.Path(path_type=Path), metavar="NEW.csv", help="New ratings, for --update.")
@click.option(
    "--keep-weights", is_flag=True, help="With --update: fit nothing, update user profiles from the new ratings."
)
@drop_faulty_option
def command(
    folder: Path | None,
    name: str | None,
    out: Path | None,
    seed: int,
    pairs: tuple[str, ...],
    help_settings: bool,
    encoder: tuple[str, ...],
    saved: Path | None,
    new: Path | None,
    keep_weights: bool,
    drop_faulty: bool,
) -> None:
    """Fit a model on all interactions of the catalogue FOLDER and save it.

    The saved model records the catalogue's hash; 'mmrec recommend' refuses to use it with other data.

    With --update MODEL --with NEW.csv, a saved model learns new ratings instead. NEW.csv has the columns of
    user_data.csv; users may be new, items may not. The result is what training on the catalogue with these rows
    appended gives. The model keeps the rows; the catalogue stays as it is (FOLDER says where it is now, if it was
    moved). A run that is killed leaves the old model or the new one. With --keep-weights nothing is fitted, which is
    quick but not the same; models that cannot do so refuse.
    """
    if help_settings:
        if name is None:
            raise click.UsageError("--help-settings lists the settings of a model: give --model NAME")
        _list_settings(name)
    elif saved is not None or new is not None or keep_weights:
        if saved is None or new is None or name or out or pairs or encoder:
            raise click.UsageError("an update takes --update MODEL and --with NEW.csv; the model keeps its settings")
        _update(saved, new, folder, drop_faulty, keep_weights)
    elif folder is None or name is None or out is None:
        raise click.UsageError("give FOLDER, --model NAME and --out OUT, or --update MODEL and --with NEW.csv")
    else:
        _train(folder, name, out, seed, pairs, encoder, drop_faulty)


def _list_settings(name: str) -> None:
    from mmrec.models import model_class

    declared = model_class(name).declared
    click.echo(f"{name} has {'these settings:' if declared else 'no setting'}")
    for key, one in declared.items():
        click.echo(f"\n{key}: {one.summary}")
        meaning = one.meaning.replace("``", "")
        click.echo(textwrap.fill(meaning, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))


def _train(
    folder: Path, name: str, out: Path, seed: int, pairs: tuple[str, ...], encoder: tuple[str, ...], drop_faulty: bool
) -> None:
    from mmrec.commands.options import load_catalogue
    from mmrec.features.extraction import extract
    from mmrec.models import model_class
    from mmrec.models.saving import save_model

    kind = model_class(name)
    settings = parse_settings(pairs)
    if "seed" in kind.declared:
        settings.setdefault("seed", seed)
    model = kind(**settings)
    if out.exists() and any(out.iterdir()) and not (out / "model.json").is_file():
        raise click.UsageError(f"{out} is not empty and holds no model: choose another --out")
    encoders = parse_encoders(encoder)
    catalogue = load_catalogue(folder, drop_faulty)
    features = extract(catalogue, encoders or None, progress=True) if kind.needs_features else None
    click.echo(f"fitting {name} on {len(catalogue.interactions):,} interactions", err=True)
    save_model(model.fit(catalogue.interactions, features), out, catalogue, encoders)
    click.echo(out)


def _update(saved: Path, new: Path, folder: Path | None, drop_faulty: bool, keep_weights: bool) -> None:
    from mmrec.models.update import update_model

    done = update_model(
        saved, new, catalogue_folder=folder, drop_faulty=drop_faulty, keep_weights=keep_weights, progress=True
    )
    how = "weights kept" if keep_weights else "fitted again"
    click.echo(
        f"{saved}: {done.rows:,} new ratings by {done.n_users:,} users, {done.n_new_users:,} of them new; "
        f"{how}, {done.ratings:,} ratings in all"
    )
