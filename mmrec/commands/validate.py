"""``mmrec validate``: every fault of a catalogue folder."""

import sys
from pathlib import Path

import click


@click.command("validate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(folder: Path, as_json: bool) -> None:
    """List every fault of the catalogue FOLDER with file, row and how to fix it; exit 1 if there is any."""
    from mmrec.data.validation import validate

    report = validate(folder, progress=True)
    if as_json:
        click.echo(report.as_json())
    elif report.ok:
        sizes = ", ".join(f"{len(table.frame):,} rows in {name}" for name, table in report.tables.items())
        click.echo(f"{folder} is a sound catalogue: {sizes}")
    else:
        click.echo(report.as_text())
        click.echo(f"{len(report.faults)} faults", err=True)
    sys.exit(0 if report.ok else 1)
