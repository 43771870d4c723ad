"""fairseq's models, small and random, beside ours with the same weights. fairseq is imported only when one is made."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nmt.data.batch import Batch
from nmt.interop.fairseq import FAIRSEQ_SPECIAL, convs2s_weights, transformer_weights
from nmt.interop.fairseq_lstm import DEFAULTS as LSTM_DEFAULTS
from nmt.interop.fairseq_lstm import lstm_weights, luong_config
from nmt.interop.settings import Settings
from nmt.models.base import EncoderDecoder
from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.luong import Luong
from nmt.models.transformer import Transformer
from nmt.models.weights import load_weights
from nmt.tokenizer.base import SPECIAL

Model = EncoderDecoder[Any, Any]

TOLERANCE = 1e-4
"""Of logits."""
SMOOTHING = 0.1


@dataclass(frozen=True)
class Twins:
    """One architecture in both toolkits."""

    config: Transformer.Config | ConvS2S.Config | Luong.Config
    options: Mapping[str, Any]
    """fairseq's, but for dropout."""
    source_vocabulary: int
    target_vocabulary: int

    @property
    def convert(self) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
        return {"transformer": transformer_weights, "convs2s": convs2s_weights, "luong": lstm_weights}[self.config.kind]

    def theirs(self) -> nn.Module:
        """fairseq's model as it initialises it, but an lstm with larger weights: its own leave a small model silent."""
        task = Namespace(
            source_dictionary=dictionary(self.source_vocabulary), target_dictionary=dictionary(self.target_vocabulary)
        )
        if self.config.kind == "transformer":
            from fairseq.models.transformer import TransformerModel, base_architecture

            dropouts = {"dropout": self.config.dropout, "attention_dropout": 0.0, "activation_dropout": 0.0}
            arguments = Namespace(max_source_positions=64, max_target_positions=64, **dropouts, **self.options)
            base_architecture(arguments)
            transformer: nn.Module = TransformerModel.build_model(arguments, task)
            return transformer
        if self.config.kind == "luong":
            return self._their_lstm(task)
        from fairseq.models.fconv import FConvModel

        arguments = Namespace(
            max_source_positions=64, max_target_positions=64, dropout=self.config.dropout, **self.options
        )
        convolutional: nn.Module = FConvModel.build_model(arguments, task)
        return convolutional

    def _their_lstm(self, task: Namespace) -> nn.Module:
        from fairseq.models.lstm import LSTMModel

        model: nn.Module = LSTMModel.build_model(Namespace(criterion="cross_entropy", **self.options), task)
        with torch.no_grad():
            for weight in (parameter for parameter in model.parameters() if parameter.dim() > 1):
                weight.mul_(4)
        return model

    def ours(self, theirs: nn.Module) -> Model:
        """Our model with fairseq's weights."""
        model = self.config.build(self.source_vocabulary, self.target_vocabulary)
        load_weights(model, self.convert(theirs.state_dict()), "fairseq")
        return model


_FAIRSEQ_TRANSFORMER = {
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "encoder_attention_heads": 4,
    "encoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_layers": 2,
}
_PRE_NORM = {"encoder_normalize_before": True, "decoder_normalize_before": True}


def _transformer(options: Mapping[str, Any], vocabularies: tuple[int, int], **ours: Any) -> Twins:
    config = Transformer.Config(
        model_dim=32,
        feedforward_dim=48,
        heads=4,
        tied_embeddings="none",
        encoder_layers=2,
        decoder_layers=2,
        dropout=0.0,
        **ours,
    )
    return Twins(config, {**_FAIRSEQ_TRANSFORMER, **options}, *vocabularies)


def _convs2s(
    encoder: Sequence[tuple[int, int]], decoder: Sequence[tuple[int, int, bool]], output_dim: int, **options: Any
) -> Twins:
    config = ConvS2S.Config(
        embedding_dim=24,
        output_dim=output_dim,
        encoder=tuple(Convolutions(width=width, kernel=kernel) for width, kernel in encoder),
        decoder=tuple(
            DecoderConvolutions(width=width, kernel=kernel, attention=attention) for width, kernel, attention in decoder
        ),
        dropout=0.0,
        positions=62,  # of 64 rows fairseq uses two for padding
    )
    theirs = {
        "encoder_embed_dim": 24,
        "decoder_embed_dim": 24,
        "decoder_out_embed_dim": output_dim,
        "encoder_layers": str(list(encoder)),
        "decoder_layers": str([(width, kernel) for width, kernel, _ in decoder]),
        "decoder_attention": str([attention for *_, attention in decoder]),
    }
    return Twins(config, {**theirs, **options}, 50, 61)


def _luong(source_vocabulary: int, target_vocabulary: int, **options: Any) -> Twins:
    arguments = {"dropout": 0.0, "encoder_embed_dim": 32, "decoder_embed_dim": 32, "encoder_layers": 2, **options}
    arguments = {"decoder_layers": 2, "decoder_out_embed_dim": 32, **arguments}
    return Twins(
        luong_config(Settings(arguments, LSTM_DEFAULTS, "fairseq")), arguments, source_vocabulary, target_vocabulary
    )


