"""Weights of fairseq's models (Ott et al. 2019) as weights of ours, by name. Nothing here imports fairseq.

fairseq's decoder starts from EOS, ours from BOS, so the BOS row of our target embedding is their EOS row; their BOS
row, which fairseq never looks up, is left out. In the output layer the rows are only reordered, and each token keeps
its own logit. The two matrices thus differ in one row, so a model whose matrices fairseq ties is imported with separate
ones (`tied_embeddings: none`). If they stayed tied, the BOS logit would equal the EOS logit, and at the end of a
sentence softmax would split EOS's probability between the two.

Some facts are not in the weights: heads, activation, dropout; for a ConvS2S model, that each residual connection spans
one layer, as in all of fairseq's named architectures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.renaming import Rule, rename, unchanged
from nmt.tokenizer.base import SPECIAL, SpecialTokens

FAIRSEQ_SPECIAL = SpecialTokens(pad=1, unk=3, bos=0, eos=2)
"""The ids of fairseq's dictionaries; every other token keeps its id."""

IGNORED = ("encoder.version", "decoder.version", "*.embed_positions._float_tensor", "*.embed_positions.weights")
"""Format versions, and sinusoidal positions, which are computed."""


def transformer_weights(state: Mapping[str, Tensor], where: str = "fairseq model") -> dict[str, Tensor]:
    """The weights of a `transformer` for `nmt.models.Transformer` with separate embeddings.

    Its options: `norm: pre` if there is an `encoder_norm.weight`, `positions: learned` if there is a
    `source_positions.weight` (with `learned_positions` rows); the sizes follow from the tensors.

    Args:
        state: the entry `model` of a fairseq checkpoint.
        where: the file that it comes from, for errors.

    Returns:
        Weights for `nmt.models.weights.load_weights`; unchanged ones share memory with the state.

    Raises:
        UserError: the weights are not those of a `transformer`; all that do not fit are named.
    """
    return rename(state, TRANSFORMER, IGNORED, where, "a fairseq transformer")


def convs2s_weights(state: Mapping[str, Tensor], where: str = "fairseq model") -> dict[str, Tensor]:
    """The weights of an `fconv` model for `nmt.models.ConvS2S` with separate embeddings; as `transformer_weights`.

    Raises:
        UserError: also if convolutions are normalised over another axis, as in early versions of fairseq.
    """
    for name, magnitude in state.items():
        if ".convolutions." in name and name.endswith(".weight_g") and magnitude.shape[:-1] != (1, 1):
            raise UserError(
                where,
                f"{name} with one value for each channel of the output",
                f"the shape {tuple(magnitude.shape)}",
                "Early versions of fairseq (decoder.version 1) normalised over another axis; that is not supported.",
            )
    tied = "decoder.fc3.weight" in state
    return rename(state, CONVS2S + (TIED_OUTPUT if tied else OUTPUT), IGNORED, where, "a fairseq fconv model")


def reordered(table: Tensor) -> Tensor:
    """A table with one row per token, [V, ...], in the order of our ids."""
    return _rows(table, FAIRSEQ_SPECIAL.bos)


def started_from_eos(table: Tensor) -> Tensor:
    """The target embedding [V, D] in the order of our ids; its BOS row is fairseq's EOS row."""
    return _rows(table, FAIRSEQ_SPECIAL.eos)


def _rows(table: Tensor, start: int) -> Tensor:
    theirs = {
        SPECIAL.pad: FAIRSEQ_SPECIAL.pad,
        SPECIAL.unk: FAIRSEQ_SPECIAL.unk,
        SPECIAL.bos: start,
        SPECIAL.eos: FAIRSEQ_SPECIAL.eos,
    }
    special = torch.tensor([theirs[token] for token in range(len(theirs))], device=table.device)
    return torch.cat([table.index_select(0, special), table[len(theirs) :]])


def _from_first_position(table: Tensor) -> Tensor:
    return table[FAIRSEQ_SPECIAL.pad + 1 :]  # fairseq counts positions from there


def _over_windows(direction: Tensor) -> Tensor:
    return direction.permute(2, 0, 1).flatten(1)  # [kernel, in, out] -> [out, kernel * in]


def _tied_direction(weight: Tensor) -> Tensor:
    weight = reordered(weight)
    # a row of zeros has no direction; with magnitude 0 any direction will do
    return weight.where((weight != 0).any(dim=1, keepdim=True), torch.ones_like(weight))


def _tied_magnitude(weight: Tensor) -> Tensor:
    magnitude: Tensor = torch.linalg.vector_norm(reordered(weight), dim=1)
    return magnitude


def _reordered_magnitude(magnitude: Tensor) -> Tensor:
    return reordered(magnitude.flatten())


