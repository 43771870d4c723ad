"""MarianMT models as Hugging Face's transformers saves them, made on the spot. It is imported only when one is made."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sentencepiece
import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import MarianMTModel

SPECIAL = ("</s>", "<unk>")
LANGUAGES = (">>deu<<", ">>fra<<")
VOCABULARY = 1000
"""Pieces of each language."""


@dataclass(frozen=True)
class Text:
    """Some of Multi30k, and the SentencePiece models made from it."""

    train: list[tuple[str, str]]
    validation: list[str]
    models: tuple[bytes, bytes]

    @property
    def pieces(self) -> tuple[list[str], list[str]]:
        """Those of each model that stand for text."""
        source, target = (sentencepiece.SentencePieceProcessor(model_proto=model) for model in self.models)
        return _pieces_of_text(source), _pieces_of_text(target)


def _pieces_of_text(model: sentencepiece.SentencePieceProcessor) -> list[str]:
    return [model.id_to_piece(token) for token in range(3, model.get_piece_size())]


def read_text(multi30k: Path) -> Text:
    """5,000 pairs and 200 sentences."""
    lines = {name: _lines(multi30k / f"{name}.gz", count) for name, count in SIZES.items()}
    models = _sentencepiece(lines["train.en"]), _sentencepiece(lines["train.de"])
    pairs = list(zip(lines["train.en"], lines["train.de"], strict=True))
    return Text(pairs, lines["val.en"], models)


SIZES = {"train.en": 5000, "train.de": 5000, "val.en": 200}


def make_model(text: Text, *, separate: bool = False, **options: Any) -> MarianMTModel:
    """A small model as transformers initialises it, but for its padding and its biases, which are not zero.

    Args:
        text: for the size of the vocabularies.
        separate: a vocabulary for each language instead of one.
        options: of MarianConfig.
    """
    from transformers import MarianConfig, MarianMTModel

    source, target = (len(vocabulary) for vocabulary in vocabularies(text, separate=separate))
    sizes = {
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 96,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 2,
        "max_position_embeddings": 128,
        "activation_function": "swish",
        "scale_embedding": True,
        "dropout": 0.0,
        "init_std": 0.05,
    }
    config = MarianConfig(
        vocab_size=source,
        decoder_vocab_size=target,
        pad_token_id=target - 1,
        decoder_start_token_id=target - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
        share_encoder_decoder_embeddings=not separate,
        **{**sizes, **options},
    )
    model: MarianMTModel = MarianMTModel(config)
    with torch.no_grad():
        model.final_logits_bias.normal_()
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
            elif "embed_tokens" in name or "shared" in name:
                parameter[-1].normal_(std=0.3)
    model.eval()
    return model


def train(model: MarianMTModel, tokenizer: Any, text: Text, updates: int = 300) -> MarianMTModel:
    """For long enough to give each sentence a translation of its own; with their loss."""
    optimizer = torch.optim.Adam((each for each in model.parameters() if each.requires_grad), 3e-3, betas=(0.9, 0.98))
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.02, total_iters=50)
    pairs = sorted((pair for pair in text.train if max(map(len, pair)) < 80), key=lambda pair: len(pair[0]))
    model.train()
    for start in torch.randint(0, len(pairs) - 24, (updates,)).tolist():
        source, target = zip(*pairs[start : start + 24], strict=True)
        batch = tokenizer(list(source), text_target=list(target), return_tensors="pt", padding=True)
        batch["labels"][batch["labels"] == tokenizer.pad_token_id] = -100
        optimizer.zero_grad()
        model(**batch).loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        warmup.step()
    model.eval()
    return model


def vocabularies(text: Text, *, separate: bool = False) -> tuple[dict[str, int], dict[str, int]]:
    """As OPUS-MT numbers them: end and unknown first, padding last; the same one twice where it is shared."""
    source, target = text.pieces
    if separate:
        return _numbered(source), _numbered(target)
    shared = _numbered(sorted({*source, *target, *LANGUAGES}))
    return shared, shared


def make_tokenizer(text: Text, directory: Path, *, separate: bool = False) -> Any:
    """Their tokenizer, saved in the directory."""
    from transformers import MarianTokenizer

    parts = directory / "parts"
    parts.mkdir(parents=True)
    for name, content in zip(("source.spm", "target.spm"), text.models, strict=True):
        (parts / name).write_bytes(content)
    for name, vocabulary in zip(
        ("vocab.json", "target_vocab.json"), vocabularies(text, separate=separate), strict=True
    ):
        (parts / name).write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = MarianTokenizer(
        source_spm=str(parts / "source.spm"),
        target_spm=str(parts / "target.spm"),
        vocab=str(parts / "vocab.json"),
        target_vocab_file=str(parts / "target_vocab.json") if separate else None,
        separate_vocabs=separate,
        source_lang="en",
        target_lang="de",
    )
    tokenizer.save_pretrained(directory)
    return tokenizer


def _numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: token for token, piece in enumerate((*SPECIAL, *pieces, "<pad>"))}


def _lines(path: Path, count: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.strip() for line in islice(lines, count)]


def _sentencepiece(lines: list[str]) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=VOCABULARY,
        character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()
