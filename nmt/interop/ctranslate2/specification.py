"""Our Transformer as a model specification of CTranslate2 (OpenNMT's C++ inference engine).

Attention, feed-forward blocks and norms have the same layout on both sides: queries, keys and values are one matrix, in
this order. Positions are stored as tables, since CTranslate2's own sinusoids start at a different position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, TypeAlias

from torch import Tensor, nn

from nmt.errors import UserError
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights
from nmt.nn.feedforward import Activation
from nmt.nn.kernels.normalized_sum import EPSILON
from nmt.nn.position import published_sinusoids, sinusoids
from nmt.tokenizer.base import Tokenizer, TokenizerPair

Spec: TypeAlias = Any
"""One of CTranslate2's specifications, or its module of them: the package has no type annotations."""

POSITIONS = 2048
"""Rows of a position table. By default CTranslate2 truncates sources at 1024 pieces and translations at 256; it refuses
sequences longer than the table."""

SPECIAL_NAMES = ("<pad>", "<unk>", "<s>", "</s>")
"""In the order of nmt.tokenizer.base.SPECIAL."""

ACTIVATIONS: Mapping[Activation, str] = {"relu": "RELU", "gelu": "GELU", "swish": "SWISH"}


def specs() -> Spec:
    """The module `ctranslate2.specs`.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module("ctranslate2.specs")
    except ImportError as error:
        raise UserError(
            "ctranslate2", "the package", str(error), "Install it with `pip install 'nmt-toolkit[export]'`."
        ) from None


def transformer_spec(model: nn.Module, config: Transformer.Config, tokenizers: TokenizerPair) -> Spec:
    """The specification of a model, ready for `validate`, `optimize` and `save`. It shares the model's memory.

    Args:
        model: the Transformer, in float32 on the CPU.
        config: the options it was built from.
        tokenizers: its tokenizers, for their vocabularies.

    Raises:
        UserError: ctranslate2 is not installed.
    """
    transformer = specs().TransformerSpec(_encoder_spec(config), _decoder_spec(config))
    weights = _Weights(named_weights(model), config)
    weights.fill_encoder(transformer.encoder)
    weights.fill_decoder(transformer.decoder)
    weights.assert_all_used()
    transformer.register_source_vocabulary(piece_names(tokenizers.source))
    transformer.register_target_vocabulary(piece_names(tokenizers.target))
    settings = transformer.config
    settings.unk_token, settings.bos_token, settings.eos_token = SPECIAL_NAMES[1:]
    settings.decoder_start_token = settings.bos_token
    settings.add_source_bos, settings.add_source_eos = False, True
    settings.layer_norm_epsilon = EPSILON
    return transformer


def piece_names(tokenizer: Tokenizer) -> list[str]:
    """The name of each id in CTranslate2's vocabulary, in which names are unique.

    They are the tokenizer's pieces. Exceptions are the special tokens, whose names are fixed, and a piece with the name
    of an earlier one, to which its id is appended.
    """
    names = list(SPECIAL_NAMES)
    taken = set(names)
    for token, piece in enumerate(tokenizer.pieces(range(len(names), tokenizer.vocabulary_size)), start=len(names)):
        while piece in taken:
            piece = f"{piece}#{token}"
        taken.add(piece)
        names.append(piece)
    return names


def _encoder_spec(config: Transformer.Config) -> Spec:
    return specs().transformer_spec.TransformerEncoderSpec(
        config.encoder_layers,
        config.heads,
        pre_norm=config.norm == "pre",
        activation=_activation(config),
        layernorm_embedding=config.normalized_embeddings,
    )


def _decoder_spec(config: Transformer.Config) -> Spec:
    heads = config.decoder_heads or config.heads
    return specs().transformer_spec.TransformerDecoderSpec(
        config.decoder_layers,
        heads,
        pre_norm=config.norm == "pre",
        activation=_activation(config),
        layernorm_embedding=config.normalized_embeddings,
        alignment_heads=heads,  # returned attention is the mean over the last layer's heads, like ours
    )


def _activation(config: Transformer.Config) -> int:
    activation: int = specs().common_spec.Activation[ACTIVATIONS[config.activation]]
    return activation


class _Weights:
    """Our weights by name, with a record of which have been used."""

    def __init__(self, weights: Mapping[str, Tensor], config: Transformer.Config) -> None:
        self._weights, self._config = weights, config
        self._used: set[str] = set()

    def assert_all_used(self) -> None:
        """Fails if a weight was forgotten."""
        assert self._used == set(self._weights), sorted(set(self._weights) - self._used)

    def fill_encoder(self, spec: Spec) -> None:
        """spec: a TransformerEncoderSpec."""
        self._embed(spec, spec.embeddings[0], "source")
        for number, layer in enumerate(spec.layer):
            self._layer(layer, f"encoder.{number}")
        self._final_norm(spec, "encoder_norm")

    def fill_decoder(self, spec: Spec) -> None:
        """spec: a TransformerDecoderSpec."""
        self._embed(spec, spec.embeddings, "target")
        for number, layer in enumerate(spec.layer):
            ours = f"decoder.{number}"
            self._layer(layer, ours)
            linears = ("query", "key_value", "output")
            self._attention(layer.attention, f"{ours}.cross", f"{ours}.cross_residual", linears)
        self._final_norm(spec, "decoder_norm")
        spec.projection.weight = self._first_of("output.weight", "target_embedding.weight", "source_embedding.weight")
        if self._config.output_bias:
            spec.projection.bias = self._take("output.bias")

    def _embed(self, spec: Spec, embeddings: Spec, side: str) -> None:
        embeddings.weight = self._first_of(f"{side}_embedding.weight", "source_embedding.weight")
        spec.scale_embeddings = float(self._config.model_dim**0.5 if self._config.scaled_embeddings else 1.0)
        spec.position_encodings.encodings = self._position_table(side)
        if self._config.normalized_embeddings:
            self._norm(spec.layernorm_embedding, f"{side}_embedding_norm")

    def _position_table(self, side: str) -> Tensor:
        """A position table of at least POSITIONS rows, [rows, D]."""
        if self._config.positions == "learned":
            table = self._take(f"{side}_positions.weight")
            beyond = max(POSITIONS - len(table), 0)  # these rows all repeat the last vector
            return nn.functional.pad(table.T, (0, beyond), mode="replicate").T.contiguous() if beyond else table
        make = sinusoids if self._config.positions == "sinusoidal" else published_sinusoids
        return make(POSITIONS, self._config.model_dim)

    def _layer(self, spec: Spec, ours: str) -> None:
        self._attention(spec.self_attention, f"{ours}.attention", f"{ours}.attention_residual", ("input", "output"))
        self._linear(spec.ffn.linear_0, f"{ours}.feedforward.inner")
        self._linear(spec.ffn.linear_1, f"{ours}.feedforward.outer")
        self._norm(spec.ffn.layer_norm, f"{ours}.feedforward_residual.norm")

    def _attention(self, spec: Spec, ours: str, residual: str, linears: Sequence[str]) -> None:
        for linear, name in zip(spec.linear, linears, strict=True):
            self._linear(linear, f"{ours}.{name}")
        self._norm(spec.layer_norm, f"{residual}.norm")

    def _final_norm(self, spec: Spec, ours: str) -> None:
        if self._config.norm == "pre":
            self._norm(spec.layer_norm, ours)

    def _linear(self, spec: Spec, ours: str) -> None:
        spec.weight, spec.bias = self._take(f"{ours}.weight"), self._take(f"{ours}.bias")

    def _norm(self, spec: Spec, ours: str) -> None:
        spec.gamma, spec.beta = self._take(f"{ours}.weight"), self._take(f"{ours}.bias")

    def _first_of(self, *names: str) -> Tensor:
        """The weight under the first of these names that exists; tied matrices have their first name only."""
        return self._take(next(name for name in names if name in self._weights))

    def _take(self, name: str) -> Tensor:
        self._used.add(name)
        return self._weights[name]
