"""MarianMT directories: what is read, what is refused by name. That it computes the same is for tests/parity."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from nmt.bundle import Bundle
from nmt.errors import UserError
from nmt.interop.marian import DEFAULTS, our_order
from nmt.interop.marian_import import import_marian
from nmt.interop.marian_search import DEFAULTS as SEARCH_DEFAULTS
from nmt.interop.marian_text import NAMES
from nmt.nn.position import published_sinusoids
from nmt.tokenizer.base import SPECIAL
from tests.unit.interop.marian_directory import GENERATION, WIDTH, save, vocabulary, weights


def imported(directory: Path, **changes: dict[str, Any]) -> Bundle:
    return import_marian(save(directory / "marian", **changes))


def test_a_directory_becomes_a_model(tmp_path: Path) -> None:
    bundle = imported(tmp_path)
    assert (bundle.metadata.source_language, bundle.metadata.target_language) == ("en", "de")
    assert bundle.metadata.source_vocabulary == bundle.metadata.target_vocabulary == len(vocabulary()) + 1
    assert bundle.metadata.longest_source == 63
    assert bundle.recipe["model"]["tied_embeddings"] == "all"
    search = bundle.recipe["search"]
    assert (search["beam"], search["max_length_offset"], search["length_penalty"]) == (4, 30, 1.0)
    assert search["stop_at_current_length"]
    assert search["free_end_at_limit"]
    source = bundle.tokenizers.source
    assert source.pieces([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    ids = source.encode(">>deu<< the cat")
    assert source.pieces(ids)[0] == ">>deu<<"
    assert SPECIAL.unk not in ids


@given(st.data())
def test_every_token_has_a_place_of_its_own(data: st.DataObject) -> None:
    size = data.draw(st.integers(4, 12))
    pad, unk, eos, other = data.draw(st.permutations(range(size)))[:4]
    for start in (pad, eos, other):
        order = our_order(size, pad, unk, start, eos)
        assert (order[SPECIAL.pad], order[SPECIAL.unk], order[SPECIAL.eos]) == (pad, unk, eos)
        assert order[SPECIAL.bos] == start
        without_start = order[: SPECIAL.bos] + order[SPECIAL.bos + 1 :]
        assert sorted(without_start) == list(range(size))
        assert without_start[3:] == sorted(without_start[3:])


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("config", "model_type", "bart"),
        ("config", "static_position_embeddings", False),
        ("config", "normalize_before", True),
        ("config", "normalize_embedding", True),
        ("config", "add_final_layer_norm", True),
        ("config", "quantization_config", {"bits": 4}),
        ("config", "activation_function", "gelu_new"),
        ("config", "tie_word_embeddings", False),
        ("config", "d_model", "512"),
        ("config", "dropout", 1.5),
        ("config", "decoder_start_token_id", 10_000),
        ("generation_config", "do_sample", True),
        ("generation_config", "num_beam_groups", 2),
        ("generation_config", "repetition_penalty", 1.2),
        ("generation_config", "no_repeat_ngram_size", 3),
        ("generation_config", "forced_bos_token_id", 5),
        ("generation_config", "forced_eos_token_id", 5),
        ("generation_config", "bad_words_ids", [[5]]),
        ("generation_config", "suppress_tokens", [5]),
        ("generation_config", "length_penalty", -1.0),
        ("generation_config", "early_stopping", "sometimes"),
        ("generation_config", "num_beams", 0),
        ("generation_config", "eos_token_id", [0, 1]),
        ("tokenizer_config", "sp_model_kwargs", {"enable_sampling": True}),
    ],
)
def test_what_would_compute_something_else_is_refused(tmp_path: Path, file: str, name: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"{file}\.json: {name}"):
        imported(tmp_path, **{file: {name: value}})


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("config", "encoder_attention_heads", 3),
        ("config", "decoder_attention_heads", 3),
        ("config", "encoder_layers", 10**9),
        ("config", "activation_function", ["swish"]),
        ("config", "decoder_start_token_id", True),
        ("config", "pad_token_id", "0"),
        ("config", "eos_token_id", [0]),
        ("config", "scale_embedding", "no"),
        ("config", "tie_word_embeddings", 1),
        ("config", "share_encoder_decoder_embeddings", "true"),
        ("config", "dropout", float("nan")),
        ("config", "vocab_size", True),
        ("generation_config", "length_penalty", float("nan")),
        ("generation_config", "length_penalty", True),
        ("generation_config", "bad_words_ids", 5),
        ("generation_config", "bad_words_ids", [5]),
        ("generation_config", "pad_token_id", {}),
        ("generation_config", "forced_eos_token_id", False),
        ("generation_config", "early_stopping", 1),
        ("generation_config", "renormalize_logits", "false"),
        ("generation_config", "max_length", 20.5),
        ("tokenizer_config", "source_lang", ["en"]),
        ("tokenizer_config", "target_lang", 5),
        ("tokenizer_config", "separate_vocabs", "no"),
        ("tokenizer_config", "eos_token", ["</s>"]),
        ("tokenizer_config", "added_tokens_decoder", ["<new>"]),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(tmp_path: Path, file: str, name: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"{file}\.json: {name}: expected"):
        imported(tmp_path, **{file: {name: value}})


ODD_NUMBERS = (True, -1, 0, 3, 10**30, 10**400, 0.5, float("nan"), float("inf"))
ODD_VALUES: tuple[object, ...] = (*ODD_NUMBERS, "", "en", [], ["en"], [[5]], {"a": [1]})


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_odd_values_never_end_in_another_error(tmp_path: Path, value: object) -> None:
    files = {"config": {**DEFAULTS, "decoder_vocab_size": 5}, "generation_config": {**SEARCH_DEFAULTS, **GENERATION}}
    names = {**NAMES, "source_lang": "", "separate_vocabs": "", "added_tokens_decoder": "", "sp_model_kwargs": ""}
    for file, settings in {**files, "tokenizer_config": names}.items():
        for name in settings:
            with contextlib.suppress(UserError):
                imported(tmp_path / file / name, **{file: {name: value}})


def test_a_model_for_which_there_is_no_memory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json"):
        imported(tmp_path, config={"d_model": 10**6})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"config": {"vocab_size": 7}}, r"vocab\.json.*7 tokens"),
        ({"vocab": {"<pad>": 3}}, r"vocab\.json.*other ids"),
        ({"vocab": {"<pad>": "3"}}, r"vocab\.json.*other ids"),
        ({"config": {"eos_token_id": 5}, "generation_config": {"forced_eos_token_id": None}}, "</s> with the id 5"),
        ({"tokenizer_config": {"unk_token": "<unknown>"}}, "no <unknown>"),
        ({"tokenizer_config": {"source_lang": None}}, "--source-language"),
        ({"tokenizer_config": {"added_tokens_decoder": {"3": {"content": "<new>"}}}}, "no tokens added.*<new>"),
        ({"tokenizer_config": {"separate_vocabs": True}}, "share_encoder_decoder_embeddings"),
    ],
)
def test_files_that_do_not_go_together_are_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(UserError, match=match):
        imported(tmp_path, **changes)


def test_what_changes_nothing_is_no_obstacle(tmp_path: Path) -> None:
    names = {"pad_token": {"content": "<pad>"}, "sp_model_kwargs": {}}
    added = {"added_tokens_decoder": {"0": {"content": "</s>"}, "1": {"content": "<unk>"}}}
    generation = {"suppress_tokens": [], "num_beam_groups": 1, "temperature": 0.7, "early_stopping": True}
    bundle = imported(tmp_path, tokenizer_config={**names, **added}, generation_config=generation)
    assert bundle.recipe["search"]["early_stopping"]
    assert not bundle.recipe["search"]["stop_at_current_length"]


def test_languages_may_be_said(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    (directory / "tokenizer_config.json").unlink()
    with pytest.raises(UserError, match="--source-language"):
        import_marian(directory)
    metadata = import_marian(directory, "en", "mul").metadata
    assert (metadata.source_language, metadata.target_language) == ("en", "mul")


NEEDED = ("config.json", "vocab.json", "source.spm", "target.spm")
OPTIONAL = ("generation_config.json", "tokenizer_config.json")


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    directory = save(tmp_path / "marian")
    (directory / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        import_marian(directory)


@pytest.mark.parametrize("name", NEEDED + OPTIONAL)
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    directory = save(tmp_path / "marian")
    for content in (b"", b"\xff\xfe", b"[" * 100_000, b"[1]"):
        (directory / name).write_bytes(content)
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            import_marian(directory)


def test_repeated_matrices_must_be_one(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    state = weights()
    names = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
    repeated = state | {name: state["model.shared.weight"].clone() for name in names}
    save_file(repeated, directory / "model.safetensors")
    import_marian(directory)
    repeated["lm_head.weight"][3, 0] += 1
    save_file(repeated, directory / "model.safetensors")
    with pytest.raises(UserError, match=r"lm_head\.weight"):
        import_marian(directory)


def test_saved_positions_must_be_sinusoids(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    table = published_sinusoids(64, WIDTH).half()
    name = "model.encoder.embed_positions.weight"
    save_file(weights() | {name: table}, directory / "model.safetensors")
    import_marian(directory)
    table[5, 0] += 0.1
    save_file(weights() | {name: table}, directory / "model.safetensors")
    with pytest.raises(UserError, match=r"encoder\.embed_positions"):
        import_marian(directory)


def test_every_weight_must_find_its_place(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    state = weights() | {"model.encoder.layer_norm.weight": torch.ones(WIDTH)}
    del state["model.decoder.layers.0.fc1.bias"]
    save_file(state, directory / "model.safetensors")
    with pytest.raises(UserError, match=r"encoder\.layer_norm\.weight.*decoder\.layers\.0\.fc1\.bias"):
        import_marian(directory)
    state = weights() | {"final_logits_bias": torch.zeros(1, 3)}
    save_file(state, directory / "model.safetensors")
    with pytest.raises(UserError, match="one of 3"):
        import_marian(directory)


def test_older_weights_are_read_without_running_them(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    torch.manual_seed(1)
    state = weights()
    save_file(state, directory / "model.safetensors")
    first = import_marian(directory).model.state_dict()
    (directory / "model.safetensors").unlink()
    torch.save(state, directory / "pytorch_model.bin")
    second = import_marian(directory).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.save({**state, "harm": Harm(tmp_path / "harmed")}, directory / "pytorch_model.bin")
    with pytest.raises(UserError, match="Nothing was run"):
        import_marian(directory)
    assert not (tmp_path / "harmed").exists()


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["tf_model.h5", "model.safetensors.index.json", None])
def test_other_weights_are_refused_by_name(tmp_path: Path, name: str | None) -> None:
    directory = save(tmp_path / "marian")
    (directory / "model.safetensors").unlink()
    if name:
        (directory / name).write_bytes(b"")
    with pytest.raises(UserError, match=name or "neither"):
        import_marian(directory)


def test_half_precision_becomes_full(tmp_path: Path) -> None:
    directory = save(tmp_path / "marian")
    save_file({name: tensor.half() for name, tensor in weights().items()}, directory / "model.safetensors")
    assert {weight.dtype for weight in import_marian(directory).model.state_dict().values()} == {torch.float32}
