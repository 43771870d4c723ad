"""The first stage: the corpus as clean text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmt.data.clean import Cleaning, prepare_corpus
from nmt.data.corpus import CorpusOptions
from nmt.data.pairs import ParallelFiles, RawCorpus
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
    """The corpus as it was found, and its cleaned training and validation text."""

    raw: RawCorpus
    training: ParallelFiles
    validation: ParallelFiles
    digests: Mapping[str, str]
    """SHA-256 by file name, such as train.en."""

    def inputs(self, *files: ParallelFiles) -> dict[str, str]:
        """The digests of these, as the inputs of a later stage."""
        names = [path.name for pair in files for path in (pair.source, pair.target)]
        return {name: self.digests[name] for name in names}


def find_corpus(corpus: CorpusOptions, run: Path, reporter: Reporter) -> RawCorpus:
    """Finds, downloads or makes the corpus, with `corpus/` in the run directory for what must be stored.

    Asked for in every run: the corpus itself knows by content whether its files are whole.
    """
    start = time.monotonic()
    reporter.stage_started("corpus", corpus.name)
    raw = corpus.fetch(run / "corpus", reporter.progress)
    reporter.stage_done("corpus", time.monotonic() - start)
    return raw


def prepare_text(corpus: CorpusOptions, raw: RawCorpus, run: Path, reporter: Reporter) -> PreparedText:
    """Cleans the corpus into `prepare/`, with a report of what was dropped and why."""

    def work(directory: Path) -> Mapping[str, Any]:
        report = prepare_corpus(raw, corpus.cleaning, corpus.source, corpus.target, directory, reporter.progress)
        with write_atomically(directory / REPORT) as handle:
            handle.write(report.model_dump_json(indent=2) + "\n")
        for what, pairs, where in report.rows():
            reporter.log(f"{pairs:>9} {what}" + (f" ({where})" if where else ""))
        return report.model_dump(mode="json")

    # Not the corpus's other options: what they decide is in the content of the files.
    options = {"cleaning": corpus.cleaning.model_dump(mode="json"), "source": corpus.source, "target": corpus.target}
    stage = Stage(STAGE, VERSION, options, _digests(raw), work, renewed=_renewed)
    record = run_stage(stage, run, reporter)
    training, validation = (clean_files(run, name, corpus.source, corpus.target) for name in ("train", "validation"))
    return PreparedText(raw, training, validation, record.outputs)


def clean_files(run: Path, name: str, source: str, target: str) -> ParallelFiles:
    """Where the stage puts a set: "train", "validation" or a test set."""
    return ParallelFiles(*(run / STAGE / f"{name}.{language}" for language in (source, target)))


def _renewed(record: Record) -> Record:
    options = {**record.options, "cleaning": renewed(Cleaning, record.options.get("cleaning"))}
    return replace(record, options=options)


def _digests(raw: RawCorpus) -> dict[str, str]:
    sets = {f"training {number}": files for number, files in enumerate(raw.training, start=1)}
    sets |= {"validation": raw.validation} | {f"test {name}": files for name, files in raw.tests.items()}
    return {
        f"{name} {side}": file_digest(path)
        for name, files in sets.items()
        for side, path in (("source", files.source), ("target", files.target))
    }
