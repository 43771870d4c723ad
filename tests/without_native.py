"""Everything in torch, as where no C compiler was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nmt.nn import native


@contextmanager
def without_library() -> Iterator[None]:
    """The C functions do not exist in here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        patch.setattr(native, "pushdown", lambda: None)
        yield
