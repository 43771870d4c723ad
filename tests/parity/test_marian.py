"""An imported MarianMT model gives the logits, ids and translations that Hugging Face's transformers gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nmt.bundle import Bundle, load_bundle
from nmt.cli.import_marian import command
from nmt.data.batch import Batch, collate
from nmt.inference.translator import TrainingText, Translator
from nmt.interop.marian_import import import_marian
from nmt.search.options import BeamSearch
from nmt.text import clean_line
from nmt.tokenizer.base import SPECIAL
from tests.parity.marian_models import Text, make_model, make_tokenizer, read_text, train

if TYPE_CHECKING:
    from transformers import MarianMTModel

TOLERANCE = 1e-5
LIMIT = 40
UPDATES = 300


@pytest.fixture(scope="module")
def text(multi30k: Path) -> Text:
    return read_text(multi30k)


@dataclass(frozen=True)
class Twins:
    """One model in both toolkits, and the directory that transformers saved it in."""

    theirs: MarianMTModel
    tokenizer: Any
    directory: Path
    ours: Bundle


Make = Callable[..., Twins]


@pytest.fixture(scope="module")
def make(text: Text, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a random model with these options and imports it."""

    def run(separate: bool = False, generation: dict[str, Any] | None = None, **options: Any) -> Twins:
        directory = tmp_path_factory.mktemp("marian")
        tokenizer = make_tokenizer(text, directory, separate=separate)
        theirs = make_model(text, separate=separate, **options)
        theirs.generation_config.update(**(generation or {}))
        theirs.save_pretrained(directory)
        return Twins(theirs, tokenizer, directory, import_marian(directory))

    return run


@pytest.fixture(scope="module")
def trained(make: Make, text: Text) -> Twins:
    torch.manual_seed(3)
    made = make()
    train(made.theirs, made.tokenizer, text, UPDATES)
    made.theirs.save_pretrained(made.directory)
    return made


