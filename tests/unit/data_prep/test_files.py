"""The user's own files: pairs or TSV, relative to the recipe, with or without validation."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_prep.files import Files
from nmt.data.pairs import read_pairs, read_rows
from nmt.digest import file_digest
from nmt.errors import UserError

PAIRS = [(f"source {i}", f"target {i}") for i in range(40)]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The folder of a recipe, with data beside it."""
    folder = tmp_path / "recipe"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a.en").write_text("".join(f"{source}\n" for source, _ in PAIRS))
    (folder / "data" / "a.de.gz").write_bytes(gzip.compress("".join(f"{target}\n" for _, target in PAIRS).encode()))
    (folder / "data" / "b.tsv").write_text("".join(f"{source}\t{target}\tnote\tx\n" for source, target in PAIRS))
    return folder


TEXT = {"source": "data/a.en", "target": "data/a.de.gz"}
TSV = {"tsv": "data/b.tsv"}


def corpus(recipe: Path, **options: Any) -> Files:
    values = {"kind": "files", "source": "en", "target": "de", **options}
    return Files.model_validate(values, context={"directory": recipe})


def test_paths_are_relative_to_the_recipe(recipe: Path, tmp_path: Path) -> None:
    raw = corpus(recipe, training=[TEXT], validation=TEXT, tests={"news": TEXT}).fetch(tmp_path / "raw")
    assert raw.training[0].sides[0] == recipe / "data" / "a.en"
    assert list(read_pairs(raw.tests["news"])) == list(read_pairs(raw.validation)) == PAIRS
    assert not (tmp_path / "raw").exists()
    plain = Files.model_validate({"source": "en", "target": "de", "training": [TEXT]})
    assert plain.training[0].source == Path("data/a.en")
    absolute = corpus(recipe, training=[{"tsv": "/data/b.tsv"}]).training[0].tsv
    assert absolute == Path("/data/b.tsv")


def test_tsv(recipe: Path, tmp_path: Path) -> None:
    raw = corpus(recipe, training=[TSV, TEXT], validation=TSV, tests={"news": TSV}).fetch(tmp_path)
    assert [pair for files in raw.training for pair in read_pairs(files)] == PAIRS + PAIRS
    assert list(read_pairs(raw.validation)) == list(read_pairs(raw.tests["news"])) == PAIRS


@pytest.mark.parametrize(("line", "got"), [("no tab here", "no tab in 'no tab here'"), (" ", "a blank line")])
def test_a_line_without_a_tab_is_named(recipe: Path, tmp_path: Path, line: str, got: str) -> None:
    (recipe / "data" / "b.tsv").write_text(f"a\tb\n{line}\n")
    with pytest.raises(UserError, match=rf"b\.tsv:2: expected source<TAB>target, got {got}"):
        corpus(recipe, training=[TSV], validation=TEXT).fetch(tmp_path)


