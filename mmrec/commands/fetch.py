"""``mmrec fetch``: download or convert a real data set into a catalogue."""

from pathlib import Path

import click


@click.command("fetch")
@click.argument("name", required=False)
@click.option("--to", "target", type=click.Path(path_type=Path, file_okay=False), help="Folder of the new catalogue.")
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that holds the source files already; nothing is downloaded.",
)
@click.option("--list", "list_all", is_flag=True, help="Show the data sets with their size and terms.")
def command(name: str | None, target: Path | None, source: Path | None, list_all: bool) -> None:
    """Get the real data set NAME and write it as a catalogue.

    The terms of use are shown first. Every file is checked against its recorded SHA-256, and a download that was
    interrupted goes on where it stopped.
    """
    from mmrec.datasets import REGISTRY, find_dataset
    from mmrec.errors import InputError

    if list_all:
        for dataset in REGISTRY.values():
            click.echo(f"{dataset.name} ({dataset.megabytes:.0f} MB): {dataset.content}")
            click.echo("\n".join(f"  {line}" for line in dataset.terms.splitlines()))
        return
    if name is None or target is None:
        raise click.UsageError("give NAME and --to DIR, or --list")
    dataset = find_dataset(name)
    if target.exists() and any(target.iterdir()):  # said before the download, not after it
        raise InputError(f"{target} is not empty: give a folder that is new")
    click.echo(dataset.terms)
    if source is None:
        click.echo(f"downloading {dataset.megabytes:.0f} MB ...", err=True)
        source = dataset.fetch(progress=True)
    counts = dataset.convert(source, target, progress=True)
    click.echo(f"{target}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
