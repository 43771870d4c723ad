"""The stages up to the token ids, on a corpus of the user's own files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from data_prep.files import Files, TextFiles
from nmt.data.store import PairStore
from nmt.errors import UserError
from nmt.pipeline.ids import PreparedIds, prepare_ids
from nmt.pipeline.reporter import Silent
from nmt.pipeline.text import find_corpus, prepare_text
from nmt.tokenizer.sentencepiece import SentencePieceOptions

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()


@dataclass
class Listener(Silent):
    """Remembers which stages worked."""

    worked: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def stage_started(self, stage: str, why: str) -> None:
        self.worked.append(stage)

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def corpus(tmp_path: Path) -> Files:
    lines = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
    for name, chosen in (("train", [*lines, lines[0]]), ("validation", lines[:9]), ("test", lines[9:12])):
        pairs = "".join(f"{line}\t{line[::-1]}\n" for line in chosen)
        (tmp_path / f"{name}.tsv").write_text(pairs, encoding="utf-8")
    return Files(
        source="en",
        target="xx",
        training=(TextFiles(tsv=tmp_path / "train.tsv"),),
        validation=TextFiles(tsv=tmp_path / "validation.tsv"),
        tests={"mine": TextFiles(tsv=tmp_path / "test.tsv")},
    )


TOKENIZER = SentencePieceOptions(vocabulary_size=290)


def prepare(corpus: Files, run: Path, tokenizer: SentencePieceOptions = TOKENIZER) -> tuple[PreparedIds, Listener]:
    listener = Listener()
    text = prepare_text(corpus, find_corpus(corpus, run, listener), run, listener)
    ids = prepare_ids(tokenizer, text, corpus.languages, run, listener)
    listener.worked.remove("corpus")
    return ids, listener


def test_the_stages_and_what_they_report(corpus: Files, tmp_path: Path) -> None:
    ids, listener = prepare(corpus, tmp_path / "run")
    assert listener.worked == ["prepare", "tokenizer", "ids"]
    assert any("dropped: duplicate" in line for line in listener.lines)
    training, validation = PairStore(ids.training), PairStore(ids.validation)
    assert (len(training), len(validation)) == (432, 9)
    lengths = [len(training.source(pair)) for pair in range(len(training))]
    assert ids.facts["longest_source"] == max(lengths)
    assert ids.facts["source_tokens"] == sum(lengths)
    assert ids.facts["several_sentences"] == 0.0
    assert ids.tokenizers.source.decode(training.source(0).tolist()) == "one one one"


def test_nothing_is_done_twice(corpus: Files, tmp_path: Path) -> None:
    prepare(corpus, tmp_path / "run")
    assert prepare(corpus, tmp_path / "run")[1].worked == []


def test_a_run_that_moved_is_still_whole(corpus: Files, tmp_path: Path) -> None:
    prepare(corpus, tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    assert prepare(corpus, tmp_path / "elsewhere")[1].worked == []


def test_an_option_of_the_tokenizer_leaves_the_text_alone(corpus: Files, tmp_path: Path) -> None:
    prepare(corpus, tmp_path / "run")
    other = SentencePieceOptions(vocabulary_size=295)
    assert prepare(corpus, tmp_path / "run", other)[1].worked == ["tokenizer", "ids"]


def test_a_byte_of_the_training_text_changes_all_and_of_the_test_text_only_the_copy(
    corpus: Files, tmp_path: Path
) -> None:
    prepare(corpus, tmp_path / "run")
    edit(tmp_path / "test.tsv")
    assert prepare(corpus, tmp_path / "run")[1].worked == ["prepare"]
    edit(tmp_path / "train.tsv")
    assert prepare(corpus, tmp_path / "run")[1].worked == ["prepare", "tokenizer", "ids"]


def edit(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("four", "Four"), encoding="utf-8")


def test_a_lost_output_is_made_again(corpus: Files, tmp_path: Path) -> None:
    prepare(corpus, tmp_path / "run")
    (tmp_path / "run" / "tokenizer" / "joint.model").unlink()
    assert prepare(corpus, tmp_path / "run")[1].worked == ["tokenizer"]
    (tmp_path / "run" / "ids" / "train" / "source.ids").write_bytes(b"")
    assert prepare(corpus, tmp_path / "run")[1].worked == ["ids"]


def test_a_mistake_leaves_no_stage_behind(corpus: Files, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        prepare(corpus, tmp_path / "run", SentencePieceOptions(vocabulary_size=30_000))
    assert not (tmp_path / "run" / "tokenizer").exists()
    assert prepare(corpus, tmp_path / "run")[1].worked == ["tokenizer", "ids"]
