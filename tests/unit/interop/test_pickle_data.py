from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from nmt.errors import UserError
from nmt.interop.pickle_data import StandIn, load_pickle, plain

KIND = "a checkpoint"


class Calls:
    """Pickled, it is a call of any function with any arguments."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("function", [os.system, eval, exec, os.mkdir, pickle.loads], ids=lambda each: each.__name__)
def test_a_hostile_pickle_is_refused_and_not_run(function: object, zipped: bool, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    argument: object = {
        os.system: f"mkdir {mark}",
        os.mkdir: str(mark),
        pickle.loads: pickle.dumps(Calls(os.mkdir, str(mark))),
    }.get(function, f"__import__('os').mkdir({str(mark)!r})")  # type: ignore[call-overload]
    path = tmp_path / "model.pt"
    torch.save({"model": OrderedDict(), "args": Calls(function, argument)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        UserError, match=r"model\.pt: expected a checkpoint that holds tensors.*Nothing was run"
    ) as refused:
        load_pickle(path, KIND)
    assert function.__name__ in str(refused.value)  # type: ignore[attr-defined]
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
    with pytest.raises(UserError, match=r"No such file|Is a directory"):
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
    module.DictConfig = container  # type: ignore[attr-defined]

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
