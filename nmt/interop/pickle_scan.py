"""Checks what a checkpoint's pickle would build, from its instructions, without executing any.

torch's restricted unpickler runs no foreign code, but a malicious file can still make it use all memory, run forever or
crash the process: with a tuple a million deep, with sixty that each contain the previous one twice, with a call for
five gigabytes of zeros, with a kilobyte that unpacks to three gigabytes. So its instructions are traced here first,
with only the size of each value on the stack, and anything that no checkpoint of a translation model needs is refused.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nmt.errors import UserError

_KINDS = "BFloat16 Bool Byte Char Double Float Half Int Long Short".split()
_NUMBERS = "bfloat16 bool float16 float32 float64 int16 int32 int64 int8 uint8".split()
TENSORS = frozenset(
    (
        *(f"torch.{where}{kind}Storage" for where in ("", "cuda.") for kind in _KINDS),
        *(f"torch.{number}" for number in _NUMBERS),
        *(f"torch._utils.{name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")),
        "torch.nn.parameter.Parameter",
        "torch.Size",
        "torch.device",
        "collections.OrderedDict",
        "builtins.set",
        "_codecs.encode",
    )
)
"""Names used in pickles of dense tensors of real numbers and plain containers; torch's own list has many more."""

_MOST_BYTES = 1 << 26
"""Maximum size of the instructions; a checkpoint with its optimiser's state has some hundred kilobytes."""
_MOST_INSTRUCTIONS = 1_000_000
_MOST_DIRECTORY_BYTES = 1 << 23
"""Maximum size of a zip's list of entries: some fifty thousand of them."""
_DEEPEST_TUPLE, _LARGEST_TUPLE = 100, 100_000
"""Maximum depth of nested tuples, and number of values in one when expanded: hashing it visits each of them."""
_LONGEST_CONSTANT = 100
_PICKLES_OF_OLD_FILES = 5
"""Pickles in a file from before torch 1.6: the format's magic number, its version, the system's properties, the
contents, the list of storages; then come the storages."""


class _Value(NamedTuple):
    """The known facts about a value on the stack."""

    depth: int = 0
    """Levels of nested tuples."""
    size: int = 1
    """Number of values in it, repeated ones counted each time."""
    constant: str = ""
    """Its text, if it is a name or a short string."""
    last: str = ""
    """The constant at the end of a tuple."""


def check_pickle(path: Path, kind: str, allowed: Collection[str]) -> None:
    """Refuses a torch.save file that would build things no checkpoint needs.

    Args:
        path: the file.
        kind: the expected contents, for errors: "a ... checkpoint".
        allowed: names that it may use besides those of tensors.

    Raises:
        UserError: it uses other names, is too large or too deeply nested, or is another kind of file.
        OSError: it cannot be read.
    """
    names = TENSORS | set(allowed)
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            stream = _Bounded(file)
            for _ in range(_PICKLES_OF_OLD_FILES):
                _check(stream, path, kind, names)
        else:
            _check(io.BytesIO(_zipped(file, path, kind)), path, kind, names)


def _zipped(file: BinaryIO, path: Path, kind: str) -> bytes:
    """The instructions in a zip whose entries are all uncompressed, as torch.save writes them."""
    try:
        if _directory_bytes(file) > _MOST_DIRECTORY_BYTES:
            raise UserError(str(path), kind, "a zip of too many files")
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            pickles = [entry for entry in entries if entry.filename.rsplit("/", 1)[-1] == "data.pkl"]
            if len(pickles) != 1:
                raise UserError(str(path), kind, "a zip of other files" if not pickles else "a zip with several")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise UserError(str(path), f"{kind} as torch.save writes it", "a compressed zip")
            if pickles[0].file_size > _MOST_BYTES:
                raise _excess(path, kind, f"{pickles[0].file_size:,} bytes of settings")
            return archive.read(pickles[0])
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        raise UserError(str(path), kind, f"a damaged zip ({error})") from None


