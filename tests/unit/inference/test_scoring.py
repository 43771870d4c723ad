from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.batch import pad
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.inference.scoring import score_ids, score_lines, token_totals
from nmt.inference.translator import Translator
from nmt.models.base import Memory
from nmt.models.language.recurrent import RecurrentLM
from nmt.models.transformer import Transformer
from nmt.search import BeamSearch
from nmt.search.dispatch import find_hypotheses
from nmt.tokenizer.base import TokenizerPair
from tests.unit.inference.tiny import ALPHABET, Backwards, CharacterTokenizer

TOKENIZER = CharacterTokenizer()
PAIR = TokenizerPair(TOKENIZER, TOKENIZER)
MODEL = Backwards(TOKENIZER.vocabulary_size)
visible = st.text(ALPHABET.strip(), min_size=1, max_size=20)


@given(st.lists(visible, min_size=1, max_size=8), st.integers(1, 100))
def test_scoring_a_translation_gives_its_log_probability(lines: list[str], batch_tokens: int) -> None:
    translations = list(Translator(MODEL, PAIR, BeamSearch(beam=3)).translate(lines))
    scores = score_lines(
        MODEL, PAIR, lines, [t.text for t in translations], TranslationOptions(batch_tokens=batch_tokens)
    )
    for translation, score in zip(translations, scores, strict=True):
        assert score.log_probability == pytest.approx(translation.log_probability, abs=1e-4)
        assert len(score.token_log_probabilities) == len(score.pieces) + 1 == len(translation.text) + 1


def test_a_blank_target_is_scored_as_its_end() -> None:
    (score,) = score_lines(MODEL, PAIR, ["abc"], [""])
    assert score.pieces == ()
    assert len(score.token_log_probabilities) == 1


@pytest.mark.parametrize(
    ("sources", "targets", "short"), [(["a"], ["a", "b"], "source"), (["a", "b"], ["a"], "target")]
)
def test_sides_of_different_length_are_refused(sources: list[str], targets: list[str], short: str) -> None:
    with pytest.raises(UserError, match=f"line 2: .*{short} that ends after line 1"):
        list(score_lines(MODEL, PAIR, sources, targets))


@pytest.mark.parametrize("batch_tokens", [1, 30, 1000])
def test_equal_sources_of_a_batch_are_encoded_once(batch_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = Transformer.Config(model_dim=16, feedforward_dim=16, heads=2, encoder_layers=1, decoder_layers=1)
    built = model.build(TOKENIZER.vocabulary_size, TOKENIZER.vocabulary_size).eval()
    sources, targets = ["abc", "abc", "ba", "abc", "ba"], ["a", "cba", "abab", "bb", ""]
    left, right = ([TOKENIZER.encode(line) for line in lines] for lines in (sources, targets))
    alone = [score_ids(built, [source], [target], 1)[0] for source, target in zip(left, right, strict=True)]
    encoded, encode = list[int](), built.encode

    def counted(source: torch.Tensor, mask: torch.Tensor) -> Memory:
        encoded.append(len(source))
        return encode(source, mask)

    monkeypatch.setattr(built, "encode", counted)
    for found, expected in zip(score_ids(built, left, right, batch_tokens), alone, strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert sum(encoded) == {1: 5, 30: 2, 1000: 2}[batch_tokens]


@pytest.mark.parametrize("batch_tokens", [1, 30, 1000])
def test_totals_are_those_of_the_lines(batch_tokens: int) -> None:
    sources, options = ["abc", "", "ba", "c", "", "abcabc"], TranslationOptions(batch_tokens=batch_tokens)
    targets = ["cba", "", "ab", "x", "a", "cbacba"]
    lines = list(score_lines(MODEL, PAIR, sources, targets, options))
    totals = token_totals(MODEL, PAIR, sources, targets, options)
    assert totals.tokens == sum(len(line.token_log_probabilities) for line in lines) == 4 + 3 + 2 + 2 + 7
    assert totals.log_probability == pytest.approx(sum(line.log_probability for line in lines), abs=1e-4)
    assert (totals.words, totals.characters, totals.lines) == (5, 3 + 2 + 1 + 1 + 6, 5)  # as "" of "" is not asked for
    greedy = next(iter(Translator(MODEL, PAIR, BeamSearch(beam=1)).translate(["abc"]))).text
    right = token_totals(MODEL, PAIR, ["abc"], [greedy])
    assert right.correct == right.tokens == len(greedy) + 1  # what is most probable at each step
    with pytest.raises(UserError, match="ends after line 1"):
        token_totals(MODEL, PAIR, ["a", "b"], ["a"])


def test_a_language_model_scores_lines_without_a_source() -> None:
    torch.manual_seed(2)
    model = RecurrentLM.Config(model_dim=8, initial_range=0.5).build(1, TOKENIZER.vocabulary_size).eval()
    text, none = ["abc", "", "a ab"], [""] * 3
    lines = list(score_lines(model, PAIR, none, text))
    assert [len(line.token_log_probabilities) for line in lines] == [4, 0, 5]
    totals = token_totals(model, PAIR, none, text)
    assert totals.log_probability == pytest.approx(sum(line.log_probability for line in lines), abs=1e-4)
    assert (totals.tokens, totals.words, totals.characters, totals.lines) == (9, 3, 7, 2)
    (alone,) = score_lines(model, PAIR, [""], ["abc"])
    (beside_a_source,) = score_lines(model, PAIR, ["cba"], ["abc"])
    assert alone.token_log_probabilities == beside_a_source.token_log_probabilities


@pytest.mark.parametrize("beam", [1, 4])
def test_scoring_what_a_transformer_found_gives_its_log_probability(beam: int) -> None:
    """By ids: another segmentation of the same text is another event."""
    torch.manual_seed(beam)
    config = Transformer.Config(model_dim=32, feedforward_dim=64, heads=4, encoder_layers=2, decoder_layers=2)
    model = config.build(300, 300).eval()
    sources = [torch.randint(4, 300, (length,)).tolist() for length in (1, 5, 9, 3, 17, 8)]
    for extra in (0, 4):  # with and without more batch mates
        found = find_hypotheses(BeamSearch(beam=beam), model, *pad(sources[: 2 + extra]))
        targets = [hypotheses[0].tokens for hypotheses in found]
        scores = score_ids(model, sources[: 2 + extra], targets, batch_tokens=50)
        assert [sum(s) for s in scores] == pytest.approx([h[0].log_probability for h in found], abs=1e-4)
