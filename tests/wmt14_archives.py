"""Archives laid out as those of WMT14 at statmt.org, made of any text: for tests and benchmarks.

The names are written out here once more, and not taken from the code under test.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from data_prep.wmt14_archives import ARCHIVES, ArchiveName

Pair = tuple[str, str]
"""A sentence in English and in the other language."""
Checksums = dict[ArchiveName, str | None]
"""As the corpus takes them."""

FILES = {
    "europarl-v7": ("wmt13/training-parallel-europarl-v7.tgz", "training/europarl-v7.{pair}.{side}"),
    "commoncrawl": ("wmt13/training-parallel-commoncrawl.tgz", "commoncrawl.{pair}.{side}"),
    "news-commentary-v9": ("wmt14/training-parallel-nc-v9.tgz", "training/news-commentary-v9.{pair}.{side}"),
    "un": ("wmt13/training-parallel-un.tgz", "un/undoc.2000.{pair}.{side}"),
    "giga-fren": ("wmt10/training-giga-fren.tar", "giga-fren.release2.fixed.{side}.gz"),
}


def write_archives(
    folder: Path, other: str, training: Mapping[str, Iterable[Pair]], sets: Mapping[str, Sequence[Pair]]
) -> Checksums:
    """Writes the archives into wmt10, wmt13 and wmt14 under `folder`, streaming.

    Args:
        folder: as if it were the server's root.
        other: de or fr.
        training: the pairs of each part, by the part's name.
        sets: the pairs of newstest2012, newstest2013 and newstest2014.

    Returns:
        the archives' checksums, `sha256:…`, by file name.
    """
    pair, archives = f"{other}-en", []
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for part, pairs in training.items():
            place, pattern = FILES[part]
            members = [pattern.format(pair=pair, side=side) for side in ("en", other)]
            sides = [Path(work, Path(member).name) for member in members]
            _write_sides(pairs, sides)
            # what the real archives hold besides: folders, other languages, notes on origins
            decoy = Path(work) / "decoy"
            decoy.write_text("nothing\n")
            more = [
                (decoy, f"{Path(members[0]).parent}/europarl-v7.cs-en.cs"),
                (decoy, f"commoncrawl.{pair}.annotation"),
            ]
            archives.append(write_tar(folder / place, [*more, *zip(sides, members, strict=True)]))
            for path in sides:
                path.unlink()
        held = {name: _write_sgm(Path(work), name, other, pairs) for name, pairs in sets.items()}
        for place, top, names in (
            ("wmt14/dev.tgz", "dev", ["newstest2012", "newstest2013"]),
            ("wmt14/test-full.tgz", "test-full", ["newstest2014"]),
        ):
            files = [(path, f"{top}/{path.name}") for name in names for path in held.get(name, ())]
            archives.append(write_tar(folder / place, files))
    made = {path.name: path for path in archives}
    return {name: checksum(made[name]) for name in ARCHIVES if name in made}


def checksum(path: Path) -> str:
    """As the corpus states them."""
    with path.open("rb") as handle:
        return f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"


def write_tar(path: Path, files: Iterable[tuple[Path, str]]) -> Path:
    """An archive of these files under these names; .tgz is compressed. Equal content gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("wb"))
        packed = path.suffix == ".tgz"
        stream = stack.enter_context(gzip.GzipFile("", "wb", 1, raw, mtime=0)) if packed else raw
        tar = stack.enter_context(tarfile.open(fileobj=stream, mode="w|"))
        folders: set[str] = set()
        for file, name in files:
            top = str(Path(name).parent)
            if top not in (".", *folders):
                folders.add(top)
                entry = tarfile.TarInfo(top)
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            entry = tarfile.TarInfo(name)
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                tar.addfile(entry, content)
    return path


def _write_sides(pairs: Iterable[Pair], sides: Sequence[Path]) -> None:
    with ExitStack() as stack:
        handles = []
        for path in sides:
            raw = stack.enter_context(path.open("wb"))
            packed = path.suffix == ".gz"
            handles.append(stack.enter_context(gzip.GzipFile("", "wb", 1, raw, mtime=0)) if packed else raw)
        for pair in pairs:
            for handle, sentence in zip(handles, pair, strict=True):
                handle.write(f"{sentence}\n".encode())


def _write_sgm(work: Path, name: str, other: str, pairs: Sequence[Pair]) -> list[Path]:
    """Both languages, each as source and as reference."""
    if name == "newstest2014":
        name += f"-{other}en"
    files = []
    for language, side in (("en", 0), (other, 1)):
        for role, tag in (("src", "srcset"), ("ref", "refset")):
            files.append(work / f"{name}-{role}.{language}.sgm")
            files[-1].write_text(sgm([pair[side] for pair in pairs], tag), encoding="utf-8")
    return files


def sgm(sentences: Sequence[str], tag: str = "srcset", escape: Callable[[str], str] = html.escape) -> str:
    """A test set's file: documents of three sentences."""
    lines = [f'<{tag} setid="newstest" srclang="any">']
    for start in range(0, len(sentences), 3):
        lines += [f'<doc sysid="ref" docid="news/{start}" genre="news" origlang="en">', "<p>"]
        lines += [f'<seg id="{n}">{escape(text)}</seg>' for n, text in enumerate(sentences[start : start + 3], start=1)]
        lines += ["</p>", "</doc>"]
    return "\n".join([*lines, f"</{tag}>", ""])
