"""Freezing of parts of a model in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmt.errors import UserError
from nmt.models.base import EncoderDecoder


def freeze(model: EncoderDecoder[Any, Any], parts: Sequence[str], where: str = "training.freeze") -> None:
    """Excludes parameters from training.

    Args:
        model: the model, before any optimiser is created.
        parts: names of modules or parameters, dotted as in `named_parameters`; a module stands for everything in it. A
            matrix that several parts share is frozen if any of them is.
        where: the recipe key that names them, for errors.

    Raises:
        UserError: the model has no such part, or nothing is left to train.
    """
    # a shared matrix has several names, which all count
    parameters = list(model.named_parameters(remove_duplicate=False))
    for part in parts:
        found = [parameter for name, parameter in parameters if f"{name}.".startswith(f"{part}.")]
        if not found:
            known = ", ".join(dict.fromkeys(name.split(".")[0] for name, _ in parameters))
            fix = f"Its parts are {known}; a part of one of these is written as in decoder.0."
            raise UserError(where, "names of the model's parts", part, fix)
        for parameter in found:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for _, parameter in parameters):
        raise UserError(where, "something left to train", f"all parameters frozen by {', '.join(parts)}")
