from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from nmt.digest import file_digest
from nmt.errors import UserError


def test_it_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert file_digest(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_what_is_no_file_is_told_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("absent", "a readable file"), ("pipe", "a regular file"), (".", "a regular file")):
        with pytest.raises(UserError, match=said):
            file_digest(tmp_path / name)
