"""A model directory comes back as it was saved, anywhere, and says clearly what is wrong with it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import nmt.models.weights
from nmt.bundle import (
    FORMAT_VERSION,
    METADATA,
    RECIPE,
    TOKENIZER,
    WEIGHTS,
    Metadata,
    add_scores,
    check_apart,
    load_bundle,
    model_directory,
    read_metadata,
    read_recipe,
    save_bundle,
)
from nmt.errors import UserError
from nmt.inference.precision import with_precision
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights, parameter_count, save_tensors
from nmt.nn.kernels.int8_product import is_supported
from nmt.pipeline.averaging import average_models
from nmt.pipeline.quantizing import quantize_model
from nmt.tokenizer import save_tokenizers
from nmt.tokenizer.base import TokenizerPair
from nmt.tokenizer.sentencepiece import SentencePieceOptions

CONFIG = Transformer.Config(model_dim=16, feedforward_dim=16, heads=2, encoder_layers=1, decoder_layers=1)


def tokenizers(directory: Path, text: str) -> TokenizerPair:
    file = directory / "text"
    file.write_text(text * 20, encoding="utf-8")
    options = SentencePieceOptions(algorithm="bpe", vocabulary_size=40, byte_fallback=False)
    return options.train(file, file, directory / "tokenizer")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model directory of a random model."""
    pair = tokenizers(tmp_path, "one two three four five six seven\n")
    torch.manual_seed(1)
    model = CONFIG.build(40, 40)
    metadata = Metadata(
        nmt_version="0",
        source_language="en",
        target_language="de",
        source_vocabulary=40,
        target_vocabulary=40,
        tokenizer_digests={"source": pair.source.digest, "target": pair.target.digest},
        parameters=parameter_count(model),
        created="2000-01-01T00:00:00+00:00",
    )
    save_bundle(tmp_path / "model", model, pair, {"name": "ä", "model": CONFIG.model_dump(mode="json")}, metadata)
    return tmp_path / "model"


@pytest.fixture
def small(saved: Path) -> Path:
    """The same model with 8-bit weights."""
    quantize_model(saved, saved.with_name("small"))
    return saved.with_name("small")


def test_it_works_wherever_it_is_copied(saved: Path, tmp_path: Path) -> None:
    first = load_bundle(saved)
    shutil.copytree(saved, tmp_path / "elsewhere")
    shutil.rmtree(saved)
    bundle = load_bundle(tmp_path / "elsewhere")
    for name, tensor in named_weights(first.model).items():
        assert torch.equal(named_weights(bundle.model)[name], tensor)
    assert not bundle.model.training
    assert bundle.tokenizers.source.decode(bundle.tokenizers.source.encode("two three")) == "two three"
    assert bundle.recipe["name"] == "ä"


def test_the_folder_of_a_run_stands_for_its_model(saved: Path, small: Path, tmp_path: Path) -> None:
    """Read, quantised, averaged: wherever a model is named."""
    run, other = saved.parent, tmp_path / "other"
    assert model_directory(run) == model_directory(saved) == saved
    assert load_bundle(run).metadata == load_bundle(saved).metadata
    assert read_recipe(run) == read_recipe(saved)
    assert quantize_model(run, tmp_path / "small") == quantize_model(saved, tmp_path / "small")
    average_models([run, saved], other)
    assert average_models([other, run], tmp_path / "again", like=run).source_language == "en"
    with pytest.raises(UserError, match="one inside the other"):
        check_apart(run, saved / "inside")
    check_apart(run, small)


def test_other_options_take_the_place_of_the_recipes(saved: Path) -> None:
    options = CONFIG.model_copy(update={"heads": 4}).model_dump(mode="json")
    usual, other = load_bundle(saved), load_bundle(saved, model_options=options)
    assert other.recipe == {"name": "ä", "model": options}
    tokens = torch.tensor([[5, 6, 7, 3]])
    real = torch.ones_like(tokens, dtype=torch.bool)
    expected, found = (b.model.decode(tokens, real, b.model.encode(tokens, real)).logits for b in (usual, other))
    assert not torch.allclose(expected, found)
    again = load_bundle(saved, model_options=usual.recipe["model"]).model
    assert torch.equal(again.decode(tokens, real, again.encode(tokens, real)).logits, expected)


