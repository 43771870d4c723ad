"""Small Transformers of whole words, and what CTranslate2 makes of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from torch import Tensor

from nmt.bundle import Bundle, Metadata, load_bundle, save_bundle
from nmt.data.batch import Batch, collate
from nmt.interop.ctranslate2 import SPECIAL_NAMES, piece_names
from nmt.interop.ctranslate2_export import export_ctranslate2
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.transformer import Transformer
from nmt.tokenizer.base import SPECIAL, Tokenizer, TokenizerPair
from nmt.tokenizer.moses_bpe import MosesBPEOptions, MosesBPETokenizer

small = partial(
    Transformer.Config, model_dim=16, feedforward_dim=24, heads=2, encoder_layers=2, decoder_layers=2, dropout=0.0
)
WORDS = tuple(f"word{number}" for number in range(20))
FEWER_WORDS = tuple(f"wort{number}" for number in range(15))


def words_tokenizer(words: Sequence[str]) -> MosesBPETokenizer:
    return MosesBPETokenizer([*SPECIAL_NAMES, *words], None, MosesBPEOptions())


def random_model(config: ModelConfig, words: tuple[str, ...] = WORDS, target_words: tuple[str, ...] = ()) -> Bundle:
    """With no parameter at a value that leaves things as they are, as norms and biases start out."""
    source = words_tokenizer(words)
    tokenizers = TokenizerPair(source, words_tokenizer(target_words) if target_words else source)
    sizes = source.vocabulary_size, tokenizers.target.vocabulary_size
    model = config.build(*sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    metadata = Metadata(
        nmt_version="0",
        source_language="en",
        target_language="de",
        source_vocabulary=sizes[0],
        target_vocabulary=sizes[1],
        tokenizer_digests={"source": source.digest, "target": tokenizers.target.digest},
        parameters=1,
        created="2000-01-01T00:00:00Z",
    )
    recipe = {"model": config.model_dump(mode="json"), "search": {"kind": "beam", "beam": 2}}
    return Bundle(model, tokenizers, metadata, recipe)


def reversing_model() -> Bundle:
    """Trained for a moment to say the words of a sentence backwards; it does so with doubts."""
    bundle = random_model(small(model_dim=32, norm="pre"))
    draw = random.Random(1)
    optimizer = torch.optim.Adam(bundle.model.parameters(), lr=5e-3)
    for _ in range(250):
        sources = sentences(draw, 32, 20)
        batch = collate(sources, [list(reversed(source)) for source in sources])
        logits = decoded(bundle.model, batch)
        loss = torch.nn.functional.cross_entropy(logits[batch.target_mask], batch.target_output[batch.target_mask])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return bundle


def sentences(draw: random.Random, count: int, words: int, longest: int = 8) -> list[list[int]]:
    """Ids of that many sentences of 1 to `longest` words."""
    first = SPECIAL.eos + 1
    return [[draw.randrange(first, first + words) for _ in range(draw.randint(1, longest))] for _ in range(count)]


def decoded(model: EncoderDecoder[Any, Any], batch: Batch) -> Tensor:
    """The logits under teacher forcing, [B, T, V]."""
    memory = model.encode(batch.source, batch.source_mask)
    return model.decode(batch.target_input, batch.target_mask, memory).logits


def save(directory: Path, bundle: Bundle) -> Path:
    save_bundle(directory, bundle.model, bundle.tokenizers, bundle.recipe, bundle.metadata)
    return directory


def exported(directory: Path, bundle: Bundle, quantization: str | None = None) -> Any:
    """CTranslate2's translator of the model, by way of both kinds of directory."""
    export_ctranslate2(save(directory / "model", bundle), directory / "out", quantization)
    load_bundle(directory / "model")  # is as it was
    return ctranslate2.Translator(str(directory / "out"), inter_threads=1, intra_threads=1)


def named(tokenizer: Tokenizer, lines: Sequence[Sequence[int]]) -> list[list[str]]:
    """As CTranslate2 is given them."""
    assert isinstance(tokenizer, MosesBPETokenizer)
    names = piece_names(tokenizer)
    return [[names[token] for token in line] for line in lines]
