from __future__ import annotations

import random
import string
from collections.abc import Iterator

import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.options import LongLines, TranslationOptions
from nmt.inference.translator import TrainingText, Translator
from nmt.search import BeamSearch
from nmt.text import clean_line, is_blank
from nmt.tokenizer.base import TokenizerPair
from tests.unit.inference.tiny import ALPHABET, Backwards, CharacterTokenizer

words = st.text(ALPHABET, max_size=40)
anything = st.one_of(
    words, st.text(max_size=40), st.sampled_from(["", " ", "\t \u00a0", "\x00\x1f", "\u200b\u200e", "x\u2028y"])
)


def translator(
    batch_tokens: int = 200,
    beam: int = 2,
    n_best: int = 1,
    need_attention: bool = False,
    long_lines: LongLines = "cut",
) -> Translator:
    tokenizer = CharacterTokenizer()
    return Translator(
        Backwards(tokenizer.vocabulary_size),
        TokenizerPair(tokenizer, tokenizer),
        BeamSearch(beam=beam, n_best=n_best),
        TranslationOptions(batch_tokens=batch_tokens, long_lines=long_lines),
        training_text=TrainingText(longest_source=60),
        need_attention=need_attention,
    )


def batches(one: Translator) -> list[tuple[int, int]]:
    """The shapes of what its model has read."""
    assert isinstance(one.model, Backwards)
    return one.model.batches


def backwards(line: str) -> str:
    return "".join(character for character in reversed(clean_line(line)) if character in ALPHABET)


@given(st.lists(anything, max_size=30), st.integers(1, 500), st.integers(1, 20))
def test_as_many_lines_out_as_in_and_in_order(lines: list[str], batch_tokens: int, window: int) -> None:
    found = list(translator(batch_tokens).translate(lines, window))
    assert [translation.text for translation in found] == [backwards(line) for line in lines]


@given(anything)
def test_a_blank_line_is_blank_and_the_model_is_not_asked(line: str) -> None:
    one = translator()
    (found,) = one.translate([line])
    if is_blank(clean_line(line)):
        assert (found.text, found.score, found.log_probability, found.parts) == ("", 0.0, 0.0, 0)
        assert not batches(one)
    else:
        assert found.parts == 1
        assert len(batches(one)) == 1


def test_a_long_line_is_translated_in_parts_and_nothing_is_lost() -> None:
    letters = random.Random(3)
    line = " ".join("".join(letters.choices(string.ascii_letters, k=letters.randint(1, 12))) for _ in range(5000))
    (found,) = translator(batch_tokens=4000).translate([line])
    assert found.parts > 100
    assert sorted(found.text.replace(" ", "")) == sorted(line.replace(" ", ""))
    assert found.log_probability < 0


def test_a_long_line_is_not_cut_if_it_is_to_stay_whole() -> None:
    line = "".join(random.Random(3).choices(string.ascii_letters, k=150))
    (found,) = translator(long_lines="whole").translate([line])
    assert (found.parts, found.too_long, found.text) == (1, False, backwards(line))


def test_batches_stay_within_the_budget() -> None:
    one = translator(batch_tokens=100)
    list(one.translate(["a" * (place % 50 + 1) for place in range(200)]))
    assert all(rows * length <= 100 for rows, length in batches(one))
    assert len(batches(one)) < 80


def test_windows_stream() -> None:
    """The first window is out before the third is read."""
    read = []

    def lines() -> Iterator[str]:
        for number in range(9):
            read.append(number)
            yield f"line {number}"

    stream = translator().translate(lines(), 3)
    next(stream)
    assert len(read) <= 6


def test_a_model_that_trains_is_left_alone() -> None:
    tokenizer = CharacterTokenizer()
    model = Backwards(tokenizer.vocabulary_size).train()
    dropout = torch.nn.Dropout()
    model.register_module("dropout", dropout)
    one = Translator(model, TokenizerPair(tokenizer, tokenizer), BeamSearch(beam=2))
    assert [found.text for found in one.translate(["abc"])] == ["cba"]
    assert model.training
    assert dropout.training
    model.weight.data.neg_()  # the weights are shared
    assert [found.text for found in one.translate(["abc"])] != ["cba"]


def test_n_best_and_attention() -> None:
    (found,) = translator(beam=3, n_best=3, need_attention=True).translate(["abc"])
    assert found.text == "cba"
    assert len({alternative.text for alternative in found.n_best}) == len(found.n_best)
    assert [alternative.score for alternative in found.n_best] == sorted((a.score for a in found.n_best), reverse=True)
    assert (found.tokens, found.source_tokens) == (("c", "b", "a"), ("a", "b", "c"))
    assert found.attention is not None
    assert torch.equal(found.attention.argmax(1), torch.tensor([2, 1, 0]))
