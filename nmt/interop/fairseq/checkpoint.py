"""fairseq checkpoints: weights, and training settings in the old (`args`) or new (`cfg`) format."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from nmt.errors import UserError
from nmt.interop.pickle_data import load_pickle, plain, plain_tensors

KIND = "a fairseq checkpoint"

_LONGEST_NAME = 100
_NESTED = ("encoder", "decoder", "quant_noise")
"""Groups of a model's settings that new checkpoints may nest: `encoder: {layers: 6}` is `encoder_layers: 6`."""


@dataclass(frozen=True)
class FairseqCheckpoint:
    """One checkpoint file."""

    path: Path
    architecture: str
    """As given to fairseq's --arch; "unknown" if the file does not say."""
    model: Mapping[str, Any]
    """The model's settings by flag name."""
    task: Mapping[str, Any]
    """The task's settings by flag name, and its name under `task`."""
    bpe: Mapping[str, Any]
    """Settings of --bpe; its kind is under `bpe`."""
    tokenizer: Mapping[str, Any]
    """Settings of --tokenizer; its kind is under `tokenizer`."""
    state: Mapping[str, Tensor]
    """The weights by fairseq's names."""
    updates: int | None
    """Number of training steps, if the file says."""


def read_checkpoint(path: Path) -> FairseqCheckpoint:
    """Reads a checkpoint without running anything in it.

    Raises:
        UserError: it is not a fairseq checkpoint, or refers to names that are not allowed.
    """
    content = load_pickle(path, KIND)
    state = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        found = f"the entries {_names(content)}" if isinstance(content, Mapping) else type(content).__name__
        raise UserError(str(path), f"{KIND}, with weights under `model`", found)
    weights = plain_tensors(state, path, "nothing but named tensors under `model`")
    try:
        settings, updates = _settings(content, path), _updates(content)
    except ValueError as error:
        raise UserError(str(path), f"{KIND} with plain settings", str(error)) from None
    model = _flat(settings["model"])
    return FairseqCheckpoint(
        path=path,
        architecture=_short(model.get("arch") or model.get("_name") or "unknown"),
        model=model,
        **{name: _named(settings[name], name) for name in ("task", "bpe", "tokenizer")},
        state=weights,
        updates=updates,
    )


def _settings(content: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    names = ("model", "task", "bpe", "tokenizer")
    if content.get("cfg") is not None:
        unresolved = plain(content["cfg"])
        sections = plain(unresolved, unresolved) if isinstance(unresolved, dict) else {}
        return {name: found if isinstance(found := sections.get(name), dict) else {} for name in names}
    arguments = plain(content.get("args"))
    if not isinstance(arguments, dict) or not arguments:
        raise UserError(str(path), f"{KIND}, with its settings under `args` or `cfg`", _names(content))
    for side in ("source", "target"):  # until 2018 there was one number for both
        arguments.setdefault(f"max_{side}_positions", arguments.get("max_positions"))
    return dict.fromkeys(names, arguments)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat = dict(settings)
    for group in _NESTED:
        nested = flat.pop(group, None)
        if isinstance(nested, Mapping):
            flat |= {f"{group}_{name}": value for name, value in nested.items()}
    return flat


def _named(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings with their kind under the section's name, as in old checkpoints; new ones use `_name`."""
    return {**settings, name: settings.get("_name") or settings.get(name)}


def _updates(content: Mapping[str, Any]) -> int | None:
    history = plain(content.get("optimizer_history"))
    last = history[-1] if isinstance(history, list) and history else None
    updates = last.get("num_updates") if isinstance(last, Mapping) else None
    return updates if isinstance(updates, int) and 0 <= updates < 1 << 63 else None


def _names(values: object) -> str:
    names = [_short(value) for value in values] if isinstance(values, (Mapping, list)) else []
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "") or "nothing"


def _short(value: object) -> str:
    return value if isinstance(value, str) and len(value) < _LONGEST_NAME else reprlib.repr(value)
