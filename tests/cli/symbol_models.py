"""Model directories of small models that read symbols and answer with a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.bundle import Metadata, save_bundle
from nmt.models.base import EncoderDecoder
from nmt.models.language.decoder_only import DecoderOnly
from nmt.models.language.recurrent import RecurrentLM, RecurrentState
from nmt.nn.cells import CellConfig, StateRegularized, TanhCell
from nmt.nn.temperature import Temperature
from nmt.tokenizer.base import TokenizerPair
from nmt.tokenizer.symbols import SymbolsOptions

SYMBOLS, ANSWERS = ("0", "1"), ("accept", "reject")


def symbol_tokenizers(directory: Path) -> TokenizerPair:
    directory.mkdir(parents=True, exist_ok=True)
    text = directory / "text"
    text.write_text("\n".join((*SYMBOLS, *ANSWERS)) + "\n", encoding="utf-8")
    return SymbolsOptions().train(text, text, directory / "tokenizer")


def decoder_only(cell: CellConfig, dim: int, layers: int = 1, initial_range: float = 0.1) -> DecoderOnly.Config:
    return DecoderOnly.Config(
        decoder=RecurrentLM.Config(
            model_dim=dim, layers=layers, cell=cell, dropout=0.0, tied_embeddings=False, initial_range=initial_range
        )
    )


def save_symbol_model(
    directory: Path,
    config: DecoderOnly.Config | RecurrentLM.Config,
    model: EncoderDecoder[Any, Any] | None = None,
) -> Path:
    """Saves a model, or one with random weights."""
    tokenizers = symbol_tokenizers(directory)
    size = tokenizers.target.vocabulary_size
    torch.manual_seed(5)
    made: EncoderDecoder[Any, Any] = config.build(size, size) if model is None else model
    metadata = Metadata(
        nmt_version="0",
        source_language="" if config.task == "language_model" else "symbols",
        target_language="answer",
        source_vocabulary=size,
        target_vocabulary=size,
        tokenizer_digests={"source": tokenizers.source.digest, "target": tokenizers.target.digest},
        parameters=sum(parameter.numel() for parameter in made.parameters()),
        created="2000-01-01T00:00:00Z",
    )
    save_bundle(directory / "model", made, tokenizers, {"model": config.model_dump(mode="json")}, metadata)
    return directory / "model"


PARITY = decoder_only(
    StateRegularized.Config(cell=TanhCell.Config(), centroids=3, similarity="l2", temperature=Temperature(start=0.1)),
    dim=2,
)
"""Three centroids, of which one is never used."""


@torch.no_grad()
def parity_model(tokenizers: TokenizerPair) -> DecoderOnly[RecurrentState]:
    """Accepts strings with an even number of ones; its weights are set by hand.

    The units of the cell are the disjunction and the conjunction of the parity so far and the symbol. Where only the
    former is true, the next parity is odd.
    """
    size = tokenizers.target.vocabulary_size
    model = PARITY.build(size, size).eval()
    decoder = model.decoder
    assert isinstance(decoder, RecurrentLM)
    (layer,) = decoder.layers
    assert isinstance(layer, StateRegularized)
    assert isinstance(layer.cell, TanhCell)
    one, accept, reject = (tokenizers.target.encode(word)[0] for word in ("1", "accept", "reject"))
    decoder.embedding.weight.zero_()
    decoder.embedding.weight[one, 0] = 1.0 / decoder.embedding.scale
    _set(layer.centroids, [[0.0, 0.0], [1.0, -1.0], [9.0, 9.0]])  # even, odd, unused
    _set(layer.cell.input.weight, [[8.0, 0.0], [8.0, 0.0]])
    _set(layer.cell.input.bias, [-4.0, -12.0])
    _set(layer.cell.recurrent.weight, [[4.0, -4.0], [4.0, -4.0]])
    weight, bias = decoder.get_parameter("output.weight").zero_(), decoder.get_parameter("output.bias").zero_()
    weight[reject] = torch.tensor([4.0, -4.0])
    bias[accept] = 4.0
    return model


def _set(parameter: Tensor, values: list[list[float]] | list[float]) -> None:
    parameter.copy_(torch.tensor(values))


def save_parity_model(directory: Path) -> Path:
    return save_symbol_model(directory, PARITY, parity_model(symbol_tokenizers(directory)))
