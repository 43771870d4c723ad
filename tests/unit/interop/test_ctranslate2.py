"""What is exported to CTranslate2 computes there what it computes here."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.bundle import Bundle
from nmt.data.batch import collate
from nmt.errors import UserError
from nmt.interop.ctranslate2.export import export_ctranslate2
from nmt.interop.ctranslate2.specification import POSITIONS, SPECIAL_NAMES, piece_names
from nmt.models.convs2s import ConvS2S
from nmt.models.deq import DEQ
from nmt.models.gnmt import GNMT
from nmt.models.luong import Luong
from nmt.models.transformer import Transformer
from nmt.pipeline.quantizing import quantize_model
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch
from tests.unit.interop.ctranslate2_models import (
    FEWER_WORDS,
    WORDS,
    decoded,
    exported,
    named,
    random_model,
    reversing_model,
    save,
    sentences,
    small,
    words_tokenizer,
)

VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"norm": "pre", "activation": "gelu", "decoder_heads": 4},
    {"activation": "swish", "positions": "sinusoidal_published", "decoder_feedforward_dim": 32},
    {"positions": "learned", "learned_positions": 6, "scaled_embeddings": False},
    {"normalized_embeddings": True, "tied_embeddings": "target", "decoder_layers": 1},
    {"norm": "pre", "normalized_embeddings": True, "tied_embeddings": "none", "output_bias": True},
    {"output_bias": True, "encoder_layers": 1, "positions": "learned"},
)
NO_EFFECT_ON_WHAT_IS_COMPUTED = {"kind", "preset", "dropout", "attention_dropout", "activation_dropout"}
REFUSED: tuple[dict[str, Any], ...] = (
    {"encoder_norm": {"kind": "batch"}},
    {"encoder_mixer": {"kind": "s5"}},
    {"decoder_mixer": {"kind": "ssru"}},
    {"encoder_mixer": {"kind": "circular_convolution"}},
    {"output": {"kind": "adaptive", "cutoffs": [5]}, "tied_embeddings": "none"},
)
"""What CTranslate2 does not have."""
ONE_CHOICE = {"decoder_norm"}
"""Options with a single value so far."""


def log_probabilities(bundle: Bundle, sources: list[list[int]], targets: list[list[int]]) -> list[list[float]]:
    batch = collate(sources, targets)
    with torch.inference_mode():
        found = decoded(bundle.model, batch).log_softmax(-1).gather(2, batch.target_output[:, :, None]).squeeze(2)
    return [row[mask].tolist() for row, mask in zip(found, batch.target_mask, strict=True)]


def assert_same_scores(translator: Any, bundle: Bundle, sources: list[list[int]], targets: list[list[int]]) -> None:
    given = named(bundle.tokenizers.source, sources), named(bundle.tokenizers.target, targets)
    for result, ours in zip(translator.score_batch(*given), log_probabilities(bundle, sources, targets), strict=True):
        assert result.log_probs == pytest.approx(ours, abs=1e-4)


@pytest.mark.parametrize("options", VARIANTS, ids=lambda options: ",".join(map(str, options.values())) or "default")
@pytest.mark.parametrize("joint", [True, False], ids=["joint", "separate"])
def test_given_translations_are_as_probable(tmp_path: Path, options: dict[str, Any], joint: bool) -> None:
    untied = {} if joint or options.get("tied_embeddings") else {"tied_embeddings": "target"}
    config = Transformer.Config.model_validate({**small.keywords, **options, **untied})
    bundle = random_model(config, WORDS, () if joint else FEWER_WORDS)
    translator = exported(tmp_path, bundle)
    draw = random.Random(1)
    sources, targets = sentences(draw, 8, len(WORDS), 12), sentences(draw, 8, len(FEWER_WORDS), 12)
    assert_same_scores(translator, bundle, [*sources, [1]], [*targets, [1, 1]])  # 1: the unknown word


def test_every_option_of_the_transformer_is_tried() -> None:
    tried = {*small.keywords, *ONE_CHOICE, *(name for options in (*VARIANTS, *REFUSED) for name in options)}
    assert tried | NO_EFFECT_ON_WHAT_IS_COMPUTED == set(Transformer.Config.model_fields)


@pytest.mark.parametrize("positions", ["sinusoidal", "sinusoidal_published", "learned"])
def test_long_sentences(tmp_path: Path, positions: Literal["sinusoidal", "sinusoidal_published", "learned"]) -> None:
    bundle = random_model(small(positions=positions))
    translator = exported(tmp_path, bundle)
    draw = random.Random(1)
    source, target = ([draw.randrange(4, 24) for _ in range(length)] for length in (1100, POSITIONS - 1))
    pieces = named(bundle.tokenizers.source, [source, target])
    (result,) = translator.score_batch(pieces[:1], pieces[1:], max_input_length=0)
    assert result.log_probs == pytest.approx(log_probabilities(bundle, [source], [target])[0], abs=1e-4)
    with pytest.raises(RuntimeError, match="position"):  # not a wrong translation
        translator.translate_batch([pieces[1] + pieces[1][:1]], max_input_length=0)


@pytest.fixture(scope="module")
def reversing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Any]:
    bundle = reversing_model()
    return bundle, exported(tmp_path_factory.mktemp("reversing"), bundle)


@pytest.mark.parametrize("beam", [1, 2, 5])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_the_same_translations_are_found(reversing: tuple[Bundle, Any], beam: int, length_penalty: float) -> None:
    bundle, translator = reversing
    sources = sentences(random.Random(2), 100, len(WORDS), 12)
    search = BeamSearch(
        beam=beam,
        length_penalty=length_penalty,
        length_normalization="power",
        early_stopping=True,
        max_length_factor=0.0,
        max_length_offset=100,
    )
    batch = collate(sources, sources)
    ours = [best[0] for best in find_hypotheses(search, bundle.model, batch.source, batch.source_mask)]
    theirs = translator.translate_batch(
        named(bundle.tokenizers.source, sources),
        beam_size=beam,
        length_penalty=length_penalty,
        max_decoding_length=100,
        min_decoding_length=0,
        return_scores=True,
    )
    # at the limit the two differ: CTranslate2 leaves out the end's probability
    ended = [place for place, best in enumerate(ours) if len(best.tokens) < 100]
    tokens = [list(ours[place].tokens) for place in ended]
    assert len(ended) >= 90
    assert [theirs[place].hypotheses[0] for place in ended] == named(bundle.tokenizers.target, tokens)
    assert [theirs[place].scores[0] for place in ended] == pytest.approx([ours[p].score for p in ended], abs=1e-4)
    assert 5 < sum(line != list(reversed(sources[p])) for p, line in zip(ended, tokens, strict=True)) < 95


def test_attention_is_that_of_our_last_layer(reversing: tuple[Bundle, Any]) -> None:
    bundle, translator = reversing
    (source,) = sentences(random.Random(3), 1, len(WORDS), 12)
    (result,) = translator.translate_batch(
        named(bundle.tokenizers.source, [source]), beam_size=1, return_attention=True, min_decoding_length=0
    )
    ids = {name: token for token, name in enumerate(piece_names(bundle.tokenizers.target))}
    batch = collate([source], [[ids[piece] for piece in result.hypotheses[0]]])
    with torch.inference_mode():
        memory = bundle.model.encode(batch.source, batch.source_mask)
        ours = bundle.model.decode(batch.target_input, batch.target_mask, memory, need_attention=True).attention
    theirs = torch.tensor(result.attention[0])  # without the end of the source
    assert ours is not None
    torch.testing.assert_close(theirs, ours[0, : len(theirs), : len(source)], atol=1e-4, rtol=0.0)


@pytest.mark.parametrize(
    ("quantization", "tolerance"),
    [("int8", 0.3), ("int8_float32", 0.3), ("int16", 0.3), ("float16", 0.02), ("bfloat16", 0.1)],
)
def test_quantised_weights(tmp_path: Path, quantization: str, tolerance: float) -> None:
    bundle = random_model(small(model_dim=64, feedforward_dim=128, decoder_layers=4))
    sources = sentences(random.Random(1), 8, len(WORDS))
    translator = exported(tmp_path, bundle, quantization)
    export_ctranslate2(tmp_path / "model", tmp_path / "whole")
    sizes = [(tmp_path / name / "model.bin").stat().st_size for name in ("out", "whole")]
    assert sizes[0] < 0.8 * sizes[1]  # the position table, large beside so small a model, is not quantised
    results = translator.score_batch(*2 * [named(bundle.tokenizers.source, sources)])
    theirs = torch.tensor([value for result in results for value in result.log_probs])
    ours = torch.tensor([value for row in log_probabilities(bundle, sources, sources) for value in row])
    assert 0.0 < (theirs - ours).abs().mean() < tolerance


def test_a_quantised_model_is_not_exported(tmp_path: Path) -> None:
    quantize_model(save(tmp_path / "model", random_model(small())), tmp_path / "small")
    with pytest.raises(UserError, match=r"floating-point.*--quantization"):
        export_ctranslate2(tmp_path / "small", tmp_path / "out")


@given(st.lists(st.sampled_from(["a", "b", "a#5", "a#5#6", "<s>", "<pad>", "</s>#7", "</s>"]), min_size=1, max_size=9))
def test_names_of_pieces_are_distinct_and_at_their_ids(words: list[str]) -> None:
    tokenizer = words_tokenizer(words)
    names = piece_names(tokenizer)
    assert len(names) == len(set(names)) == tokenizer.vocabulary_size
    assert tuple(names[:4]) == SPECIAL_NAMES
    for word, name in zip(words, names[4:], strict=True):
        assert name == word or name.startswith(f"{word}#")


def test_a_piece_that_is_there_twice_keeps_both_ids(tmp_path: Path) -> None:
    bundle = random_model(small(), (*WORDS[:3], *WORDS[:3], "</s>"))
    lines = [[4, 7, 5, 8, 10], [10, 6], [9]]
    assert_same_scores(exported(tmp_path, bundle), bundle, lines, lines[::-1])


@pytest.mark.parametrize(
    "config", [GNMT.Config(), ConvS2S.Config.model_validate({}), Luong.Config(), DEQ.Config()], ids=lambda c: c.kind
)
def test_only_transformers_are_exported(tmp_path: Path, config: Any) -> None:
    bundle = random_model(small())
    bundle.recipe["model"] = config.model_dump(mode="json")
    with pytest.raises(UserError, match=rf"recipe\.yaml: model\.kind: expected transformer.*{config.kind}"):
        export_ctranslate2(save(tmp_path / "model", bundle), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("options", REFUSED, ids=lambda options: next(iter(options)))
def test_what_ctranslate2_does_not_have_is_named_by_its_key(tmp_path: Path, options: dict[str, Any]) -> None:
    bundle = random_model(Transformer.Config.model_validate({**small.keywords, **options}))
    (key, choice), *_ = options.items()
    with pytest.raises(UserError, match=rf"recipe\.yaml: model\.{key}\.kind: expected .*{choice['kind']}"):
        export_ctranslate2(save(tmp_path / "model", bundle), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_ctranslate2_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save(tmp_path / "model", random_model(small()))
    monkeypatch.setitem(sys.modules, "ctranslate2.specs", None)
    with pytest.raises(UserError, match=r"pip install 'nmt-toolkit\[export\]'"):
        export_ctranslate2(model, tmp_path / "out")


def test_the_directory_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save(tmp_path / "model", random_model(small()))
    export_ctranslate2(model, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nmt.interop.ctranslate2.export.save_tokenizers", full)
    with pytest.raises(UserError, match="No space left"):
        export_ctranslate2(model, tmp_path / "out", "int8")
    with pytest.raises(UserError, match="No space left"):
        export_ctranslate2(model, tmp_path / "another")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "out"]


def test_mistakes(tmp_path: Path) -> None:
    model = save(tmp_path / "models" / "model", random_model(small()))
    (tmp_path / "file").write_text("precious")
    for arguments, words in (
        ((tmp_path, tmp_path / "out"), "no metadata.json"),
        ((tmp_path / "none", tmp_path / "out"), "no such directory"),
        ((model, model), "separate from"),
        ((model, model / "out"), "separate from"),
        ((model, tmp_path / "models"), "separate from"),
        ((model, tmp_path / "file" / "out"), "a path to write"),
        ((model, tmp_path / "out", "int7"), "one of none, int8"),
    ):
        with pytest.raises(UserError, match=words):
            export_ctranslate2(*arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "models"]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["model"]
