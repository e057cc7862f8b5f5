"""``mmrec figures``: export every figure of the book."""

import sys
from pathlib import Path

import click

from mmrec.commands.options import need_bookbuild


@click.command("figures")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--compare", type=click.Path(path_type=Path, exists=True, file_okay=False), help="An earlier export.")
def command(out: Path, compare: Path | None) -> None:
    """Write the figures of the executed notebooks into OUT; with --compare list what changed and exit 1."""
    need_bookbuild()
    from bookbuild.figures import compare_figures, export_figures
    from bookbuild.project import Project

    written = export_figures(Project(Path.cwd()), out)
    click.echo(f"{len(written)} figures in {out}")
    if compare is not None:
        changed = compare_figures(out, compare)
        for name in changed:
            click.echo(f"changed: {name}")
        sys.exit(1 if changed else 0)
