"""Reads PyTorch checkpoints of other programs as plain data. Nothing that they name is imported or run.

A pickle is a program: it names functions and classes to call. Its instructions are looked through first
(nmt/interop/pickle_scan.py). Then torch's restricted unpickler reads it, which builds tensors and containers and
refuses every other name, and the names in ALLOWED, which checkpoints use for settings and bookkeeping, all mean the
same inert class: it keeps what it is given. Not even `argparse.Namespace` is the real one.
"""

from __future__ import annotations

import re
import reprlib
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.documents import check_regular
from nmt.errors import UserError
from nmt.interop.pickle_scan import check_pickle

ALLOWED = (
    "argparse.Namespace",
    # settings: omegaconf's containers and the types that they note
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    *(
        f"omegaconf.nodes.{kind}Node"
        for kind in ("Any", "Boolean", "Bytes", "Enum", "Float", "Integer", "Path", "String", "Value")
    ),
    *(f"typing.{name}" for name in ("Any", "Dict", "List", "Optional", "Tuple", "Union")),
    *(f"builtins.{name}" for name in ("bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple")),
    "builtins.NoneType",
    "collections.defaultdict",
    "_operator.getitem",
    "operator.getitem",
    "pathlib.Path",
    "pathlib.PosixPath",
    # bookkeeping: fairseq's running means, and numpy's numbers among them
    *(
        f"fairseq.{module}.{kind}"
        for module in ("meters", "logging.meters")
        for kind in ("AverageMeter", "MetersDict", "StopwatchMeter", "SumMeter", "TimeMeter")
    ),
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
)
"""The only names of a pickle, besides those of tensors and plain containers, that are understood."""

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_MOST_REFERENCES = 16
_MOST_VALUES, _DEEPEST = 100_000, 100
"""Of settings; real ones are some thousand, and not ten deep."""
_MOST_TENSORS, _LONGEST_NAME = 20_000, 200
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool)
_MOST_REPEATS = 4
"""How often all of a file's bytes may be seen in its tensors; a matrix that is tied has two or three names."""


class StandIn:
    """Stands for any object of another program."""

    arguments: tuple[Any, ...]
    """What it was made from."""
    state: Any
    """What it is said to contain; for most objects their attributes by name."""

    def __new__(cls, *arguments: Any) -> StandIn:  # noqa: ANN401 -- whatever a pickle gives
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Drops the items of what calls itself a mapping: only bookkeeping does."""


def load_pickle(path: Path, kind: str) -> Any:  # noqa: ANN401 -- that is for the caller to find out
    """The contents of a file that torch.save wrote: plain containers, tensors and stand-ins.

    Tensors of a large file stay on the disk until they are used.

    Args:
        path: the file.
        kind: what it should be, for errors: "a ... checkpoint".

    Raises:
        UserError: it cannot be read, is something else, names what is not in ALLOWED, which is not run, or would build
            what is larger than any checkpoint.
    """
    try:
        check_regular(path, kind)
        check_pickle(path, kind, ALLOWED)
        with torch.serialization.safe_globals([(StandIn, name) for name in ALLOWED]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except OSError as error:
        raise UserError(str(path), kind, error.strerror or str(error)) from None
    except UserError:
        raise
    except Exception as error:  # a file of another kind, or one made with intent, can raise anything
        raise UserError(str(path), kind, (str(error).strip() or "another file").splitlines()[0]) from None


def plain_tensors(found: object, path: Path, expected: str) -> dict[str, Tensor]:
    """What a file says are weights, if it is nothing but dense tensors of real numbers on the CPU, by name.

    Args:
        found: a part of what a file held.
        path: the file.
        expected: what it should be, for errors.

    Raises:
        UserError: it is something else, a tensor among it is of another kind, or they are larger than the file.
    """
    if not isinstance(found, Mapping):
        raise UserError(str(path), expected, type(found).__name__)
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(str(path), expected, f"{reprlib.repr(name)}: {type(value).__name__}")
    if len(found) > _MOST_TENSORS or max(map(len, found), default=0) > _LONGEST_NAME:
        got = f"{len(found):,} of them, the longest name of {max(map(len, found)):,} characters"
        raise UserError(str(path), expected, got)
    for name, tensor in found.items():
        if tensor.dtype not in _FLOATS + _INTEGERS or tensor.layout != torch.strided or tensor.device.type != "cpu":
            kinds = (tensor.dtype, *((tensor.layout,) if tensor.layout != torch.strided else ()), tensor.device)
            got = f"{name} of {', '.join(str(kind).removeprefix('torch.') for kind in kinds)}"
            raise UserError(str(path), f"{expected}, of ordinary real numbers", got)
    values = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if values > _MOST_REPEATS * path.stat().st_size:
        got = f"tensors of {values:,} bytes in a file of {path.stat().st_size:,}"
        raise UserError(str(path), f"{expected}, each written out", got)
    return dict(found)


def plain(value: object, root: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- any plain value
    """Stand-ins as what they stand for: a namespace or an omegaconf container as a dict or list, an enum as its value.

    Args:
        value: part of what `load_pickle` gave.
        root: plain data that omegaconf's references ("${model.dropout}") point into; they stay text without it.

    Raises:
        ValueError: settings without end. A few bytes are enough for a container that holds itself, or for sixty that
            each hold the one before twice: everything is written out where it stands.
    """
    return _plain(value, root, count(1), 0)


def _plain(value: object, root: Mapping[str, Any] | None, counter: Iterator[int], depth: int) -> Any:  # noqa: ANN401
    if next(counter) > _MOST_VALUES:
        raise ValueError(f"more than {_MOST_VALUES:,} settings")
    if depth > _DEEPEST:
        raise ValueError(f"settings nested {depth} deep")
    if isinstance(value, StandIn):
        return _plain(_contents(value), root, counter, depth + 1)
    if isinstance(value, Mapping):
        return {
            str(_plain(key, None, counter, depth + 1)): _plain(item, root, counter, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, root, counter, depth + 1) for item in value]
    if isinstance(value, str) and root is not None:
        return _resolved(value, root)
    return value


def _contents(value: StandIn) -> object:
    if isinstance(value.state, Mapping):
        for name in ("_content", "_val"):  # a container and a value of omegaconf
            if name in value.state:
                return value.state[name]
        return value.state
    return value.arguments[0] if len(value.arguments) == 1 else None


def _resolved(text: str, root: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- what the reference points to
    found: Any = text
    for _ in range(_MOST_REFERENCES):  # one may point to another, and a crafted one to itself
        reference = _REFERENCE.fullmatch(found) if isinstance(found, str) else None
        if reference is None:
            return found
        found = root
        for name in reference[1].split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    return None
