"""``mmrec features``: extract text, picture and sound features of a catalogue."""

from pathlib import Path

import click

from mmrec.commands.options import drop_faulty_option, encoder_option, parse_encoders


@click.command("features")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@encoder_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the arrays into this folder.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Threads that decode media.")
@drop_faulty_option
def command(folder: Path, encoder: tuple[str, ...], out: Path | None, jobs: int, drop_faulty: bool) -> None:
    """Extract features of the catalogue in DIR.

    Rows already extracted from the same bytes by the same encoder are taken from the cache, so a run that was
    interrupted goes on where it was. With --out, writes text_feat.npy, image_feat.npy, audio_feat.npy (row i is
    row i of product_data.csv), present.npy and features.json.
    """
    from mmrec.data.reader import read_catalogue
    from mmrec.features import extract

    encoders = parse_encoders(encoder)
    catalogue = read_catalogue(folder, drop_faulty=drop_faulty)
    features = extract(catalogue, encoders, progress=True, jobs=jobs, folder=out)
    for modality in features.modalities:
        count = int(features.mask(modality).sum())
        shape = features.blocks[modality].shape
        click.echo(
            f"{modality}: {count} of {shape[0]} items, {shape[1]} numbers each ({features.info[modality]['encoder']})"
        )
    if out:
        click.echo(f"written to {out}")
