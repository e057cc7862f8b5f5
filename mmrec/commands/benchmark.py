"""``mmrec benchmark``: compare models under the evaluation contract."""

import sys
from pathlib import Path

import click

from mmrec.commands.options import drop_faulty_option


@click.command("benchmark")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    default="catalogue",
    show_default=True,
    type=click.Choice(["mmrec", "diffmm", "microlens", "catalogue"]),
    help="How the data lie on disk.",
)
@click.option("--models", default="all", show_default=True, help="Names with commas between them, or all.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), help="Runs a model.")
@click.option(
    "--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="Keep results here, and go on from it."
)
@click.option("--cases", default="warm", show_default=True, help="Of warm, cold-item, cold-user.")
@click.option(
    "--tries",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Settings tried per model, the defaults among them.",
)
@click.option(
    "--mask",
    default="all",
    show_default=True,
    type=click.Choice(["all", "train"]),
    help="Leave out of test lists what a user rated in training and validation, or in training alone.",
)
@click.option(
    "--folds", default=10, show_default=True, type=click.IntRange(min=2), help="Draws of new items and of new users."
)
@click.option("--refit", is_flag=True, help="Also measure a last fit on train and validation together.")
@click.option("--no-search", is_flag=True, help="Use the default settings: the same as --tries 1.")
@drop_faulty_option
def command(
    folder: Path,
    layout: str,
    models: str,
    seeds: int,
    out: Path | None,
    cases: str,
    tries: int,
    mask: str,
    folds: int,
    refit: bool,
    no_search: bool,
    drop_faulty: bool,
) -> None:
    """Measure models on the data in FOLDER; settings are chosen on validation, the test is read once."""
    from mmrec.data.split import CASES
    from mmrec.evaluation.alignment import doubts
    from mmrec.evaluation.benchmark import benchmark, choose_models
    from mmrec.evaluation.benchmark_data import read_layout
    from mmrec.evaluation.verdict import summary_lines

    wanted = [case.strip() for case in cases.split(",") if case.strip()]
    if unknown := [case for case in wanted if case not in CASES]:
        raise click.UsageError(f"unknown case {unknown[0]!r}: choose from {', '.join(CASES)}")
    data = read_layout(folder, layout, drop_faulty=drop_faulty, progress=True)
    for doubt in doubts(data.warm.train, data.features):
        click.echo(f"warning: {doubt}", err=True)
    result = benchmark(
        data,
        choose_models(models, data),
        seeds=seeds,
        cases=wanted,
        refit=refit,
        tries=1 if no_search else tries,
        mask=mask,
        folds=folds,
        out=out,
        progress=True,
    )
    click.echo("\n".join(summary_lines(result)))
    failed = [run for run in result["runs"] if "error" in run] + [
        one for one in result["new"].values() if one["errors"]
    ]
    sys.exit(1 if failed else 0)
