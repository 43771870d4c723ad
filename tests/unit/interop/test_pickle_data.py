from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from nmt.errors import UserError
from nmt.interop.pickle_data import StandIn, load_pickle, plain, plain_tensors

KIND = "a checkpoint"


class Calls:
    """Pickled, it is a call of any function with any arguments."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("function", [os.system, eval, exec, os.mkdir, pickle.loads], ids=lambda each: each.__name__)
def test_a_hostile_pickle_is_refused_and_not_run(function: Callable[..., object], zipped: bool, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    arguments: dict[Callable[..., object], object] = {
        os.system: f"mkdir {mark}",
        os.mkdir: str(mark),
        pickle.loads: pickle.dumps(Calls(os.mkdir, str(mark))),
    }
    argument = arguments.get(function, f"__import__('os').mkdir({str(mark)!r})")
    path = tmp_path / "model.pt"
    torch.save({"model": OrderedDict(), "args": Calls(function, argument)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"model\.pt: expected a checkpoint of tensors.*Nothing was run") as refused:
        load_pickle(path, KIND)
    assert function.__name__ in str(refused.value)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "the file was not hostile at all"


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "model.pt", tmp_path / "run"
    path.write_bytes(pickle.dumps(Calls(os.mkdir, str(mark)), protocol=2))
    with pytest.raises(UserError):
        load_pickle(path, KIND)
    assert not mark.exists()


def test_an_allowed_name_is_not_the_real_thing(tmp_path: Path) -> None:
    """What may be named may be called with anything, so it must do nothing."""
    path = tmp_path / "model.pt"
    torch.save({"args": Namespace(layers=2), "path": Path("/etc"), "type": Calls(list, "ab")}, path)
    content = load_pickle(path, KIND)
    assert {type(value) for value in content.values()} == {StandIn}
    assert plain(content["args"]) == {"layers": 2}


@pytest.mark.parametrize("content", [b"", b"text\n", b"PK\x03\x04 broken", b"\x80\x02.", b"\x80\x02}q\x00"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.pt: expected a checkpoint, got"):
        load_pickle(path, KIND)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save({"model": torch.zeros(1000)}, whole)
    path = tmp_path / "model.pt"
    path.write_bytes(whole.getvalue()[:-500])
    with pytest.raises(UserError, match=r"model\.pt"):
        load_pickle(path, KIND)


@pytest.mark.parametrize("name", ["nowhere.pt", "."])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No such file|got a folder"):
        load_pickle(tmp_path / name, KIND)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(UserError):
        load_pickle(tmp_path / "model.pt", KIND)


def test_containers_of_omegaconf_are_read_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it pickles them: containers hold `_content`, values `_val`. The real ones: tests/parity."""
    module = ModuleType("omegaconf.dictconfig")

    container = type("DictConfig", (), {"__module__": module.__name__})
    vars(module)["DictConfig"] = container

    def made(**state: object) -> object:
        vars(thing := container()).update(state)
        return thing

    for name in ("omegaconf", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)
    config = made(_metadata=None, _parent=None, _content={"dim": 4, "width": "${model.dim}", "loop": "${loop}"})
    root = made(_content={"model": config, "loop": "${model.loop}", "nowhere": "${no.thing}"})
    torch.save({"cfg": root}, tmp_path / "model.pt")
    content = plain(load_pickle(tmp_path / "model.pt", KIND)["cfg"])
    assert plain(content, content) == {
        "model": {"dim": 4, "width": 4, "loop": None},
        "loop": None,
        "nowhere": None,
    }


def test_tensors_keep_their_values(tmp_path: Path) -> None:
    tensor = torch.randn(3, 4)
    for zipped in (True, False):
        torch.save(
            {"model": {"w": tensor, "half": tensor.half()}}, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped
        )
        content = load_pickle(tmp_path / "m.pt", KIND)
        assert torch.equal(content["model"]["w"], tensor)
        assert content["model"]["half"].dtype == torch.float16