def held_out(recipe: Path, directory: Path, **options: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    raw = corpus(recipe, **{"training": [TEXT], "validation_pairs": 10, **options}).fetch(directory)
    return [pair for files in raw.training for pair in read_pairs(files)], list(read_pairs(raw.validation))


def test_held_out_pairs(recipe: Path, tmp_path: Path) -> None:
    train, validation = held_out(recipe, tmp_path / "1")
    assert len(validation) == 10
    assert sorted(train + validation) == sorted(PAIRS)
    assert held_out(recipe, tmp_path / "2", training=[TSV]) == (train, validation)
    assert held_out(recipe, tmp_path / "3", seed=2)[1] != validation


def test_no_copy_of_a_held_out_pair_is_trained_on(recipe: Path, tmp_path: Path) -> None:
    """Copies are told by their cleaned text."""
    spaced = "".join(f" {source} \t{target}\u200b\n" for source, target in PAIRS)
    (recipe / "data" / "c.tsv").write_text(spaced, encoding="utf-8")
    train, validation = held_out(recipe, tmp_path / "1", training=[TEXT, TSV, {"tsv": "data/c.tsv"}])
    assert (len(train), len(validation)) == (90, 10)
    assert {source.strip() for source, _ in train} == {source for source, _ in PAIRS} - {s for s, _ in validation}
    assert held_out(recipe, tmp_path / "2")[1] == validation  # they follow from the text, and not from where it stands


def test_what_cleaning_drops_is_not_held_out(recipe: Path, tmp_path: Path) -> None:
    (recipe / "data" / "d.tsv").write_text("\tempty\n" * 50 + "\u200b\tinvisible\n" + "a\tb\n" * 3 + "c\td\n")
    with pytest.raises(UserError, match="at most 2: half of the 4 training pairs that pass the cleaning"):
        held_out(recipe, tmp_path, training=[{"tsv": "data/d.tsv"}], validation_pairs=3)
    train, validation = held_out(recipe, tmp_path, training=[{"tsv": "data/d.tsv"}], validation_pairs=1)
    assert validation in ([("a", "b")], [("c", "d")])
    assert validation[0] not in train


def test_pairs_that_an_older_version_held_out_stay_so(recipe: Path, tmp_path: Path) -> None:
    """Its run would be trained anew otherwise."""
    held_out(recipe, tmp_path)
    stamp = json.loads((tmp_path / "files.json").read_text())
    del stamp["corpus"]["cleaning"]["overlap"]
    old = {"train": PAIRS[10:], "validation": PAIRS[:10]}
    for name, pairs in old.items():
        for side, language in enumerate(("en", "de")):
            path = tmp_path / f"{name}.{language}"
            path.write_text("".join(f"{pair[side]}\n" for pair in pairs))
            stamp["outputs"][path.name] = file_digest(path)
    (tmp_path / "files.json").write_text(json.dumps(stamp))
    assert held_out(recipe, tmp_path) == (old["train"], old["validation"])


def test_too_few_to_hold_out(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 20: half of the 40 training pairs .* got 21"):
        held_out(recipe, tmp_path, validation_pairs=21)


def test_the_same_contents_are_cut_once(recipe: Path, tmp_path: Path) -> None:
    held_out(recipe, tmp_path)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    (recipe / "data" / "a.en").touch()
    held_out(recipe, tmp_path)
    assert {path.name: path.stat().st_ino for path in tmp_path.iterdir()} == before
    (tmp_path / "train.en").write_text("damaged\n")
    assert len(held_out(recipe, tmp_path)[0]) == 30
    changed = [f"changed {source}" for source, _ in PAIRS]
    (recipe / "data" / "a.en").write_text("\n".join(changed))
    assert all(source.startswith("changed") for source, _ in held_out(recipe, tmp_path)[0])


def test_sides_of_different_length(recipe: Path, tmp_path: Path) -> None:
    (recipe / "data" / "a.en").write_text("one\n")
    with pytest.raises(UserError, match=r"40 lines in .*a\.de\.gz and 1 in .*a\.en: line 2"):
        held_out(recipe, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"training": []},
        {"training": [{"source": "a"}]},
        {"training": [{"source": "a", "target": "b", "tsv": "c"}]},
        {"training": [{}]},
        {"training": [TEXT], "tests": {"train": TEXT}},
        {"training": [TEXT], "tests": {"a/b": TEXT}},
        {"training": [TEXT], "source": "../en"},
        {"training": [TEXT], "target": "en"},
        {"training": [TEXT], "label": ".."},
    ],
)
def test_malformed_options_are_refused(recipe: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        corpus(recipe, **options)


def test_the_label_names_the_runs(recipe: Path) -> None:
    assert corpus(recipe, training=[TEXT]).name == "files_en_de"
    assert corpus(recipe, training=[TEXT], label="reports").name == "reports_en_de"


TARGETS = [(target,) for _, target in PAIRS]


def test_text_of_one_language(recipe: Path, tmp_path: Path) -> None:
    ours = {"source": None, "validation": {"text": "data/a.de.gz"}, "tests": {"news": TSV, "more": TEXT}}
    found = corpus(recipe, training=[{"text": "data/a.de.gz"}, TEXT], **ours)
    assert (found.name, found.languages, found.unit) == ("files_de", ("de",), "lines")
    raw = found.fetch(tmp_path / "raw")
    texts = (*raw.training, raw.validation, *raw.tests.values())
    assert all(list(read_rows(text)) == TARGETS for text in texts)  # of pairs it is the target
    assert list(read_pairs(raw.validation)) == [("", target) for _, target in PAIRS]
    assert {path.name for path in (tmp_path / "raw").iterdir()} == {"news.de", "files.json"}  # a column is cut out


def test_lines_of_one_language_are_held_out_with_their_copies(recipe: Path, tmp_path: Path) -> None:
    text = {"text": "data/a.de.gz"}
    found = corpus(recipe, source=None, training=[text, text], validation_pairs=10)
    raw = found.fetch(tmp_path)
    (training,) = raw.training
    held, kept = list(read_rows(raw.validation)), list(read_rows(training))
    assert len(held) == len(set(held)) == 10
    assert sorted(kept) == sorted(2 * [row for row in TARGETS if row not in held])
    with pytest.raises(UserError, match="at most 40: half of the 80 training lines"):
        corpus(recipe, source=None, training=[text, text], validation_pairs=41).fetch(tmp_path / "more")


def test_text_goes_with_no_source(recipe: Path) -> None:
    with pytest.raises(ValidationError, match="text is for a language model, but source is en"):
        corpus(recipe, training=[{"text": "data/a.de.gz"}])
    with pytest.raises(ValidationError, match="give both source and target, or tsv alone"):
        corpus(recipe, source=None, training=[{"text": "data/a.de.gz", "target": "data/a.de.gz"}])


def test_documents(recipe: Path, tmp_path: Path) -> None:
    (recipe / "data" / "b.tsv").write_text("a\tb\nc\td\n\ne\tf\n")
    made = corpus(recipe, training=[TSV, TSV], validation=TSV, documents="blank_lines")
    raw = made.fetch(tmp_path)
    rows = [("a", "b"), ("c", "d"), ("", ""), ("e", "f")]
    assert raw.documents
    assert list(read_pairs(raw.validation)) == rows
    assert list(read_pairs(raw.training[0])) == [*rows, ("", "")] * 2  # the end of a file ends a document


def test_borders_on_both_sides(recipe: Path, tmp_path: Path) -> None:
    (recipe / "data" / "c.en").write_text("a\n\nb\n")
    (recipe / "data" / "c.de").write_text("a\nx\nb\n")
    torn = {"source": "data/c.en", "target": "data/c.de"}
    made = corpus(recipe, training=[torn], validation=torn, documents="blank_lines")
    with pytest.raises(UserError, match=r"c\.en:2: expected text, or an empty line also in .*c\.de"):
        list(made.named_texts[0].rows())
    (recipe / "data" / "b.tsv").write_text("a\tb\n\tc\n")
    with pytest.raises(UserError, match=r"b\.tsv:2: expected text in both columns, or a blank line"):
        corpus(recipe, training=[TSV], validation=TSV, documents="blank_lines").fetch(tmp_path)


def test_documents_are_not_torn_for_validation(recipe: Path) -> None:
    with pytest.raises(ValidationError, match="needs files for validation"):
        corpus(recipe, training=[TSV], documents="blank_lines")
