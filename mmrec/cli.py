"""The ``mmrec`` command: each subcommand lives in ``mmrec.commands`` and is imported only when it is called."""

import sys
from importlib import import_module

import click

from mmrec import __version__
from mmrec.environment import VARIABLES
from mmrec.errors import MmrecError

COMMANDS = {
    "simulate": "write the embedded catalogue: media, ratings and the data card",
    "validate": "list every fault of a catalogue folder",
    "fetch": "download or convert a real data set, or pre-trained encoders",
    "features": "extract text, picture and sound features",
    "train": "fit a model and save it",
    "recommend": "rank items for known or new users, or users for a new item",
    "benchmark": "compare models under the evaluation contract",
    "book": "run the notebooks and build the book",
    "figures": "export every figure of the book",
}


class LazyGroup(click.Group):
    """Finds ``mmrec.commands.NAME.command`` on demand, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"mmrec.commands.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Environment variables"):
            formatter.write_dl(list(VARIABLES.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Multimodal recommendation, from raw media to honest results."""


def main() -> None:
    """Run the command line; an error that the user can fix is one line and an exit code."""
    try:
        cli.main(standalone_mode=False)
    except MmrecError as error:
        click.echo(f"mmrec: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("mmrec: interrupted; what was finished is kept, run the same command again to go on", err=True)
        sys.exit(130)
    except OSError as error:
        click.echo(f"mmrec: {error}", err=True)
        sys.exit(1)
