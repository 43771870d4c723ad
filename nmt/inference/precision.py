"""Which numbers a model computes with when it translates."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from nmt.inference.options import Precision
from nmt.nn.weight_norm import fold_weight_norm

ModelT = TypeVar("ModelT", bound=nn.Module)


def with_precision(model: ModelT, precision: Precision) -> ModelT:
    """The model in this precision, without weight norm; a copy where its weights change.

    "bf16" converts the weights once. (Autocast would convert them again at every step of the search,
    which costs more than the products save.) The search's own sums stay in fp32.
    "auto" is fp32 as yet.
    """
    folded = fold_weight_norm(model)
    if precision == "bf16":
        return copy.deepcopy(folded).to(torch.bfloat16)
    return folded
