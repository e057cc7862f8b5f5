"""``mmrec features``: extract text, picture and sound features of a catalogue."""

from pathlib import Path

import click

from mmrec.data.catalogue import MODALITIES
from mmrec.errors import InputError


def _parse_encoders(pairs: tuple[str, ...]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for pair in pairs:
        modality, equals, name = pair.partition("=")
        if not equals or modality not in MODALITIES or not name:
            raise InputError(f"--encoder {pair!r}: write MODALITY=NAME with MODALITY one of {', '.join(MODALITIES)}")
        chosen[modality] = name
    return chosen


@click.command("features")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--encoder", "pairs", multiple=True, metavar="MODALITY=NAME", help="Encoder of a modality; repeatable.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the arrays into this folder.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Threads that decode media.")
@click.option("--drop-faulty", is_flag=True, help="Go on without faulty rows, and say which.")
def command(folder: Path, pairs: tuple[str, ...], out: Path | None, jobs: int, drop_faulty: bool) -> None:
    """Extract features of the catalogue in DIR.

    Rows already extracted from the same bytes by the same encoder are taken from the cache, so a run that was
    interrupted goes on where it was. With --out, writes text_feat.npy, image_feat.npy, audio_feat.npy (row i is
    row i of product_data.csv), present.npy and features.json.
    """
    from mmrec.features.extraction import choose_encoders, extract

    encoders = _parse_encoders(pairs)
    choose_encoders(encoders)  # a misspelt name is refused before the catalogue is read
    from mmrec.data.reader import read_catalogue

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