def saved(path: Path, pickle_bytes: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """A file of torch.save's with other instructions in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        archive.writestr("archive/version", "3\n")
    return path


DEEP_KEY = b"\x80\x02}N" + b"\x85" * 1_000_000 + b"K\x01s."
"""A dict whose key is a tuple in a tuple in …: hashing it would end the process."""
SHARED = b"\x80\x02}N" + b"".join(b"q%ch%c\x86" % (n, n) for n in range(60)) + b"K\x01s."
"""A dict whose key is sixty pairs, each of the one before twice."""
FIVE_GIGABYTES = b"\x80\x02}X\x01\x00\x00\x00ac__builtin__\nbytearray\n\x8a\x05" + (5 << 30).to_bytes(5, "little")
FIVE_GIGABYTES += b"\x85Rs."
PUNYCODE = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x08\x00\x00\x00punycode\x86R."
TENSOR_OF_ANY_SIZE = b"\x80\x02ctorch\nFloatTensor\n\x8a\x05" + (5 << 30).to_bytes(5, "little") + b"\x85R."


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (DEEP_KEY, "values nested too deeply"),
        (SHARED, "values nested too deeply"),
        (FIVE_GIGABYTES, r"refers to builtins\.bytearray"),
        (PUNYCODE, "the encoding 'punycode'"),
        (TENSOR_OF_ANY_SIZE, r"refers to torch\.FloatTensor"),
        (b"\x80\x02]" + b"Na" * 600_000 + b".", "1,000,000 instructions"),
        (b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.", "FRAME"),
        (b"\x80\x02X\xff\xff\xff\x7fa", "expected 2147483647 bytes"),
        (b"\x80\x02a.", "damaged or other data"),
        (b"\x80\x02ha.", "damaged or other data"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_what_would_take_all_memory_or_never_end_is_not_built(
    content: bytes, got: str, zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    if zipped:
        saved(path, content)
    else:
        torch.save({}, path, _use_new_zipfile_serialization=False)
        whole = path.read_bytes()
        assert whole.count(b"\x80\x02}q\x00.") == 1
        path.write_bytes(whole.replace(b"\x80\x02}q\x00.", content))
    with pytest.raises(UserError, match=got):
        load_pickle(path, KIND)


def test_a_compressed_archive_is_not_unpacked(tmp_path: Path) -> None:
    bomb = b"\x80\x02]" + b"Na" * 50_000_000 + b"."
    path = saved(tmp_path / "model.pt", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UserError, match="a compressed zip"):
        load_pickle(path, KIND)
    with pytest.raises(UserError, match="bytes of settings"):
        load_pickle(saved(path, bomb), KIND)


def test_an_archive_of_very_many_files_is_not_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        for number in range(70):
            archive.writestr(str(number) * 30_000 + str(number), b"")
        archive.filelist += archive.filelist[2:] * 5  # a list that says everything six times
    with pytest.raises(UserError, match="too many files"):
        load_pickle(tmp_path / "model.pt", KIND)


def test_names_of_python_2_are_those_of_python_3(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", b"\x80\x02c__builtin__\nset\n]\x85R.")
    assert load_pickle(path, KIND) == set()
    with pytest.raises(UserError, match=r"refers to builtins\.eval"):
        load_pickle(saved(path, b"\x80\x02c__builtin__\neval\n)R."), KIND)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.pt")
    with pytest.raises(UserError, match="a pipe"):
        load_pickle(tmp_path / "model.pt", KIND)


def odd_tensors() -> dict[str, torch.Tensor]:
    plain_one = torch.zeros(4, 4)
    return {
        "complex": plain_one.to(torch.complex64),
        "float8": plain_one.to(torch.float8_e4m3fn),
        "sparse": plain_one.to_sparse(),
        "meta": torch.zeros(4, 4, device="meta"),
        "quantized": torch.quantize_per_tensor(plain_one, 1.0, 0, torch.qint8),
        "expanded": torch.zeros(1).expand(1 << 16, 1 << 16),
    }


@pytest.mark.filterwarnings("ignore:.*quantiz.*:UserWarning")
@pytest.mark.parametrize("kind", ["complex", "float8", "sparse", "meta", "quantized", "expanded"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_only_ordinary_tensors_are_weights(kind: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": odd_tensors()[kind]}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"model\.pt: expected") as refused:
        plain_tensors(load_pickle(path, KIND), path, "weights")
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize("state", [{"a": 1}, {1: torch.zeros(1)}, [torch.zeros(1)], {"a" * 201: torch.zeros(1)}])
def test_only_named_tensors_are_weights(state: object, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", b"\x80\x02}.")
    with pytest.raises(UserError, match="expected weights, got"):
        plain_tensors(state, path, "weights")
    assert plain_tensors({"a": torch.zeros(3)}, path, "weights").keys() == {"a"}
