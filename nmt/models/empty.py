"""A model whose weights have shapes but no values, free in memory and time: to compare, count or fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder


def empty_model(config: ModelConfig, source_vocabulary: int, target_vocabulary: int) -> EncoderDecoder[Any, Any]:
    """The model on the meta device; `nmt.models.weights.put_weights` fills it.

    Args:
        config: its options.
        source_vocabulary: size of the source vocabulary.
        target_vocabulary: size of the target vocabulary.

    Raises:
        ValueError: no such model is possible.
    """
    try:
        with torch.device("meta"), _NothingDrawn():
            model: EncoderDecoder[Any, Any] = config.build(source_vocabulary, target_vocabulary)
            return model
    except (TypeError, RuntimeError, ArithmeticError) as error:  # torch's errors for impossible sizes
        raise ValueError((str(error) or "impossible sizes").splitlines()[0]) from error


class _NothingDrawn(TorchFunctionMode):
    """Skips the random initialisation of tensors.

    On the meta device torch does it in Python code that takes a second to import.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_"):  # methods of tensors, or of nn.init with keywords
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
