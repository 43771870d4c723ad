"""The phrasebook as a corpus: options, files, and a manifest to tell whether the files are up to date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from data_prep.phrasebook.splits import generate
from data_prep.phrasebook.topics import topics
from nmt.data.corpus import CorpusOptions, RawCorpus, ShowProgress, text_at, unseen
from nmt.digest import file_digest
from nmt.output import write_atomically

LANGUAGES = ("en", "de")
SPLITS = ("training", "validation", "test", "test_unseen", "test_everyday")


class Phrasebook(CorpusOptions):
    """English-German sentence pairs, generated in seconds without a network."""

    kind: Literal["phrasebook"] = "phrasebook"
    source: Literal["en", "de"] | None = "en"
    """Language to translate from; null for a language model, which reads the sentences in `target` alone."""
    target: Literal["en", "de"] = "de"
    """Language to translate into, or of a language model's text."""
    pairs: Annotated[int, Field(ge=100, le=200_000)] = 60_000
    """Number of distinct training pairs."""
    seed: int = 1
    """Seed of the generator: the same seed gives the same files on every machine."""

    @property
    def topics(self) -> Mapping[str, str]:
        """The uses of a phrasebook, each with an example sentence."""
        return {} if self.source is None else topics(self.source)

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Writes `<split>.en` and `<split>.de`, unless the manifest shows that they exist and are intact."""
        if not self._up_to_date(directory):
            self._write(directory)
        files = {split: text_at(directory, split, self.languages) for split in SPLITS}
        tests = {split: files[split] for split in SPLITS[2:]}
        return RawCorpus(training=(files["training"],), validation=files["validation"], tests=tests)

    def _recipe(self) -> dict[str, object]:
        """Everything that the files depend on."""
        return {"generator": generator_digest(), "pairs": self.pairs, "seed": self.seed}

    def _up_to_date(self, directory: Path) -> bool:
        try:
            manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
            digests = manifest["files"]
            expected = {f"{split}.{language}" for split in SPLITS for language in LANGUAGES}
            return (
                manifest["made_by"] == self._recipe()
                and set(digests) == expected
                and all(file_digest(directory / name) == digest for name, digest in digests.items())
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _write(self, directory: Path) -> None:
        """Writes the manifest last, so an interrupted run leaves no valid one and starts over."""
        directory.mkdir(parents=True, exist_ok=True)
        digests = {}
        for split, sentences in generate(self.pairs, self.seed).items():
            for language in LANGUAGES:
                path = directory / f"{split}.{language}"
                lines = [s.english if language == "en" else s.german for s in sentences]
                with write_atomically(path) as handle:
                    handle.write("".join(f"{line}\n" for line in lines))
                digests[path.name] = file_digest(path)
        with write_atomically(directory / "manifest.json") as handle:
            handle.write(json.dumps({"made_by": self._recipe(), "files": digests}, indent=2) + "\n")


def generator_digest() -> str:
    """SHA-256 of this package's source, since a different grammar gives a different corpus."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
