"""Tying of a model's three vocabulary matrices: source embedding, target embedding, output layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nmt.nn.embedding import TokenEmbedding

Tying = Literal["all", "target", "none"]


def make_embeddings(
    tying: Tying,
    source_vocabulary: int,
    target_vocabulary: int,
    make: Callable[[int], TokenEmbedding],
    make_target: Callable[[int], TokenEmbedding] | None = None,
) -> tuple[TokenEmbedding, TokenEmbedding]:
    """Source and target embedding; one and the same if all are tied.

    Args:
        tying: the matrices to share.
        source_vocabulary: number of tokens of the source.
        target_vocabulary: number of tokens of the target.
        make: makes an embedding for that many tokens.
        make_target: makes the target embedding, if not `make`.

    Raises:
        ValueError: all are tied but the vocabularies differ in size.
    """
    if tying == "all" and source_vocabulary != target_vocabulary:
        raise ValueError(
            f"tied_embeddings: all needs one joint vocabulary, not {source_vocabulary} and {target_vocabulary} pieces"
        )
    source = make(source_vocabulary)
    return source, source if tying == "all" else (make_target or make)(target_vocabulary)
