"""WMT14 (Bojar et al. 2014), English and German or French, as used by the published systems."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from data_prep.archive import extract_members
from data_prep.download import download
from data_prep.sgm import read_segment_pairs
from data_prep.wmt14_archives import ADDRESS, ARCHIVES, FRENCH_ONLY, SETS, TRAINING, ArchiveName, Members, TrainingPart
from nmt.data.corpus import Cleaning, CorpusOptions, ParallelFiles, RawCorpus, ShowProgress, unseen
from nmt.digest import file_digest
from nmt.options import WorkPath
from nmt.output import write_atomically

_TEST_SET = "newstest2014"

Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")]
"""An algorithm and a hexadecimal digest."""


PAPER_CLEANING: Mapping[str, Any] = {
    "max_words": 175,
    "max_length_ratio": None,
    "max_word_ratio": 1.5,
    "deduplicate": False,
}
"""The cleaning of ConvS2S (Gehring et al. 2017), which counts words after tokenisation; here they are separated by
spaces. The limit on characters is our own, for the few endless lines of the web crawl."""


class WMT14(CorpusOptions):
    """News translation task of 2014: Europarl, Common Crawl and News Commentary (4.5 million English–German pairs),
    for French also UN and 10^9 (41 million pairs in all).

    Archives are taken from $NMT_DATA/wmt14 or `archives`, else downloaded. Each is checked against its published
    checksum as it is read.
    """

    kind: Literal["wmt14"] = "wmt14"
    source: Literal["en", "de", "fr"] | None = None
    """Language to translate from; null for a language model, which reads the text in `target` alone (English: of the
    German pairs)."""
    target: Literal["en", "de", "fr"]
    """Language to translate into, or of a language model's text; one of the two is English."""
    cleaning: Cleaning = Cleaning(**PAPER_CLEANING)
    """Which training pairs are kept. By default as for ConvS2S: at most 175 words on either side, and at most 1.5
    times as many on one side as on the other; duplicates are kept."""
    training: tuple[TrainingPart, ...] = ()
    """Parts of the training text, in this order; if empty, all parts that exist for the language pair."""
    validation: Literal["newstest2013", "newstest2012+2013"] = "newstest2013"
    """Validation set: newstest2013 as for ConvS2S and the Transformer, newstest2012+2013 as for GNMT."""
    archives: WorkPath | None = None
    """Folder to look for the archives in and to download them to, relative to the current folder; several recipes can
    share it (one run at a time while downloading). null: a folder of the run's own."""
    address: str = ADDRESS
    """Base URL with the folders wmt10, wmt13 and wmt14; set it to use a mirror of statmt.org."""
    checksums: dict[ArchiveName, Checksum | None] = Field(default_factory=dict)
    """Checksums (sha256:… or md5:…) to expect instead of the published ones; null accepts any archive and only
    notices if it changes later."""

    @field_validator("cleaning", mode="before")
    @classmethod
    def _fill_cleaning(cls, values: object) -> object:
        return {**PAPER_CLEANING, **values} if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _languages_and_parts_exist(self) -> Self:
        if "en" not in self._sides_read:
            raise ValueError(f"source or target must be en, but they are {self.source} and {self.target}")
        wrong = [part for part in self.training if part in FRENCH_ONLY and self._pair != "fr-en"]
        if wrong:
            raise ValueError(f"training: {', '.join(wrong)} exists only for English and French")
        if len(set(self.training)) < len(self.training):
            raise ValueError("training must name each part once")
        return self

    @property
    def _sides_read(self) -> tuple[str, str]:
        """The languages of the pairs that the text is taken from."""
        return self.source or ("de" if self.target == "en" else "en"), self.target

    @property
    def _pair(self) -> str:
        source, target = self._sides_read
        return f"{target if source == 'en' else source}-en"

    @property
    def parts(self) -> tuple[TrainingPart, ...]:
        """The parts of the training text."""
        return self.training or tuple(part for part in TRAINING if self._pair == "fr-en" or part not in FRENCH_ONLY)

    @property
    def download(self) -> str:
        """Size of the archives of all training text; some parts need fewer archives."""
        return "6.6 GB" if self._pair == "fr-en" else "1.7 GB"

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Finds or downloads the archives and extracts the wanted files into `directory`/text.

        A record beside the extracted files holds their digests; while these match, the archives are not needed again.

        Raises:
            UserError: an archive is unavailable, damaged or lacks a file, or the sides of a test set differ in length.
        """
        text = directory / "text"
        sets = [*(f"newstest{year}" for year in self.validation.removeprefix("newstest").split("+")), _TEST_SET]
        wanted: dict[ArchiveName, list[str]] = {}
        for members in (*(TRAINING[part] for part in self.parts), *(SETS[name] for name in sets)):
            wanted.setdefault(members.archive, []).extend(self._sides(members))
        for archive, names in wanted.items():
            self._extract(archive, {name: text / PurePosixPath(name).name for name in names}, directory, progress)
        raw = RawCorpus(
            training=tuple(ParallelFiles(*self._paths(TRAINING[part], text)) for part in self.parts),
            validation=self._set(self.validation, sets[:-1], text),
            tests={_TEST_SET: self._set(_TEST_SET, sets[-1:], text)},
        )
        return raw.of_target() if self.source is None else raw

    def _sides(self, members: Members) -> tuple[str, str]:
        source, target = self._sides_read
        return members.name(self._pair, source, "src"), members.name(self._pair, target, "ref")

    def _paths(self, members: Members, text: Path) -> tuple[Path, Path]:
        source, target = (text / PurePosixPath(name).name for name in self._sides(members))
        return source, target

    def _set(self, name: str, parts: Iterable[str], text: Path) -> ParallelFiles:
        """The segments of the test sets as plain text files, one set after another."""
        pairs = [pair for part in parts for pair in read_segment_pairs(*self._paths(SETS[part], text))]
        files = ParallelFiles(*(text / f"{name}.{language}" for language in self._sides_read))
        for path, side in ((files.source, 0), (files.target, 1)):
            content = "".join(f"{pair[side]}\n" for pair in pairs)
            if not path.exists() or path.read_bytes() != content.encode():
                with write_atomically(path) as handle:
                    handle.write(content)
        return files

    def _extract(self, name: ArchiveName, members: Mapping[str, Path], directory: Path, progress: ShowProgress) -> None:
        record = directory / "text" / f"{name}.json"
        checksum = self.checksums.get(name, ARCHIVES[name].checksum)
        known = _read_record(record)
        there = all(path.is_file() for path in members.values())
        if there and known.get("checksum", "") == checksum and known.get("files") == _digests(members.values()):
            return
        for leftover in record.parent.glob(".*.part"):  # of a run that was killed; can be as large as the corpus
            leftover.unlink()
        archive = self._find(name, checksum, directory, progress)
        repair = f"Delete {archive} and run again to download it anew."
        earlier = known.get("archive")
        if checksum is None and earlier:
            checksum = f"sha256:{earlier}"
            repair += f" To accept this archive, delete {record}."
        digest = extract_members(archive, members, checksum=checksum, repair=repair, progress=progress)
        with write_atomically(record) as handle:
            stamp = {"archive": digest, "checksum": self.checksums.get(name, ARCHIVES[name].checksum)}
            json.dump({**stamp, "files": _digests(members.values())}, handle, indent=2)

    def _find(self, name: ArchiveName, checksum: str | None, directory: Path, progress: ShowProgress) -> Path:
        home = self.archives or directory / "archives"
        local = os.environ.get("NMT_DATA")
        for folder in ([Path(local) / "wmt14"] if local else []) + [home]:
            if (folder / name).is_file():  # downloads appear under this name only once complete
                return folder / name
        by_hand = f"Without a network, put {name} into {home.absolute()}, or into $NMT_DATA/wmt14"
        by_hand += f" (now {local}/wmt14, which lacks that file)." if local else " (NMT_DATA is not set)."
        url = f"{self.address.rstrip('/')}/{ARCHIVES[name].folder}/{name}"
        download(url, home / name, checksum=checksum, by_hand=by_hand, progress=progress)
        return home / name


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None
    return record if isinstance(record, dict) else {}  # none yet, or not ours: the archive is read again


def _digests(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: file_digest(path) for path in paths}
