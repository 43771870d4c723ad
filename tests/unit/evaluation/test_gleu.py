"""GLEU: answers that a person can compute, and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.gleu import corpus_gleu, gleu, gleus, ngrams, number_of_ngrams, words

SENTENCES = st.lists(st.sampled_from("abc"), max_size=9)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("the cat sat", "the cat sat down", 6 / 10),
        ("the the the", "the cat sat", 1 / 6),
        ("a b c d e", "a b c d e", 1.0),
        ("a b", "c d e", 0.0),
        ("b a", "a b", 2 / 3),  # both words, not the pair
        ("a", "a a a a a", 1 / (5 + 4 + 3 + 2)),
        ("", "", 1.0),
        ("", "a", 0.0),
        ("a", "", 0.0),
    ],
)
def test_known_answers(hypothesis: str, reference: str, expected: float) -> None:
    assert gleu(hypothesis.split(), reference.split()) == pytest.approx(expected, abs=1e-15)


@given(SENTENCES, SENTENCES)
def test_symmetric_and_between_zero_and_one(first: list[str], second: list[str]) -> None:
    value = gleu(first, second)
    assert value == gleu(second, first)
    assert 0.0 <= value <= 1.0
    assert (value == 0.0) == (not set(first) & set(second) and first != second)


@given(SENTENCES, SENTENCES)
def test_one_only_for_the_same_ngrams(first: list[str], second: list[str]) -> None:
    assert gleu(first, first) == 1.0
    assert (gleu(first, second) == 1.0) == (ngrams(first) == ngrams(second))


@given(SENTENCES, SENTENCES)
def test_is_the_smaller_of_precision_and_recall(first: list[str], second: list[str]) -> None:
    def every(tokens: list[str]) -> list[str]:
        return [" ".join(tokens[i : i + n]) for n in (1, 2, 3, 4) for i in range(len(tokens) - n + 1)]

    left, right = every(first), every(second)
    assert (number_of_ngrams(len(first)), number_of_ngrams(len(second))) == (len(left), len(right))
    if left and right:
        matches = 0
        rest = list(right)
        for ngram in left:  # one by one, each matched with one of the other side
            if ngram in rest:
                rest.remove(ngram)
                matches += 1
        assert gleu(first, second) == min(matches / len(left), matches / len(right))


@given(st.lists(SENTENCES, max_size=4), SENTENCES)
def test_several_at_once_are_each_alone(hypotheses: list[list[str]], reference: list[str]) -> None:
    assert gleus(hypotheses, reference) == [gleu(hypothesis, reference) for hypothesis in hypotheses]


def test_tokens_may_be_ids() -> None:
    assert gleu([5, 6, 7], (5, 6, 7, 8)) == 0.6


def test_corpus_is_the_mean_of_sentences_in_words() -> None:
    assert words("Sie sah (zwei) Hunde, 3.5 km weit.") == "Sie sah ( zwei ) Hunde , 3.5 km weit .".split()
    # "Ja ." against "Ja !": one of three n-grams; the other pair is equal
    assert corpus_gleu(["Ja.", "Ein Haus."], [["Ja!", "Ein Haus."]]) == pytest.approx(100 * (1 / 3 + 1) / 2)
    assert corpus_gleu([], [[]]) == 0.0
