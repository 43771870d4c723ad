"""Command groups that import a command only when it is called."""

from __future__ import annotations

import click


class ListedGroup(click.Group):
    """A group that knows its commands' names without importing them; subclasses list the names and import a command."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolves as click does, but compares an unknown name with the listed names."""
        name, names = arguments[0], self.list_commands(context)
        if name not in names and not name.startswith("-"):
            raise click.NoSuchCommand(name, possibilities=names, ctx=context)
        return super().resolve_command(context, arguments)