def _directory_bytes(file: BinaryIO) -> int:
    """The size in bytes of a zip's list of entries, which any access to the zip reads first."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(end - (1 << 16) - 22, 0))
    tail = file.read()
    record = tail.rfind(b"PK\x05\x06")
    (size,) = struct.unpack_from("<L", tail, record + 12)
    if size == 0xFFFFFFFF:  # the true size is in a separate record before it
        (size,) = struct.unpack_from("<Q", tail, tail.rfind(b"PK\x06\x06", 0, record) + 40)
    file.seek(0)
    return int(size)


class _Bounded:
    """The beginning of a file, limited to the maximum size of instructions."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, _MOST_BYTES

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(min(size, self._left)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


def _check(stream: io.BytesIO | _Bounded, path: Path, kind: str, names: Collection[str]) -> None:
    machine = _Machine(path, kind, names)
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
            if number >= _MOST_INSTRUCTIONS:
                raise _excess(path, kind, f"more than {_MOST_INSTRUCTIONS:,} instructions")
            machine.follow(opcode.name, argument)
    except (ValueError, IndexError, KeyError, EOFError, struct.error) as error:
        raise UserError(str(path), kind, f"damaged or other data ({error})") from None


class _Machine:
    """Traces a pickle's instructions, keeping only the sizes of the values they would make."""

    def __init__(self, path: Path, kind: str, names: Collection[str]) -> None:
        self._path, self._kind, self._names = path, kind, names
        self._stack: list[_Value] = []
        self._marks: list[int] = []
        self._memo: dict[int, _Value] = {}

    def follow(self, instruction: str, argument: object) -> None:
        """Traces one instruction.

        Raises:
            UserError: its result is not allowed.
            IndexError, KeyError, ValueError: it makes no sense at this point.
        """
        if instruction in ("PROTO", "STOP"):
            return
        if instruction in _PUSHED:
            constant = argument if isinstance(argument, str) and len(argument) <= _LONGEST_CONSTANT else ""
            self._stack.append(_Value(constant=constant))
        elif instruction in _TAKEN:
            for _ in range(_TAKEN[instruction]):
                self._stack.pop()
        elif instruction in _TUPLES:
            count = _TUPLES[instruction]
            parts = [self._stack.pop() for _ in range(count)][::-1]
            self._push_tuple(parts)
        elif step := getattr(self, f"_{instruction.lower()}", None):
            step(argument)
        else:
            raise ValueError(f"the instruction {instruction}, which torch.save does not write")

    def _push_tuple(self, parts: list[_Value]) -> None:
        depth = 1 + max((part.depth for part in parts), default=0)
        size = 1 + sum(part.size for part in parts)
        if depth > _DEEPEST_TUPLE or size > _LARGEST_TUPLE:
            raise _excess(self._path, self._kind, "values nested too deeply or repeated too often")
        self._stack.append(_Value(depth, size, last=parts[-1].constant if parts else ""))

    def _since_mark(self) -> list[_Value]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _mark(self, _: object) -> None:
        self._marks.append(len(self._stack))

    def _tuple(self, _: object) -> None:
        self._push_tuple(self._since_mark())

    def _appends(self, _: object) -> None:
        self._since_mark()

    _setitems = _appends

    def _global(self, argument: object) -> None:
        name = _today(*str(argument).split(" ", 1))
        if name not in self._names:
            raise UserError(
                str(self._path),
                f"{self._kind} of tensors and settings only",
                f"one that refers to {name[:_LONGEST_CONSTANT]}",
                "Nothing was run. Loading it without restrictions could run any code: do not, unless you trust its "
                "source.",
            )
        self._stack.append(_Value(constant=name))

    def _reduce(self, _: object) -> None:
        """A call: its result is as large as its arguments."""
        arguments, function = self._stack.pop(), self._stack.pop()
        if function.constant == "_codecs.encode" and arguments.last != "latin1":  # others are slow, or decompress
            raise _excess(self._path, self._kind, f"text in the encoding {arguments.last!r}")
        self._stack.append(_Value(arguments.depth, arguments.size))

    _newobj = _reduce

    def _binput(self, argument: object) -> None:
        assert isinstance(argument, int)
        self._memo[argument] = self._stack[-1]

    _long_binput = _binput

    def _binget(self, argument: object) -> None:
        assert isinstance(argument, int)
        self._stack.append(self._memo[argument])

    _long_binget = _binget

    def _binpersid(self, _: object) -> None:
        self._stack[-1] = _Value()


_PUSHED = frozenset(
    "NONE NEWTRUE NEWFALSE EMPTY_LIST EMPTY_DICT EMPTY_SET BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE "
    "SHORT_BINSTRING".split()
)
_TAKEN = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _today(module: str, name: str = "") -> str:
    """The Python 3 form of a name from Python 2."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"


def _excess(path: Path, kind: str, got: str) -> UserError:
    return UserError(str(path), f"{kind} of tensors and settings only", got, "It was not read any further.")