def test_options_of_other_weights_are_refused(saved: Path) -> None:
    with pytest.raises(UserError, match="shape"):
        load_bundle(saved, model_options={**CONFIG.model_dump(mode="json"), "model_dim": 32})
    with pytest.raises(UserError, match="a model that this version knows"):
        load_bundle(saved, model_options={"kind": "transformer", "depth": 3})


def test_saving_again_replaces_all_of_it(saved: Path) -> None:
    (saved / "stray").write_text("x")
    bundle = load_bundle(saved)
    save_bundle(saved, bundle.model, bundle.tokenizers, bundle.recipe, bundle.metadata)
    assert sorted(path.name for path in saved.iterdir()) == sorted([WEIGHTS, RECIPE, TOKENIZER, METADATA])
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model", "text", "tokenizer"]


def test_another_tokenizer_is_refused(saved: Path, tmp_path: Path) -> None:
    shutil.rmtree(saved / TOKENIZER)
    (tmp_path / "other").mkdir()
    save_tokenizers(tokenizers(tmp_path / "other", "eins zwei drei vier sechs acht\n"), saved / TOKENIZER)
    with pytest.raises(UserError, match="tokenizer that the model was trained with"):
        load_bundle(saved)


@pytest.mark.parametrize("numbers", ["fp32", "int8"])
def test_weights_of_another_model_are_refused(saved: Path, small: Path, numbers: str) -> None:
    saved = small if numbers == "int8" else saved
    weights = load_file(saved / WEIGHTS)
    removed = min(weights)
    save_file({**{n: t for n, t in weights.items() if n != removed}, "strange": torch.zeros(1)}, saved / WEIGHTS)
    with pytest.raises(UserError, match=rf"1 missing \({removed}\), 1 unexpected \(strange\)"):
        load_bundle(saved)
    save_file(weights | {removed: torch.zeros(3, 3)}, saved / WEIGHTS)
    with pytest.raises(UserError, match=r"\(3, 3\)"):
        load_bundle(saved)


@pytest.mark.parametrize("numbers", ["fp32", "int8"])
def test_one_bit_of_the_weights_is_noticed(saved: Path, small: Path, numbers: str) -> None:
    saved = small if numbers == "int8" else saved
    path = saved / WEIGHTS
    intact = path.read_bytes()
    end = 8 + int.from_bytes(intact[:8], "little")
    for place in (end, end + 1001, len(intact) - 1):
        damaged = bytearray(intact)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged or edited"):
            load_bundle(saved)
        load_bundle(saved, verify=False)  # a worker, whose parent has looked
    path.write_bytes(intact)
    load_bundle(saved)


def test_weights_of_another_training_are_noticed(saved: Path) -> None:
    bundle = load_bundle(saved)
    for parameter in bundle.model.parameters():
        parameter.data.add_(1.0)
    save_tensors(saved / WEIGHTS, named_weights(bundle.model), {})
    with pytest.raises(UserError, match=r"the weights that belong to metadata\.json"):
        load_bundle(saved)


def test_weights_without_a_digest_are_taken_if_they_can_be_right(saved: Path) -> None:
    """As an older version, or another program, wrote them."""
    weights = load_file(saved / WEIGHTS)
    save_file(weights, saved / WEIGHTS)
    data = json.loads((saved / METADATA).read_text())
    del data["weights_digest"], data["several_sentences"]
    (saved / METADATA).write_text(json.dumps({**data, "format_version": 1}))
    load_bundle(saved)
    weights["decoder.0.cross.output.bias"][3] = float("inf")
    save_file(weights, saved / WEIGHTS)
    with pytest.raises(UserError, match=r"finite numbers, got others in decoder\.0\.cross\.output\.bias"):
        load_bundle(saved)


def test_a_tokenizer_of_another_size_is_refused_though_its_digest_agrees(saved: Path) -> None:
    data = json.loads((saved / METADATA).read_text())
    (saved / METADATA).write_text(json.dumps({**data, "source_vocabulary": 41, "target_vocabulary": 41}))
    with pytest.raises(UserError, match=r"41 source pieces, as metadata\.json says, got 40"):
        load_bundle(saved)


def test_neither_kind_of_weights_is_taken_for_the_other(saved: Path, small: Path) -> None:
    floats, integers = (load_file(directory / WEIGHTS) for directory in (saved, small))
    for directory, weights in ((saved, integers), (small, floats)):
        save_file(weights, directory / WEIGHTS)
        with pytest.raises(UserError, match="weights of this architecture"):
            load_bundle(directory)
    name = "source_embedding.weight"
    for directory, weights, other in ((saved, floats, integers), (small, integers, floats)):
        save_file(weights | {name: other[name]}, directory / WEIGHTS)
        with pytest.raises(UserError, match=f"{name} of |belong to metadata"):
            load_bundle(directory)


