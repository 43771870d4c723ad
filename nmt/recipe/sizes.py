"""Counts the parameters of a recipe's model without allocating any."""

from __future__ import annotations

from nmt.models import ModelConfig
from nmt.models.empty import empty_model
from nmt.tokenizer import TokenizerOptions


def parameter_counts(model: ModelConfig, tokenizer: TokenizerOptions) -> dict[str, int]:
    """Parameters by part of the model, shared ones counted once (with the first part), and `total`.

    Parts are the model's top-level modules; if there is only one (a language model's decoder), its submodules.
    """
    built = empty_model(model, *tokenizer.vocabulary_sizes)
    depth = 1 if len({name.split(".")[0] for name, _ in built.named_parameters()}) > 1 else 2
    seen: set[int] = set()
    counts: dict[str, int] = {}
    for name, parameter in built.named_parameters():
        if id(parameter) not in seen:
            seen.add(id(parameter))
            part = ".".join(name.split(".")[:depth])
            counts[part] = counts.get(part, 0) + parameter.numel()
    return {**counts, "total": sum(counts.values())}
