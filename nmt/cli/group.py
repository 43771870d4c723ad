"""Groups of commands that are imported when they are called."""

from __future__ import annotations

import click


class ListedGroup(click.Group):
    """A group that knows the names of its commands without importing them: a subclass lists them, and imports one."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name is compared with the listed ones."""
        name, names = arguments[0], self.list_commands(context)
        if name not in names and not name.startswith("-"):
            raise click.NoSuchCommand(name, possibilities=names, ctx=context)
        return super().resolve_command(context, arguments)
