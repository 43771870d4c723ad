"""Files of a generated corpus, and a manifest to tell whether they are up to date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from nmt.data.corpus import row_writer, text_at
from nmt.digest import file_digest
from nmt.output import write_atomically

MANIFEST = "manifest.json"


def generate_files(
    directory: Path,
    made_by: Mapping[str, object],
    splits: Collection[str],
    languages: Sequence[str],
    generate: Callable[[], Mapping[str, Iterable[Sequence[str]]]],
) -> None:
    """Writes `<split>.<language>` of each split, unless the manifest shows that these files exist and are intact.

    The manifest is written last, so an interrupted run leaves no valid one and starts over.

    Args:
        directory: the folder of the files.
        made_by: everything that their content depends on, as plain JSON values.
        splits: names of the splits.
        languages: one for each line of a row.
        generate: gives the rows by split; it is called, and the rows are read in its order, only if necessary.
    """
    if _up_to_date(directory, made_by, {f"{split}.{language}" for split in splits for language in languages}):
        return
    directory.mkdir(parents=True, exist_ok=True)
    digests = dict[str, str]()
    for split, rows in generate().items():
        text = text_at(directory, split, languages)
        with row_writer(text) as write:
            for row in rows:
                write(row)
        digests |= {path.name: file_digest(path) for path in text.sides}
    with write_atomically(directory / MANIFEST) as handle:
        handle.write(json.dumps({"made_by": made_by, "files": digests}, indent=2) + "\n")


def _up_to_date(directory: Path, made_by: Mapping[str, object], names: Collection[str]) -> bool:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        digests = manifest["files"]
        return (
            manifest["made_by"] == made_by
            and set(digests) == names
            and all(file_digest(directory / name) == digest for name, digest in digests.items())
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def source_digest(folder: Path) -> str:
    """SHA-256 of a package's source, since a different generator gives a different corpus."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