def _linear(ours: str, *theirs: str, optional: bool = False) -> tuple[Rule, ...]:
    """A linear layer or a layer normalisation; several of theirs are joined into one."""
    return tuple(
        Rule(f"{ours}.{name}", tuple(f"{module}.{name}" for module in theirs), optional=optional)
        for name in ("weight", "bias")
    )


def _normalised(
    ours: str, theirs: str, direction: Callable[[Tensor], Tensor] = unchanged, optional: bool = False
) -> tuple[Rule, ...]:
    """A layer with weight normalisation."""
    return (
        Rule(f"{ours}.direction", (f"{theirs}.weight_v",), direction, optional),
        Rule(f"{ours}.magnitude", (f"{theirs}.weight_g",), torch.flatten, optional),
        Rule(f"{ours}.bias", (f"{theirs}.bias",), optional=optional),
    )


def _self_attention_and_feedforward(side: str) -> tuple[Rule, ...]:
    ours, theirs = f"{side}.{{}}", f"{side}.layers.{{}}"
    return (
        *_linear(f"{ours}.attention.input", *(f"{theirs}.self_attn.{part}_proj" for part in "qkv")),
        *_linear(f"{ours}.attention.output", f"{theirs}.self_attn.out_proj"),
        *_linear(f"{ours}.attention_residual.norm", f"{theirs}.self_attn_layer_norm"),
        *_linear(f"{ours}.feedforward.inner", f"{theirs}.fc1"),
        *_linear(f"{ours}.feedforward.outer", f"{theirs}.fc2"),
        *_linear(f"{ours}.feedforward_residual.norm", f"{theirs}.final_layer_norm"),
    )


EMBEDDINGS = (
    Rule("source_embedding.weight", ("encoder.embed_tokens.weight",), reordered),
    Rule("target_embedding.weight", ("decoder.embed_tokens.weight",), started_from_eos),
)

TRANSFORMER_LAYERS = (
    *_self_attention_and_feedforward("encoder"),
    *_self_attention_and_feedforward("decoder"),
    *_linear("decoder.{}.cross.query", "decoder.layers.{}.encoder_attn.q_proj"),
    *_linear("decoder.{}.cross.key_value", *(f"decoder.layers.{{}}.encoder_attn.{part}_proj" for part in "kv")),
    *_linear("decoder.{}.cross.output", "decoder.layers.{}.encoder_attn.out_proj"),
    *_linear("decoder.{}.cross_residual.norm", "decoder.layers.{}.encoder_attn_layer_norm"),
)
"""Hugging Face's MarianMT, whose code derives from fairseq's, uses the same names."""

TRANSFORMER = (
    *EMBEDDINGS,
    Rule("source_positions.weight", ("encoder.embed_positions.weight",), _from_first_position, optional=True),
    Rule("target_positions.weight", ("decoder.embed_positions.weight",), _from_first_position, optional=True),
    *_linear("source_embedding_norm", "encoder.layernorm_embedding", optional=True),
    *_linear("target_embedding_norm", "decoder.layernorm_embedding", optional=True),
    *TRANSFORMER_LAYERS,
    *_linear("encoder_norm", "encoder.layer_norm", optional=True),
    *_linear("decoder_norm", "decoder.layer_norm", optional=True),
    Rule("output.weight", ("decoder.output_projection.weight",), reordered),
)

CONVS2S = (
    *EMBEDDINGS,
    Rule("source_positions.weight", ("encoder.embed_positions.weight",), _from_first_position),
    Rule("target_positions.weight", ("decoder.embed_positions.weight",), _from_first_position),
    *_normalised("encoder_input", "encoder.fc1"),
    *_normalised("encoder.{}.residual", "encoder.projections.{}", optional=True),
    *_normalised("encoder.{}.convolution.linear", "encoder.convolutions.{}", _over_windows),
    *_normalised("encoder_output", "encoder.fc2"),
    *_normalised("decoder_input", "decoder.fc1"),
    *_normalised("decoder.{}.residual", "decoder.projections.{}", optional=True),
    *_normalised("decoder.{}.convolution.linear", "decoder.convolutions.{}", _over_windows),
    *_normalised("decoder.{}.attention.query", "decoder.attention.{}.in_projection", optional=True),
    *_normalised("decoder.{}.attention.output", "decoder.attention.{}.out_projection", optional=True),
    *_normalised("decoder_output", "decoder.fc2"),
)

OUTPUT = (
    Rule("output.direction", ("decoder.fc3.weight_v",), reordered),
    Rule("output.magnitude", ("decoder.fc3.weight_g",), _reordered_magnitude),
    Rule("output.bias", ("decoder.fc3.bias",), reordered),
)

TIED_OUTPUT = (
    Rule("output.direction", ("decoder.fc3.weight",), _tied_direction),
    Rule("output.magnitude", ("decoder.fc3.weight",), _tied_magnitude),
    Rule("output.bias", ("decoder.fc3.bias",), reordered),
)
"""fairseq does not normalise an output layer that is the target embedding; in normalised form it computes the same."""
