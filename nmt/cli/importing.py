"""`nmt import`: converts models of other toolkits to model directories."""

from __future__ import annotations

import importlib

import click

from nmt.cli.group import ListedGroup

_MODULES = {"fairseq": "nmt.cli.import_fairseq", "marian": "nmt.cli.import_marian"}
_SUMMARIES = {
    "fairseq": "A fairseq checkpoint: transformer, fconv or lstm.",
    "marian": "An OPUS-MT (Marian) model in Hugging Face's layout.",
}


class Toolkits(ListedGroup):
    """One subcommand per toolkit, imported when called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The toolkits."""
        return list(_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Imports the command; None if there is none of this name."""
        if name not in _MODULES:
            return None
        command = importlib.import_module(_MODULES[name]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the toolkits with summaries, without importing them."""
        with formatter.section("Toolkits"):
            formatter.write_dl(list(_SUMMARIES.items()))


@click.command(cls=Toolkits, name="import")
def command() -> None:
    """Convert a model of another toolkit to a model directory.

    The result translates raw text with `nmt translate`, does not need the other toolkit, and can be fine-tuned
    (`training.start_from` in a recipe).
    """
