"""Turns one toolkit's named weights into another's by a table, leaving nothing out unnoticed."""

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
    """One weight here and what it is made of there. `{}` in the names stands for a layer's number, the same in all."""

    ours: str
    theirs: tuple[str, ...]
    """Several are joined along their first axis."""
    convert: Callable[[Tensor], Tensor] = unchanged
    """What is done to the weight, or to the joined ones. Differentiable."""
    optional: bool = False
    """Not every architecture has it; without all of `theirs` there is none of ours."""


def rename(
    weights: Mapping[str, Tensor], rules: Sequence[Rule], ignored: Sequence[str], where: str, kind: str
) -> dict[str, Tensor]:
    """The weights under our names.

    Args:
        weights: theirs. Those that change neither values nor shape are returned as they are, sharing memory; a gradient
            flows from what is returned to what came in.
        rules: one for each of our weights.
        ignored: patterns (`*`) of names that have no counterpart on purpose.
        where: the file that they come from, for errors.
        kind: what the file should hold, for errors: "a ... model".

    Raises:
        UserError: a weight is left over or missing; all are named.
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
            f"{len(left)} that nothing here corresponds to ({_list(left)}), and {len(missing)} missing "
            f"({_list(dict.fromkeys(missing))})",
            "The model is of another architecture, or was trained with an option that changes it.",
        )
    return ours


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same in memory of their own: those of a file follow what becomes of the file."""
    return {name: tensor.clone() for name, tensor in weights.items()}


def _layers(rule: Rule, weights: Iterable[str]) -> range:
    """The layers that the file has, counted by any weight of them; one without a number where there are no layers."""
    before, layered, _ = rule.theirs[0].partition("{}")
    if not layered:
        return range(1)
    numbers = [re.match(re.escape(before) + r"([0-9]{1,4})(?![0-9])", name) for name in weights]
    found = [int(number[1]) for number in numbers if number and int(number[1]) < MOST_LAYERS]
    return range(max(found, default=-1) + 1)  # a weight of any later layer is left over, and named


def _list(names: Iterable[str]) -> str:
    """The names, those of several layers as one: "decoder.layers.*.fc3.bias (6 of them)"; not more than can be read."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", name), []).append(name)
    shown = [group[0] if len(group) == 1 else f"{name} ({len(group)} of them)" for name, group in groups.items()]
    more = [f"and {len(shown) - _MOST_NAMES:,} more"] if len(shown) > _MOST_NAMES else []
    return ", ".join(shown[:_MOST_NAMES] + more) or "none"
