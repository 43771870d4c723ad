"""A tiny model directory with random weights and a tokenizer trained on the spot, as the CLI's tests use it."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from nmt.bundle import Metadata, save_bundle
from nmt.evaluation.scores import scores
from nmt.models import ModelConfig
from nmt.models.transformer import Transformer
from nmt.tokenizer.sentencepiece import SentencePieceOptions

VOCABULARY = 320

WORDS = (
    "the a man woman child dog cat house street train station plays sleeps runs reads sees big small red old "
    "mann frau kind hund katze haus straße zug bahnhof spielt schläft läuft liest sieht groß klein rot alt"
).split()


def ordinary_line(number: int) -> str:
    """A sentence that looks like language; a pure function of its number."""
    draw = random.Random(number)
    return " ".join(draw.choices(WORDS, k=draw.randint(3, 12))) + "."


TRANSFORMER = Transformer.Config(model_dim=32, feedforward_dim=32, heads=2, encoder_layers=1, decoder_layers=1)


def save_tiny_model(directory: Path, config: ModelConfig = TRANSFORMER) -> Path:
    """Trains a small tokenizer, draws a model, and saves both as a model directory."""
    text = directory / "text"
    directory.mkdir(parents=True, exist_ok=True)
    text.write_text("".join(ordinary_line(number) + "\n" for number in range(2000)), encoding="utf-8")
    tokenizers = SentencePieceOptions(vocabulary_size=VOCABULARY).train(text, text, directory / "tokenizer")
    torch.manual_seed(1)
    model = config.build(VOCABULARY, VOCABULARY)
    metadata = Metadata(
        nmt_version="0",
        source_language="en" if config.task == "translation" else "",
        target_language="de",
        source_vocabulary=VOCABULARY,
        target_vocabulary=VOCABULARY,
        tokenizer_digests={"source": tokenizers.source.digest, "target": tokenizers.target.digest},
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        created="2000-01-01T00:00:00Z",
        scores={"news": scores(["the cat sat down"], [["the cat sat up"]], "hypothesis").json()},
        provenance={},
        longest_source=20,
        longest_target=20,
    )
    recipe = {
        "model": config.model_dump(mode="json"),
        "search": {"kind": "beam", "beam": 2, "max_length_factor": 1.0, "max_length_offset": 3},
    }
    save_bundle(directory / "model", model, tokenizers, recipe, metadata)
    return directory / "model"
