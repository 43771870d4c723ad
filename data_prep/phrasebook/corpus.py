"""The phrasebook as a corpus: its options and its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from data_prep.generated import generate_files, source_digest
from data_prep.phrasebook.splits import generate
from data_prep.phrasebook.topics import topics
from nmt.data.corpus import CorpusOptions, RawCorpus, ShowProgress, text_at, unseen

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
        made_by = {"generator": source_digest(Path(__file__).parent), "pairs": self.pairs, "seed": self.seed}
        generate_files(directory, made_by, SPLITS, LANGUAGES, self._rows)
        files = {split: text_at(directory, split, self.languages) for split in SPLITS}
        tests = {split: files[split] for split in SPLITS[2:]}
        return RawCorpus(training=(files["training"],), validation=files["validation"], tests=tests)

    def _rows(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        splits = generate(self.pairs, self.seed)
        return {split: ((s.english, s.german) for s in sentences) for split, sentences in splits.items()}