TWINS: dict[str, Twins] = {
    "transformer-post-norm": _transformer({}, (50, 61)),
    "transformer-all-tied": _transformer({"share_all_embeddings": True}, (61, 61)),
    "transformer-pre-norm-output-tied": _transformer(
        {**_PRE_NORM, "share_decoder_input_output_embed": True, "activation_fn": "gelu"},
        (50, 61),
        norm="pre",
        activation="gelu",
    ),
    "transformer-learned-positions": _transformer(
        {"encoder_learned_pos": True, "decoder_learned_pos": True}, (50, 61), positions="learned", learned_positions=64
    ),
    "convs2s": _convs2s(
        [(16, 3), (16, 3), (20, 5), (28, 1)], [(16, 3, True), (16, 3, True), (20, 2, True), (28, 1, True)], 12
    ),
    "convs2s-even-kernels-output-tied": _convs2s(
        [(16, 4), (16, 2)], [(16, 3, True), (20, 4, False), (20, 3, True)], 24, share_input_output_embed=True
    ),
    "luong": _luong(50, 61),
    "luong-bidirectional": _luong(50, 61, encoder_bidirectional=True, encoder_hidden_size=16),
    "luong-widths-all-tied": _luong(
        61,
        61,
        encoder_bidirectional=True,
        encoder_hidden_size=20,
        decoder_hidden_size=28,
        encoder_layers=3,
        decoder_layers=3,
        share_all_embeddings=True,
    ),
    "luong-widths-output-tied": _luong(
        50, 61, encoder_embed_dim=20, encoder_hidden_size=24, share_decoder_input_output_embed=True
    ),
}


def dictionary(size: int) -> Any:
    """A fairseq dictionary with its four special tokens and names for the others."""
    from fairseq.data import Dictionary

    made = Dictionary()
    for token in range(len(made), size):
        made.add_symbol(f"token{token}")
    return made


@torch.no_grad()
def make_random(model: nn.Module) -> nn.Module:
    """Nothing stays zero or one: biases, normalisations, lengths of normalised weights, the vectors of padding."""
    for parameter in model.parameters():
        if parameter.dim() == 1 or not parameter.any():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        else:
            parameter.mul_(1 + 0.3 * torch.randn_like(parameter))
    for embedding in (part for part in model.modules() if isinstance(part, nn.Embedding)):
        if embedding.padding_idx is not None:
            embedding.weight[embedding.padding_idx].normal_(std=0.5)
    return model


def their_ids(tokens: Tensor, start: int = FAIRSEQ_SPECIAL.eos) -> Tensor:
    """Our ids as fairseq's; BOS becomes what fairseq starts from."""
    special = {
        SPECIAL.pad: FAIRSEQ_SPECIAL.pad,
        SPECIAL.unk: FAIRSEQ_SPECIAL.unk,
        SPECIAL.bos: start,
        SPECIAL.eos: FAIRSEQ_SPECIAL.eos,
    }
    table = torch.tensor([special[token] for token in range(4)])
    return torch.where(tokens < 4, table[tokens.clamp_max(3)], tokens)


def in_our_order(logits: Tensor) -> Tensor:
    """fairseq's logits [..., V], a column per token of ours."""
    return logits[..., their_ids(torch.arange(logits.shape[-1]), start=FAIRSEQ_SPECIAL.bos)]


def padded_left(batch: Batch) -> Batch:
    """The same batch with the padding of the source in front."""
    shifts = [len(row) - int(row.sum()) for row in batch.source_mask]
    source = torch.stack([row.roll(shift) for row, shift in zip(batch.source, shifts, strict=True)])
    mask = torch.stack([row.roll(shift) for row, shift in zip(batch.source_mask, shifts, strict=True)])
    return Batch(source, mask, batch.target_input, batch.target_output, batch.target_mask)


def their_sample(batch: Batch) -> dict[str, Any]:
    """The batch as fairseq's models, criteria and generator take it."""
    return {
        "net_input": {
            "src_tokens": their_ids(batch.source),
            "src_lengths": batch.source_mask.sum(1),
            "prev_output_tokens": their_ids(batch.target_input),
        },
        "target": their_ids(batch.target_output),
        "ntokens": batch.target_tokens,
    }


def logits_of(model: Model, batch: Batch) -> Tensor:
    return model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask)).logits


def their_loss(model: nn.Module, batch: Batch) -> Tensor:
    """fairseq's own criterion, per target token."""
    from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion

    task = type("Task", (), {"target_dictionary": model.get_submodule("decoder").dictionary})
    criterion = LabelSmoothedCrossEntropyCriterion(task, sentence_avg=False, label_smoothing=SMOOTHING)
    loss, tokens, _ = criterion(model, their_sample(batch))
    assert tokens == batch.target_tokens
    per_token: Tensor = loss / tokens
    return per_token
