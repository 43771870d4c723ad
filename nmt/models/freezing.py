"""Parts of a model that training leaves as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmt.errors import UserError
from nmt.models.base import EncoderDecoder


def freeze(model: EncoderDecoder[Any, Any], parts: Sequence[str], where: str = "training.freeze") -> None:
    """Lets no gradient reach some parameters.

    Args:
        model: whose parameters no optimiser has seen yet.
        parts: names of modules or parameters, dotted as in `named_parameters`; each stands for all that is below it. A
            matrix that several parts share is frozen with any of them.
        where: the key that names them, for errors.

    Raises:
        UserError: a part is not one of the model's, or nothing is left to train.
    """
    # a shared matrix has several names, all of which count
    parameters = list(model.named_parameters(remove_duplicate=False))
    for part in parts:
        found = [parameter for name, parameter in parameters if f"{name}.".startswith(f"{part}.")]
        if not found:
            known = ", ".join(dict.fromkeys(name.split(".")[0] for name, _ in parameters))
            fix = f"Its parts are {known}, and their own parts, as in decoder.0."
            raise UserError(where, "names of the model's parts", part, fix)
        for parameter in found:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for _, parameter in parameters):
        raise UserError(where, "something left to train", f"every part frozen by {', '.join(parts)}")
