from __future__ import annotations

from pathlib import Path

from nmt.pipeline.run import prepare
from nmt.study.sharing import share_data
from tests.study_files import STUDY, load

SILENT = "tokenizer.vocabulary_size: 280"


class Reused:
    """A reporter that remembers the stages that have been reused."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage_reused(self, stage: str, why: str) -> None:
        self.stages.append(stage)

    def stage_started(self, stage: str, why: str) -> None: ...

    def stage_done(self, stage: str, seconds: float) -> None: ...

    def log(self, message: str) -> None: ...

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None: ...


def test_data_is_prepared_once_and_changed_in_one_run_only(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY.replace("wide: {", f"other: {{{SILENT}}}\n  wide: {{"))
    narrow, other, wide = plan.cells()[:3]
    prepare(narrow.recipe, plan.directory, Reused())
    for cell in (other, wide):
        share_data(cell, plan.cells())
    assert not other.directory.exists()  # it has another tokenizer
    reporter = Reused()
    prepare(wide.recipe, plan.directory, reporter)
    assert reporter.stages == ["prepare", "tokenizer", "ids"]
    text = narrow.directory / "prepare/train.en"
    before = text.read_bytes()
    train = tmp_path / "train.tsv"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[:400]), encoding="utf-8")
    prepare(wide.recipe, plan.directory, reporter)
    assert text.read_bytes() == before != (wide.directory / "prepare/train.en").read_bytes()
