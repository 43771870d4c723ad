"""Laws of the phrasebook corpus: what its splits hold, and that it is the same everywhere."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from data_prep.phrasebook import Phrasebook
from data_prep.phrasebook.__main__ import main
from data_prep.phrasebook.draw import Draw
from data_prep.phrasebook.lexicon import mentioned
from data_prep.phrasebook.names import split_names
from data_prep.phrasebook.phrases import FIXED, OPEN
from data_prep.phrasebook.slots import filled
from data_prep.phrasebook.splits import Sentence, finish, generate, held_out, held_out_pairs
from data_prep.phrasebook.topics import topics

DIGEST = """
import hashlib
from data_prep.phrasebook.splits import generate
splits = generate(500, 3)
text = repr([(name, s.english, s.german, s.family) for name in sorted(splits) for s in splits[name]])
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Sentence]]:
    return generate(Phrasebook().pairs, Phrasebook().seed)


def test_sizes(splits: dict[str, list[Sentence]]) -> None:
    assert {name: len(sentences) for name, sentences in splits.items()} == {
        "training": 60_000, "validation": 500, "test": 1000, "test_unseen": 1000, "test_everyday": 1000,
    }  # fmt: skip


def test_every_side_is_distinct_across_splits(splits: dict[str, list[Sentence]]) -> None:
    everything = [sentence for part in splits.values() for sentence in part]
    assert len({s.english for s in everything}) == len({s.german for s in everything}) == len(everything)


def test_held_out_pairs_never_meet_in_training(splits: dict[str, list[Sentence]]) -> None:
    for name in ("training", "validation", "test", "test_everyday"):
        assert not [s.english for s in splits[name] if held_out_pairs(s.lexemes | mentioned(s.english))]
    assert all(held_out_pairs(s.lexemes) for s in splits["test_unseen"])


def test_a_lexeme_that_is_used_is_mentioned(splits: dict[str, list[Sentence]]) -> None:
    assert all(s.lexemes <= mentioned(s.english) for s in splits["test_unseen"])
    assert mentioned("She picked up her oldest boss.") == {"verb:pick up", "adjective:old", "noun:boss"}


def test_held_out_adjectives_do_not_stand_before_their_nouns(splits: dict[str, list[Sentence]]) -> None:
    """The same law read off the text alone, without the generator's record of lexemes."""
    unseen = set()
    for sentence in splits["test_unseen"]:
        for pair in held_out_pairs(sentence.lexemes):
            by_class = {kind: word for kind, _, word in (lexeme.partition(":") for lexeme in pair)}
            if "adjective" in by_class:
                unseen.add(f" {by_class['adjective']} {by_class['noun']} ")
    assert len(unseen) > 30
    text = "\n".join(re.sub(r"[.?!,]", " ", f" {s.english} ") for s in splits["training"])
    assert not [phrase for phrase in unseen if phrase in text]


def test_each_lexeme_of_the_unseen_test_is_frequent_in_training(splits: dict[str, list[Sentence]]) -> None:
    counts = Counter(lexeme for s in splits["training"] for lexeme in s.lexemes)
    rare = {lexeme: counts[lexeme] for s in splits["test_unseen"] for lexeme in s.lexemes if counts[lexeme] < 20}
    assert not rare


def test_the_rule_is_symmetric_and_selective() -> None:
    assert held_out("noun:book", "verb:read") == held_out("verb:read", "noun:book")
    assert not held_out("noun:book", "noun:table")


def test_some_test_names_never_occur_in_training(splits: dict[str, list[Sentence]]) -> None:
    known, unknown = split_names()
    assert not known.all() & unknown.all()
    seen = {word for s in splits["training"] for word in re.findall(r"\w+", s.english + " " + s.german)}
    assert not seen & unknown.all()
    carriers = [s for s in splits["test"] if set(re.findall(r"\w+", s.english)) & unknown.all()]
    assert len(carriers) == 200


def test_text_is_clean(splits: dict[str, list[Sentence]]) -> None:
    for sentence in (s for part in splits.values() for s in part):
        careless = sentence.everyday and sentence.english[-1] not in ".?!"
        for line in (sentence.english, sentence.german):
            assert unicodedata.is_normalized("NFC", line)
            assert careless or re.fullmatch(r"[A-ZÄÖÜ\d][\wäöüßéÄÖÜ ,.:'’-]*[.?!]", line), line
            assert not re.search(r"  | [.,?!]|,,|\.\.|\bNone\b|[{}]", line), line
            assert line.count("?") == (line[-1] == "?")
        assert careless or sentence.english[-1] == sentence.german[-1]


def test_lengths_are_balanced(splits: dict[str, list[Sentence]]) -> None:
    lengths = [(len(s.english.split()), len(s.german.split())) for s in splits["training"]]
    assert 6 <= sum(english for english, _ in lengths) / len(lengths) <= 12
    assert all(1 <= english <= 24 and 1 <= german <= 24 for english, german in lengths)
    assert all(0.5 <= (english + 1) / (german + 1) <= 2.5 for english, german in lengths)


