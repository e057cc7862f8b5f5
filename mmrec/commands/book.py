"""``mmrec book``: run the notebooks and build the book."""

from pathlib import Path

import click

from mmrec.commands.options import need_bookbuild, parse_pairs


@click.command("book")
@click.option("--profile", default="quick", show_default=True, help="Set of parameters in book/profiles.yml.")
@click.argument("further", nargs=-1, metavar="[NN]...")
@click.option("--only", multiple=True, metavar="NN", help="Run only this notebook; more may follow: --only 01 02.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Notebooks run side by side.")
@click.option("--data", multiple=True, metavar="NAME=DIR", help="Data set or folder for a notebook parameter.")
@click.option("--force", is_flag=True, help="Run and build even what did not change.")
def command(
    further: tuple[str, ...], profile: str, only: tuple[str, ...], jobs: int, data: tuple[str, ...], force: bool
) -> None:
    """Run every notebook whose page is out of date, build the book, and print where it is."""
    if further and not only:
        raise click.UsageError(f"unexpected {further[0]!r}: name notebooks with --only")
    only = (*only, *further)
    need_bookbuild()
    from bookbuild.execute import plan, run
    from bookbuild.pages import build_pages
    from bookbuild.project import Project

    project = Project(Path.cwd())
    folders = {
        name: str(Path(value).resolve()) if Path(value).is_dir() else value for name, value in parse_pairs(data).items()
    }
    with project.lock():
        ran = run(project, plan(project, profile, folders, only), jobs, force)
        click.echo(f"ran {', '.join(ran)}" if ran else "no notebook had to run", err=True)
        if only and any(not (project.executed / path.name).is_file() for path in project.notebooks()):
            click.echo("the book is not built: other notebooks have not been run yet", err=True)
            return
        build_pages(project, force)
    click.echo(project.html / "index.html")