def test_a_directory_says_which_layout_it_has_and_which_numbers(saved: Path, small: Path) -> None:
    versions = {json.loads((directory / METADATA).read_text())["format_version"] for directory in (saved, small)}
    assert versions == {FORMAT_VERSION}
    assert [read_metadata(directory).weights for directory in (saved, small)] == ["fp32", "int8"]


@pytest.mark.parametrize("numbers", ["fp32", "int8"])
def test_the_weights_that_are_read_are_the_models_own(
    saved: Path, small: Path, numbers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No copy is made of them and no random number drawn, so that memory holds them once; a tied one is one."""
    read: dict[str, torch.Tensor] = {}
    original = nmt.models.weights.read_tensors

    def remembered(path: Path, *, verify: bool) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        tensors, metadata = original(path, verify=verify)
        read.update(tensors)
        return tensors, metadata

    monkeypatch.setattr(nmt.models.weights, "read_tensors", remembered)
    generator = torch.get_rng_state()
    model = load_bundle(small if numbers == "int8" else saved).model
    assert torch.equal(torch.get_rng_state(), generator)
    assert {name: tensor.data_ptr() for name, tensor in named_weights(model).items()} == {
        name: tensor.data_ptr() for name, tensor in read.items()
    }
    assert model.get_submodule("output").weight is model.get_submodule("source_embedding").weight
    tensors = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_meta for tensor in tensors)


class FloatsMade(TorchDispatchMode):
    """Remembers the sizes of the floating-point matrices with memory that operations make."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and not tensor.is_meta:
                self.sizes.add(tensor.numel())
        return made


@pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")
def test_an_8_bit_model_is_loaded_and_prepared_without_ever_holding_a_matrix_of_floats(small: Path) -> None:
    weights = load_file(small / WEIGHTS).values()
    assert not any(tensor.is_floating_point() and tensor.dim() > 1 for tensor in weights)
    matrices = {tensor.numel() for tensor in weights if tensor.dim() > 1} - {256}  # so many positions there are
    assert 40 * 16 in matrices
    with FloatsMade() as made:
        model = load_bundle(small).model
        with_precision(model, "int8")
    assert made.sizes
    assert made.sizes.isdisjoint(matrices)
    with FloatsMade() as made:
        with_precision(model, "fp32")
    assert matrices <= made.sizes


@pytest.mark.parametrize("name", [WEIGHTS, METADATA, RECIPE])
def test_damage_is_a_clear_error(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(b"\x00\xff" + path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        load_bundle(saved)


@pytest.mark.parametrize("name", [WEIGHTS, METADATA, RECIPE])
def test_a_missing_part_is_a_clear_error(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(UserError):
        load_bundle(saved)


def test_a_newer_layout_asks_for_a_newer_version(saved: Path) -> None:
    data = json.loads((saved / METADATA).read_text())
    (saved / METADATA).write_text(json.dumps(data | {"format_version": 99, "something": "new"}))
    with pytest.raises(UserError, match="Upgrade nmt"):
        read_metadata(saved)


def test_scores_are_added_and_nothing_else_changes(saved: Path) -> None:
    before = read_metadata(saved)
    scores = {"news": {"bleu": {"name": "BLEU", "score": 1.0, "signature": "x"}, "lines": 3}}
    add_scores(saved, scores)
    after = read_metadata(saved)
    assert after.scores == scores
    assert after.model_copy(update={"scores": {}}) == before


def test_nothing_is_unpickled(saved: Path) -> None:
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {".safetensors", ".yaml", ".json", ".model"}


def changed(path: Path, **values: Any) -> None:
    """Other values for keys of a JSON or YAML file; JSON is YAML."""
    read = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**read, **values}), encoding="utf-8")


def model_of(**options: Any) -> dict[str, Any]:
    return {"model": {**CONFIG.model_dump(mode="json"), **options}}


ALPHABET = list(pairwise("abcdefghij"))
HOSTILE: dict[str, Callable[[Path], object]] = {
    "a billion layers": lambda model: changed(model / RECIPE, **model_of(encoder_layers=10**9)),
    "a thousand layers": lambda model: changed(model / RECIPE, **model_of(encoder_layers=1000)),
    "wide": lambda model: changed(model / RECIPE, **model_of(model_dim=10**6)),
    "as wide as can be": lambda model: changed(model / RECIPE, **model_of(model_dim=65536, feedforward_dim=65536)),
    "wider than any number": lambda model: changed(model / RECIPE, **model_of(feedforward_dim=10**30)),
    "text for a number": lambda model: changed(model / RECIPE, **model_of(heads="many")),
    "no mapping": lambda model: changed(model / RECIPE, model=[1]),
    "nothing": lambda model: (model / RECIPE).write_text(""),
    "a list": lambda model: (model / RECIPE).write_text("[1]"),
    "a tag": lambda model: (model / RECIPE).write_text("model: !!int x"),
    "aliases": lambda model: (model / RECIPE).write_text(
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 9)}]\n" for p, c in ALPHABET)
    ),
    "deep metadata": lambda model: (model / METADATA).write_text("[" * 100_000),
    "no digest": lambda model: changed(model / METADATA, tokenizer_digests=None),
    "a vocabulary beyond memory": lambda model: changed(model / METADATA, source_vocabulary=10**12),
    "a score that is none": lambda model: changed(model / METADATA, scores={"test": {"bleu": 1}}),
    "a deep tokenizer": lambda model: (model / TOKENIZER / "tokenizer.json").write_text('{"a":' * 50_000),
    "no checksum": lambda model: changed(
        model / TOKENIZER / "tokenizer.json", models={"joint": {"options": {"kind": "sentencepiece"}, "sha256": None}}
    ),
    "an empty tokenizer": lambda model: (model / TOKENIZER / "joint.model").write_bytes(b""),
    "a pipe for weights": lambda model: piped(model / WEIGHTS),
    "a pipe for a tokenizer": lambda model: piped(model / TOKENIZER / "joint.model"),
    "a pipe for a recipe": lambda model: piped(model / RECIPE),
    "no end": lambda model: linked(model / METADATA, "/dev/zero"),
    "no end of weights": lambda model: linked(model / WEIGHTS, "/dev/zero"),
    "weights without a header": lambda model: (model / WEIGHTS).write_bytes(b"\xff" * 100),
    "weights with a header of terabytes": lambda model: (model / WEIGHTS).write_bytes((1 << 42).to_bytes(8, "little")),
}


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_directory_is_refused_soon_and_in_words(saved: Path, name: str) -> None:
    HOSTILE[name](saved)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(UserError) as refused:
        load_bundle(saved)
    assert len(str(refused.value)) < 2000
    assert time.process_time() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


