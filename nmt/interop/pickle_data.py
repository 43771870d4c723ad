"""Reads PyTorch checkpoints of other programs as plain data. Nothing that they name is imported or run.

A pickle is a program: it names functions and classes to call. Its instructions are checked first
(nmt/interop/pickle_scan.py). Then torch's restricted unpickler reads it, which builds tensors and containers and
refuses all other names. The names in ALLOWED, which checkpoints use for settings and bookkeeping, all map to the same
inert class, which only keeps its arguments. Not even `argparse.Namespace` is the real one.
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
    # settings: omegaconf's containers and the types that they record
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
"""The only names accepted in a pickle, besides those of tensors and plain containers."""

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_MOST_REFERENCES = 16
_MOST_VALUES, _DEEPEST = 100_000, 100
"""Limits for settings; real ones have some thousand values, less than ten levels deep."""
_MOST_TENSORS, _LONGEST_NAME = 20_000, 200
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool)
_MOST_REPEATS = 4
"""Maximum ratio of the tensors' total size to the file's; a tied matrix has two or three names."""


class StandIn:
    """A placeholder for any object of another program."""

    arguments: tuple[Any, ...]
    """The arguments it was made with."""
    state: Any
    """Its pickled state; for most objects their attributes by name."""

    def __new__(cls, *arguments: Any) -> StandIn:  # noqa: ANN401 -- anything in a pickle
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Drops the items of objects that act as mappings: only bookkeeping does."""


def load_pickle(path: Path, kind: str) -> Any:  # noqa: ANN401 -- the caller checks the type
    """The contents of a file written by torch.save: plain containers, tensors and stand-ins.

    Tensors of a large file stay on disk until they are used.

    Args:
        path: the file.
        kind: the expected contents, for errors: "a ... checkpoint".

    Raises:
        UserError: it cannot be read, is something else, refers to names that are not in ALLOWED (nothing is run), or
            would build objects larger than in any checkpoint.
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
    except Exception as error:  # another kind of file, or a malicious one, can raise anything
        raise UserError(str(path), kind, (str(error).strip() or "another kind of file").splitlines()[0]) from None


def plain_tensors(found: object, path: Path, expected: str) -> dict[str, Tensor]:
    """The weights in a file, by name, after checking that they are only dense tensors of real numbers on the CPU.

    Args:
        found: part of the file's contents.
        path: the file.
        expected: the expected contents, for errors.

    Raises:
        UserError: it is something else, has a tensor of another kind, or has tensors too large for the file.
    """
    if not isinstance(found, Mapping):
        raise UserError(str(path), expected, type(found).__name__)
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(str(path), expected, f"{reprlib.repr(name)}: {type(value).__name__}")
    if len(found) > _MOST_TENSORS or max(map(len, found), default=0) > _LONGEST_NAME:
        got = f"{len(found):,} of them, with names of up to {max(map(len, found)):,} characters"
        raise UserError(str(path), expected, got)
    for name, tensor in found.items():
        if tensor.dtype not in _FLOATS + _INTEGERS or tensor.layout != torch.strided or tensor.device.type != "cpu":
            kinds = (tensor.dtype, *((tensor.layout,) if tensor.layout != torch.strided else ()), tensor.device)
            got = f"{name} of {', '.join(str(kind).removeprefix('torch.') for kind in kinds)}"
            raise UserError(str(path), f"{expected}, as ordinary tensors of real numbers on the CPU", got)
    values = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if values > _MOST_REPEATS * path.stat().st_size:
        got = f"tensors of {values:,} bytes in a file of {path.stat().st_size:,}"
        raise UserError(str(path), f"{expected}, each stored in full", got)
    return dict(found)


def plain(value: object, root: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- any plain value
    """Replaces stand-ins by plain data: a namespace or an omegaconf container by a dict or list, an enum by its value.

    Args:
        value: part of the result of `load_pickle`.
        root: plain data that omegaconf's references ("${model.dropout}") point into; without it they stay text.

    Raises:
        ValueError: there are too many settings. A few bytes suffice for a container that contains itself, or for sixty
            that each contain the previous one twice, and everything is expanded here.
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


def _resolved(text: str, root: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- the value that the reference points to
    found: Any = text
    for _ in range(_MOST_REFERENCES):  # a reference may point to another, and a malicious one to itself
        reference = _REFERENCE.fullmatch(found) if isinstance(found, str) else None
        if reference is None:
            return found
        found = root
        for name in reference[1].split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    return None