def test_numbers_are_kept(splits: dict[str, list[Sentence]]) -> None:
    for sentence in splits["training"]:
        english, german = (sorted(re.findall(r"\d+", line)) for line in (sentence.english, sentence.german))
        assert english == german, sentence


def test_address_decides_du_or_sie(splits: dict[str, list[Sentence]]) -> None:
    """A first name means du; a title, or nobody, means Sie; only love is for a first name anyway."""
    informal = re.compile(r"\b([Dd]u|[Dd]ir|[Dd]ich|[Dd]ein\w*)\b")
    names = {name.lower() for name in (*split_names()[0].women, *split_names()[0].men)}
    for sentence in splits["training"]:
        if informal.search(sentence.german):
            english = sentence.english.lower()
            assert names & set(re.findall(r"\w+", english)) or "i love you" in english, sentence


def test_the_same_in_another_process() -> None:
    environment = os.environ | {"PYTHONHASHSEED": "1"}  # here it is drawn, or another number
    run = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, env=environment,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    splits = generate(500, 3)
    text = repr([(name, s.english, s.german, s.family) for name in sorted(splits) for s in splits[name]])
    assert run.stdout.strip() == hashlib.sha256(text.encode()).hexdigest()


def test_seed_changes_the_corpus_and_pairs_do_not_change_the_tests() -> None:
    small, large, other = generate(200, 1), generate(400, 1), generate(200, 2)
    assert small["test"] != other["test"]
    assert {s.english for s in small["validation"]} == {s.english for s in large["validation"]}
    assert small["test_unseen"] == large["test_unseen"]
    assert {s.english for s in small["test"]} == {s.english for s in large["test"]}


def test_fetch_is_idempotent_and_repairs(tmp_path: Path) -> None:
    corpus = Phrasebook(pairs=200)
    raw = corpus.fetch(tmp_path)
    path = raw.training[0].target
    text, time = path.read_bytes(), path.stat().st_mtime_ns
    corpus.fetch(tmp_path)
    assert path.stat().st_mtime_ns == time
    path.write_text("spoilt\n", encoding="utf-8")
    assert corpus.fetch(tmp_path).training[0].target.read_bytes() == text
    Phrasebook(pairs=201).fetch(tmp_path)
    assert path.read_bytes().count(b"\n") == 201
    reverse = Phrasebook(source="de", target="en", pairs=201).fetch(tmp_path)
    assert reverse.training[0].sides[0] == path
    assert list(raw.tests) == ["test", "test_unseen", "test_everyday"]
    alone = Phrasebook(source=None, pairs=201)
    assert (alone.name, alone.topics) == ("phrasebook_de", {})
    assert alone.fetch(tmp_path).training[0].sides == (path,)
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    Phrasebook(pairs=200).fetch(tmp_path)
    assert path.read_bytes() == text


def test_command_writes_and_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path / "out"), "--pairs", "150"]) == 0
    assert "training: 150 pairs" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["--output", str(tmp_path), "--pairs", "0"])
    assert stop.value.code == 2
    assert "--pairs" in capsys.readouterr().err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["--output", str(tmp_path / "file"), "--pairs", "150"]) == 2


def test_every_fixed_expression_is_taught(splits: dict[str, list[Sentence]]) -> None:
    assert not {english for english, _ in FIXED if held_out_pairs(mentioned(english))}
    taught = {(bare(sentence.english), sentence.german) for sentence in splits["training"]}
    distinct = {german.lower(): (bare(english), finish(german)) for english, german in reversed(FIXED)}
    assert set(distinct.values()) <= taught


def bare(english: str) -> str:
    return english.rstrip(".?!").lower()


def test_only_training_has_english_as_it_is_typed_carelessly(splits: dict[str, list[Sentence]]) -> None:
    typed = {name: [s for s in part if s.english[-1] not in ".?!"] for name, part in splits.items()}
    assert [name for name, sentences in typed.items() if sentences] == ["training"]
    assert 0.02 < len(typed["training"]) / len(splits["training"]) < 0.06
    assert all(s.german[-1] in ".?!" and (s.german[0].isupper() or s.german[0].isdigit()) for s in typed["training"])


def test_every_phrase_can_be_filled() -> None:
    """Each template with each of its slots, on both sides: nothing is left open, nothing stands in one side only."""
    draw = Draw(Random(1), split_names()[0])
    for template in OPEN:
        for side in filled(template, draw):
            assert not set(re.sub(r"\d:\d", "", side)) & set("{}:"), template


def test_everyday_sentences_are_short_and_of_many_kinds(splits: dict[str, list[Sentence]]) -> None:
    everyday = splits["test_everyday"]
    assert all(len(sentence.english.split()) <= 9 for sentence in everyday)
    assert len({sentence.family for sentence in everyday}) > 12


def test_topics_are_in_either_language() -> None:
    assert set(topics("en")) == set(topics("de"))
    assert Phrasebook(source="de", target="en").topics["greetings"] == "Guten Abend, Frau Berger!"
