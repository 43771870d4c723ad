"""The last step of every import: writes the model directory, and prints a table and the command that translates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.options import with_changes
from nmt.errors import UserError
from nmt.search.options import BeamSearch

if TYPE_CHECKING:
    from nmt.bundle import Bundle


def refuse_existing(out: Path, force: bool, mark: str = "metadata.json") -> None:
    """Refuses to overwrite a path; called before anything is computed.

    Args:
        out: the directory to write.
        force: whether an existing directory of the same kind may be replaced.
        mark: file that identifies a directory of this kind.

    Raises:
        UserError: `out` exists and may not be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / mark).is_file():
        got = "an existing path that is not a model"
        raise UserError(str(out), "a new directory for the model", got, "Choose another path.")
    if not force:
        raise UserError(str(out), "a new directory", "an existing model", "--force replaces it.")


def save_imported(out: Path, bundle: Bundle, search: Mapping[str, Any]) -> None:
    """Writes the model directory and prints a summary.

    Args:
        out: the directory to write.
        bundle: the imported model.
        search: search settings changed on the command line.

    Raises:
        UserError: the search settings are invalid, or the directory cannot be written.
    """
    from rich.table import Table
    from rich.text import Text

    from nmt.bundle import save_bundle
    from nmt.cli.console import stdout_console

    settings = with_changes(BeamSearch.model_validate(bundle.recipe["search"]), search)
    bundle.recipe["search"] = settings.model_dump(mode="json")
    save_bundle(out, bundle.model, bundle.tokenizers, bundle.recipe, bundle.metadata)
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _rows(bundle):
        table.add_row(name, Text(value))
    console = stdout_console()
    console.print(table)
    console.print(f'\necho "…" | nmt translate {out}', soft_wrap=True)


def _rows(bundle: Bundle) -> Iterator[tuple[str, str]]:
    metadata, model, search = bundle.metadata, bundle.recipe["model"], bundle.recipe["search"]
    provenance = metadata.provenance
    yield "imported from", f"{provenance.get('imported_from', '')} {provenance.get('architecture', '')}".strip()
    yield "model", f"{model['kind']}, {metadata.parameters:,} parameters"
    yield "languages", f"{metadata.source_language} → {metadata.target_language}"
    yield "vocabularies", f"{metadata.source_vocabulary:,} and {metadata.target_vocabulary:,} entries"
    kinds = {side.options.model_dump()["kind"]: None for side in (bundle.tokenizers.source, bundle.tokenizers.target)}
    details = [f"{name} {provenance[name]}" for name in ("tokenizer", "bpe") if name in provenance]
    yield "text", ", ".join([*kinds, *details])
    yield (
        "search",
        f"beam {search['beam']}, length penalty {search['length_penalty']} ({search['length_normalization']})",
    )
