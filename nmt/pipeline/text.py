"""The first stage: the corpus as clean text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmt.data.clean import Cleaning, prepare_corpus
from nmt.data.corpus import CorpusOptions
from nmt.data.pairs import RawCorpus, Text, text_at
from nmt.digest import file_digest
from nmt.options import renewed
from nmt.output import write_atomically
from nmt.pipeline.record import Record
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.stage import Stage, run_stage

STAGE, VERSION = "prepare", 1
REPORT = "report.json"


@dataclass(frozen=True)
class PreparedText:
    """The corpus as found, and its cleaned training and validation text."""

    raw: RawCorpus
    training: Text
    validation: Text
    digests: Mapping[str, str]
    """SHA-256 by file name, such as train.en."""

    def inputs(self, *texts: Text) -> dict[str, str]:
        """The digests of these texts, as inputs of a later stage."""
        names = [path.name for text in texts for path in text.sides]
        return {name: self.digests[name] for name in names}


def find_corpus(corpus: CorpusOptions, run: Path, reporter: Reporter) -> RawCorpus:
    """Finds, downloads or generates the corpus; files that must be stored go to `corpus/` in the run directory.

    Done in every run: the corpus itself checks by content whether its files are intact.
    """
    start = time.monotonic()
    reporter.stage_started("corpus", corpus.name)
    raw = corpus.fetch(run / "corpus", reporter.progress)
    reporter.stage_done("corpus", time.monotonic() - start)
    return raw


def prepare_text(corpus: CorpusOptions, raw: RawCorpus, run: Path, reporter: Reporter) -> PreparedText:
    """Cleans the corpus into `prepare/`, with a report of what was dropped and why."""

    def work(directory: Path) -> Mapping[str, Any]:
        report = prepare_corpus(raw, corpus.cleaning, corpus.languages, directory, reporter.progress)
        with write_atomically(directory / REPORT) as handle:
            handle.write(report.model_dump_json(indent=2) + "\n")
        for what, pairs, where in report.rows():
            reporter.log(f"{pairs:>9} {what}" + (f" ({where})" if where else ""))
        return report.model_dump(mode="json")

    # The effect of the corpus's other options is in the content of the files.
    options: dict[str, Any] = {
        "cleaning": corpus.cleaning.model_dump(mode="json"),
        "source": corpus.source,
        "target": corpus.target,
        **({"documents": True} if raw.documents else {}),
    }
    stage = Stage(STAGE, VERSION, options, _digests(raw), work, renewed=_renewed)
    record = run_stage(stage, run, reporter)
    training, validation = (clean_text(run, name, corpus.languages) for name in ("train", "validation"))
    return PreparedText(raw, training, validation, record.outputs)


def clean_text(run: Path, name: str, languages: Sequence[str]) -> Text:
    """The cleaned files of a set: "train", "validation" or a test set."""
    return text_at(run / STAGE, name, languages)


def _renewed(record: Record) -> Record:
    options = {**record.options, "cleaning": renewed(Cleaning, record.options.get("cleaning"))}
    return replace(record, options=options)


def _digests(raw: RawCorpus) -> dict[str, str]:
    sets = {f"training {number}": text for number, text in enumerate(raw.training, start=1)}
    sets |= {"validation": raw.validation} | {f"test {name}": text for name, text in raw.tests.items()}
    return {
        f"{name} {side}": file_digest(path)
        for name, text in sets.items()
        for side, path in zip(("source", "target")[-len(text.sides) :], text.sides, strict=True)
    }