@pytest.mark.parametrize(
    ("make", "got", "fix"),
    [
        (lambda folder: None, "no such directory", "`nmt run RECIPE` makes one"),
        (lambda folder: folder.write_text(""), "a file", "`nmt run RECIPE` makes one"),
        (lambda folder: folder.mkdir(), "no metadata.json in it", "`nmt run RECIPE` makes one"),
        (lambda folder: touched(folder, "stages/train.json"), "or in its model/", "`nmt run RECIPE` makes one"),
        (lambda folder: touched(folder, "config.json", "vocab.json"), "Hugging Face", "`nmt import marian"),
        (lambda folder: touched(folder, "model.pt", "dict.en.txt"), "fairseq", "`nmt import fairseq"),
    ],
)
def test_what_is_no_model_directory_says_what_it_is(
    make: Callable[[Path], object], got: str, fix: str, tmp_path: Path
) -> None:
    make(tmp_path / "folder")
    with pytest.raises(UserError, match=f"folder: expected a model directory, or .*run.*, got .*{got}.*{fix}"):
        load_bundle(tmp_path / "folder")


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_directories_of_earlier_versions_load(saved: Path) -> None:
    """Of version 1, which had no digest, and did not know of sentences."""
    metadata = json.loads((saved / METADATA).read_text())
    later = ("weights", "weights_digest", "several_sentences")
    earlier = {name: value for name, value in metadata.items() if name not in later}
    (saved / METADATA).write_text(json.dumps(earlier | {"format_version": 1}))
    save_file(load_file(saved / WEIGHTS), saved / WEIGHTS, {"format": "pt"})
    expected = load_bundle(saved)
    assert expected.metadata.several_sentences is None
    assert expected.metadata.weights == "fp32"