VARIANTS: dict[str, dict[str, Any]] = {
    "one-vocabulary": {},
    "two-vocabularies": {"separate": True, "activation_function": "relu"},
    "nothing-tied": {"separate": True, "tie_word_embeddings": False, "activation_function": "gelu"},
    "unscaled": {"scale_embedding": False, "encoder_layers": 1, "init_std": 0.3},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_logits(make: Make, variant: str) -> None:
    torch.manual_seed(5)
    twins = make(**VARIANTS[variant])
    batch = random_batch(twins)
    ours, theirs = our_logits(twins, batch), their_logits(twins, batch)
    real = batch.target_mask
    tokens = [token for token in range(ours.shape[-1]) if token != SPECIAL.bos]
    expected = theirs[real][:, [their_ids(twins)[token] for token in tokens]]
    assert expected.std() > 0.3
    torch.testing.assert_close(ours[real][:, tokens], expected, atol=TOLERANCE, rtol=TOLERANCE)
    # BOS, which they do not have, takes no probability from the others
    torch.testing.assert_close(
        ours[real].log_softmax(-1)[:, tokens],
        theirs[real].log_softmax(-1)[:, [their_ids(twins)[token] for token in tokens]],
        atol=TOLERANCE,
        rtol=TOLERANCE,
    )
    assert (ours[real].softmax(-1)[:, SPECIAL.bos] == 0).all()


def test_padding_takes_no_probability_where_theirs_is_renormalised(make: Make) -> None:
    torch.manual_seed(5)
    pad = their_ids(make())[SPECIAL.pad]
    twins = make(generation={"bad_words_ids": [[pad]], "renormalize_logits": True})
    batch = random_batch(twins)
    theirs = their_logits(twins, batch)[batch.target_mask]
    theirs[:, pad] = -torch.inf
    ours = our_logits(twins, batch)[batch.target_mask].log_softmax(-1)
    words = list(range(SPECIAL.eos, ours.shape[-1]))
    expected = theirs.log_softmax(-1)[:, [their_ids(twins)[token] for token in words]]
    torch.testing.assert_close(ours[:, words], expected, atol=TOLERANCE, rtol=TOLERANCE)
    assert (ours[:, [SPECIAL.pad, SPECIAL.bos]].exp() == 0).all()


HOSTILE = [
    "",
    "   ",
    "▁▁ under▁line ▁",
    "日本語 and Ωμέγα, ☃ 🎉🎉",
    "ﬁne ＦＵＬＬ width ½ ²",
    "e\u0301tude n\u0303andu",
    "soft\u00adhyphen zero\u200bwidth \u202bright\u202c",
    ">> no language here",
    "here >>deu<< in the middle",
    "a  b   c",
    "Wait... what?!?! (yes) [no] {maybe} <tag> & \"quotes\" 'n' `ticks` \\ / |",
    "1,000.50 $ 3.14 € 12:30 — 50 %",
    "X" * 300,
    "\ufffd\ufffd",
]


@pytest.fixture(scope="module")
def tokenizing(make: Make) -> Twins:
    return make()


def test_the_same_ids_and_text(tokenizing: Twins, text: Text) -> None:
    lines = [*text.validation, *HOSTILE, *(f">>{code}<< {line}" for code in ("deu", "fra") for line in HOSTILE)]
    for line in lines:
        check_line(tokenizing, line)


@given(st.text(st.characters(exclude_characters="\ufeff") | st.sampled_from("▁ the Mann >><<")))
def test_the_same_ids_and_text_of_anything(tokenizing: Twins, line: str) -> None:
    if ">>" not in line and not any(special in line for special in ("</s>", "<unk>", "<pad>")):
        check_line(tokenizing, line)


def check_line(twins: Twins, line: str) -> None:
    line = clean_line(line)
    source, target = twins.ours.tokenizers.source, twins.ours.tokenizers.target
    ids = source.encode(line)
    assert [their_ids(twins)[token] for token in [*ids, SPECIAL.eos]] == twins.tokenizer(line)["input_ids"]
    target_ids = target.encode(line)
    theirs = twins.tokenizer(text_target=line)["input_ids"]
    assert [their_ids(twins)[token] for token in [*target_ids, SPECIAL.eos]] == theirs
    # ours is one line with single blanks, theirs whatever the pieces spell
    decoded = twins.tokenizer.decode(theirs, skip_special_tokens=True)
    assert target.decode([*target_ids, SPECIAL.eos]) == clean_line(decoded)


def test_the_two_differences_in_ids(tokenizing: Twins) -> None:
    """Where theirs lets text spell a special token, or swallows what looks like a language, ours reads text."""
    source, theirs = tokenizing.ours.tokenizers.source, tokenizing.tokenizer
    assert theirs("a</s>b")["input_ids"].count(theirs.eos_token_id) == 2
    assert SPECIAL.eos not in source.encode("a</s>b")
    assert theirs(">>the man<< runs")["input_ids"][0] == theirs.unk_token_id
    assert len(source.encode(">>the man<< runs")) > len(theirs(">>the man<< runs")["input_ids"])


GENERATION: dict[str, dict[str, Any]] = {
    # as the published models have it
    "opus-mt": {"num_beams": 6, "renormalize_logits": True, "max_length": LIMIT},
    "opus-mt-older": {"num_beams": 4, "max_length": LIMIT},
    "short-is-better": {"num_beams": 5, "length_penalty": 0.2, "max_length": LIMIT},
    "early": {"num_beams": 5, "early_stopping": True, "max_length": LIMIT},
    "never-early": {"num_beams": 5, "early_stopping": "never", "length_penalty": 1.3, "max_length": LIMIT},
    "greedy": {"num_beams": 1, "max_length": LIMIT},
    "limit": {"num_beams": 5, "max_length": 9},
    "new-tokens": {"num_beams": 5, "max_new_tokens": 7},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATION)
def test_the_same_translations_of_multi30k(trained: Twins, text: Text, name: str, tmp_path: Path) -> None:
    settings = {"bad_words_ids": [[trained.theirs.config.pad_token_id]], **GENERATION[name]}
    directory = copied(trained, tmp_path, generation_config={"forced_eos_token_id": 0, **settings})
    expected = their_translations(directory, text.validation)
    imported = CliRunner().invoke(command, [str(directory), str(tmp_path / "model")], catch_exceptions=False)
    assert imported.exit_code == 0, imported.output
    bundle = load_bundle(tmp_path / "model")
    found = our_translations(bundle, text.validation)
    different = [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]]
    assert different == []
    assert len(set(found)) > 100, "the model has learned too little for this to prove anything"


