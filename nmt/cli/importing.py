"""`nmt import`: models of other toolkits become model directories."""

from __future__ import annotations

import importlib

import click

from nmt.cli.group import ListedGroup

_MODULES = {"fairseq": "nmt.cli.import_fairseq", "marian": "nmt.cli.import_marian"}
_SUMMARIES = {
    "fairseq": "A checkpoint of fairseq: transformer, fconv or lstm.",
    "marian": "An OPUS-MT (Marian) model in Hugging Face's layout.",
}


class Toolkits(ListedGroup):
    """One subcommand per toolkit; each is imported when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The toolkits."""
        return list(_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Imports the command; None when there is none of this name."""
        if name not in _MODULES:
            return None
        command = importlib.import_module(_MODULES[name]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The toolkits with what they give, without importing them."""
        with formatter.section("Toolkits"):
            formatter.write_dl(list(_SUMMARIES.items()))


@click.command(cls=Toolkits, name="import")
def command() -> None:
    """Turn a model of another toolkit into a model directory.

    It then translates raw text with `nmt translate`, runs wherever nmt does, without the other toolkit, and can be
    fine-tuned (`training.start_from` of a recipe).
    """
