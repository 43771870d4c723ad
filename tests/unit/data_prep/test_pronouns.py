"""The corpus of pronouns: only the sentence before decides, and by a known amount."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from data_prep.phrasebook.declension import Gender
from data_prep.phrasebook.nouns import NOUNS
from data_prep.pronouns import BETWEEN, Pronouns
from nmt.data.context import documents_of
from nmt.data.pairs import RawCorpus, Text, read_pairs

SMALL: dict[str, Any] = {"training_documents": 300, "validation_documents": 30, "test_documents": 60}
PRONOUNS = {
    Gender.MASCULINE: {"er", "ihn"},
    Gender.FEMININE: {"sie"},
    Gender.NEUTER: {"es"},
}
THINGS = [noun for noun in NOUNS if "person" not in noun.tags]


def documents(text: Text) -> list[list[tuple[str, str]]]:
    """The documents of a text without their borders."""
    pairs = list(read_pairs(text))
    lengths = [len(document) for document in documents_of(source for source, _ in pairs)]
    found, start = [], 0
    for length in lengths:
        assert pairs[start + length - 1] == ("", "")
        found.append(pairs[start : start + length - 1])
        start += length
    return found


@pytest.fixture(params=[1, 3])
def distance(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def corpus(distance: int, tmp_path: Path) -> RawCorpus:
    return Pronouns(distance=distance, **SMALL).fetch(tmp_path)


def test_sizes_and_borders(corpus: RawCorpus, distance: int) -> None:
    assert corpus.documents
    sets = (corpus.training[0], corpus.validation, corpus.tests["test"])
    for text, size in zip(sets, SMALL.values(), strict=True):
        found = documents(text)
        assert len(found) == size
        assert {len(document) for document in found} == {distance + 1}
        assert all(row in BETWEEN for document in found for row in document[1:-1])


def test_the_pronoun_has_the_gender_of_the_noun(corpus: RawCorpus) -> None:
    for document in documents(corpus.tests["test"]):
        (english, _), (last, german) = document[0], document[-1]
        named = max((noun for noun in THINGS if f"the {noun.english}" in english), key=lambda noun: len(noun.english))
        words = german.rstrip(".?").lower().split()
        assert "it" in last.rstrip(".?").lower().split()
        others = {word for gender, of in PRONOUNS.items() if gender is not named.german.gender for word in of}
        assert set(words) & PRONOUNS[named.german.gender]
        assert not set(words) & others


def test_without_context_exactly_one_of_three_is_right(corpus: RawCorpus) -> None:
    """The best answer to each last sentence is right as often as any other: once in three."""
    last = [document[-1] for document in documents(corpus.tests["test"])]
    by_source = Counter(source for source, _ in last)
    by_pair = Counter(last)
    assert all(Fraction(count, by_source[source]) == Fraction(1, 3) for (source, _), count in by_pair.items())
    first = {row for document in documents(corpus.tests["test"]) for row in document[:-1]}
    assert len({source for source, _ in first}) == len(first)  # the others have one translation


def test_no_document_of_the_held_out_sets_is_in_training_but_all_words_are(tmp_path: Path) -> None:
    corpus = Pronouns().fetch(tmp_path)
    training = documents(corpus.training[0])
    known = set(map(tuple, training))
    words = {word for document in training for row in document for line in row for word in line.rstrip(".?").split()}
    for text in (corpus.validation, corpus.tests["test"]):
        found = documents(text)
        assert not known & set(map(tuple, found))
        assert {w for document in found for row in document for line in row for w in line.rstrip(".?").split()} <= words
    assert not set(map(tuple, documents(corpus.validation))) & set(map(tuple, documents(corpus.tests["test"])))


def test_yardsticks_have_the_scores_of_the_docstring(corpus: RawCorpus, distance: int) -> None:
    test = corpus.tests["test"]
    references = [target for _, target in read_pairs(test)]
    blind, optimum = Pronouns(distance=distance, **SMALL).yardsticks(test)
    assert [guess.answer for guess in optimum.guesses] == references
    right = sum(guess.answer == reference for guess, reference in zip(blind.guesses, references, strict=True))
    assert Fraction(right, len(references)) == (distance + Fraction(4, 3)) / (distance + 2)
    for guess, reference in zip(blind.guesses, references, strict=True):
        assert len(guess.log_probabilities) == (len(reference.split()) + 1 if reference else 0)


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        documents(Pronouns(seed=seed, **SMALL).fetch(tmp_path / name).tests["test"])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again != other


def test_one_language(tmp_path: Path) -> None:
    corpus = Pronouns(source=None, **SMALL).fetch(tmp_path)
    assert [path.name for path in corpus.training[0].sides] == ["training.de"]