@pytest.mark.slow
def test_the_settings_of_older_files(trained: Twins, text: Text, tmp_path: Path) -> None:
    """Weights in half precision in a pickle, generation settings in config.json, no tokenizer_config.json."""
    directory = copied(trained, tmp_path)
    for name in ("model.safetensors", "generation_config.json", "tokenizer_config.json"):
        (directory / name).unlink()
    state = {name: tensor.half() for name, tensor in trained.theirs.state_dict().items()}
    torch.save(state, directory / "pytorch_model.bin")
    config = json.loads((directory / "config.json").read_text())
    older = {"num_beams": 4, "max_length": LIMIT, "bad_words_ids": [[config["pad_token_id"]]]}
    new = ("static_position_embeddings", "normalize_before", "normalize_embedding", "add_final_layer_norm")
    config |= {**older, **dict(zip(new, (True, False, False, False), strict=True)), "dtype": "float32"}
    (directory / "config.json").write_text(json.dumps(config))
    expected = their_translations(directory, text.validation[:50])
    bundle = import_marian(directory, "en", "de")
    assert our_translations(bundle, text.validation[:50]) == expected


def random_batch(twins: Twins) -> Batch:
    """Sentences of different lengths, padded on the right as they pad."""
    source, target = (side.vocabulary_size for side in (twins.ours.tokenizers.source, twins.ours.tokenizers.target))
    lengths = [(3, 9), (17, 1), (8, 21)]
    sources = [torch.randint(4, source, (length,)).tolist() for length, _ in lengths]
    return collate(sources, [torch.randint(4, target, (length,)).tolist() for _, length in lengths])


def their_ids(twins: Twins, side: str = "target") -> list[int]:
    """The id there of each token here, by its name; BOS is what they start from."""
    tokenizer = twins.ours.tokenizers.source if side == "source" else twins.ours.tokenizers.target
    names = tokenizer.pieces(range(tokenizer.vocabulary_size))
    theirs = twins.tokenizer
    table = theirs.target_encoder if side == "target" and theirs.separate_vocabs else theirs.encoder
    start = twins.theirs.config.decoder_start_token_id
    return [start if token == SPECIAL.bos else table[name] for token, name in enumerate(names)]


@torch.no_grad()
def our_logits(twins: Twins, batch: Batch) -> Tensor:
    model = twins.ours.model
    return model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask)).logits


@torch.no_grad()
def their_logits(twins: Twins, batch: Batch) -> Tensor:
    source, target = (torch.tensor(their_ids(twins, side)) for side in ("source", "target"))
    logits: Tensor = twins.theirs(
        input_ids=source[batch.source],
        attention_mask=batch.source_mask,
        decoder_input_ids=target[batch.target_input],
    ).logits
    return logits


def copied(twins: Twins, folder: Path, **files: dict[str, Any]) -> Path:
    """The saved model, with some of its files changed."""
    directory = folder / "marian"
    shutil.copytree(twins.directory, directory)
    for name, changes in files.items():
        path = directory / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return directory


@torch.no_grad()
def their_translations(directory: Path, lines: list[str]) -> list[str]:
    """As the page of every OPUS-MT model shows it, but for two blanks in a row, which some of the text here has."""
    from transformers import MarianMTModel, MarianTokenizer

    model = MarianMTModel.from_pretrained(directory).eval()
    tokenizer = MarianTokenizer.from_pretrained(directory)
    batch = tokenizer(lines, return_tensors="pt", padding=True)
    return [clean_line(line) for line in tokenizer.batch_decode(model.generate(**batch), skip_special_tokens=True)]


def our_translations(bundle: Bundle, lines: list[str]) -> list[str]:
    search = BeamSearch.model_validate(bundle.recipe["search"])
    translator = Translator(bundle.model, bundle.tokenizers, search, training_text=TrainingText.of(bundle.metadata))
    return [translation.text for translation in translator.translate(lines)]
