"""Renames one toolkit's weights to another's by a table, and reports all that are missing or left over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.options import MOST_LAYERS

_MOST_NAMES = 30


def unchanged(x: Tensor) -> Tensor:
    """x itself."""
    return x


@dataclass(frozen=True)
class Rule:
    """One of our weights, and those of theirs that it is made of. `{}` in the names stands for a layer number."""

    ours: str
    theirs: tuple[str, ...]
    """Several weights are joined along their first axis."""
    convert: Callable[[Tensor], Tensor] = unchanged
    """Applied to the weight, or to the joined ones. Differentiable."""
    optional: bool = False
    """Whether an architecture may lack it; if none of `theirs` exist, ours is left out."""


def rename(
    weights: Mapping[str, Tensor], rules: Sequence[Rule], ignored: Sequence[str], where: str, kind: str
) -> dict[str, Tensor]:
    """The weights under our names.

    Args:
        weights: theirs. Unchanged ones are returned as they are, sharing memory; gradients flow from the result back
            to these.
        rules: one for each of our weights.
        ignored: patterns (`*`) of names that have no counterpart on purpose.
        where: the file that they come from, for errors.
        kind: the expected contents of the file, for errors: "a ... model".

    Raises:
        UserError: weights are unexpected or missing; all are named.
    """
    ours: dict[str, Tensor] = {}
    used: set[str] = set()
    missing: list[str] = []
    for rule in rules:
        for layer in _layers(rule, weights):
            names = [name.format(layer) for name in rule.theirs]
            found = [name for name in names if name in weights]
            used.update(found)
            if len(found) == len(names):
                parts = [weights[name] for name in names]
                ours[rule.ours.format(layer)] = rule.convert(torch.cat(parts) if len(parts) > 1 else parts[0])
            elif found or not rule.optional:
                missing += [name for name in names if name not in weights]
    left = [name for name in weights if name not in used and not any(fnmatchcase(name, each) for each in ignored)]
    if left or missing:
        raise UserError(
            where,
            f"the weights of {kind}",
            f"{len(left)} unexpected ({_list(left)}), and {len(missing)} missing ({_list(dict.fromkeys(missing))})",
            "The model has a different architecture, or was trained with an option that changes it.",
        )
    return ours


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies in memory: tensors mapped from a file would change with the file."""
    return {name: tensor.clone() for name, tensor in weights.items()}


def _layers(rule: Rule, weights: Iterable[str]) -> range:
    """The layers in the file, counted by any weight in them; a single pass for a rule without a layer number."""
    before, layered, _ = rule.theirs[0].partition("{}")
    if not layered:
        return range(1)
    numbers = [re.match(re.escape(before) + r"([0-9]{1,4})(?![0-9])", name) for name in weights]
    found = [int(number[1]) for number in numbers if number and int(number[1]) < MOST_LAYERS]
    return range(max(found, default=-1) + 1)  # weights of layers beyond are reported as unexpected


def _list(names: Iterable[str]) -> str:
    """A readable list of names, with several layers as one: "decoder.layers.*.fc3.bias (6 of them)"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", name), []).append(name)
    shown = [group[0] if len(group) == 1 else f"{name} ({len(group)} of them)" for name, group in groups.items()]
    more = [f"and {len(shown) - _MOST_NAMES:,} more"] if len(shown) > _MOST_NAMES else []
    return ", ".join(shown[:_MOST_NAMES] + more) or "none"
