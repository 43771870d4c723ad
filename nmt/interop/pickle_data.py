"""Reads PyTorch checkpoints of other programs as plain data. Nothing that they name is imported or run.

A pickle is a program: it names functions and classes to call. Here torch's restricted unpickler reads it, which builds
tensors and containers and refuses every other name, and the names in ALLOWED, which checkpoints use for settings and
bookkeeping, all mean the same inert class: it keeps what it is given. Not even `argparse.Namespace` is the real one.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch

from nmt.errors import UserError

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
        UserError: it cannot be read, is something else, or names what is not in ALLOWED, which is not run.
    """
    try:
        with path.open("rb"):
            pass
        with torch.serialization.safe_globals([(StandIn, name) for name in ALLOWED]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except OSError as error:
        raise UserError(str(path), kind, error.strerror or str(error)) from None
    except Exception as error:  # a file of another kind, or one made with intent, can raise anything
        raise _refused(path, kind, str(error)) from None


def _refused(path: Path, kind: str, message: str) -> UserError:
    name = re.search(r"GLOBAL ([\w.]+)", message)
    if name:
        return UserError(
            str(path),
            f"{kind} that holds tensors and settings",
            f"one that names {name[1]}",
            "Nothing was run. Loading it the unrestricted way could run anything: do not, unless you trust its source.",
        )
    return UserError(str(path), kind, message.strip().splitlines()[0] if message.strip() else "another file")


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
