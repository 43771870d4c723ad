"""The other toolkits, if they are installed: in CI they must be."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import IN_CI

# What the parts of torch that fairseq uses warn of. None of it concerns our own code.
FAIRSEQ_WARNINGS = (
    r"ignore:`torch\.nn\.utils\.weight_norm` is deprecated:FutureWarning:torch.nn.utils.weight_norm",
    r"ignore:Support for mismatched key_padding_mask and attn_mask:UserWarning:torch.nn.functional",
    r"ignore:Using (a )?non-full backward hooks?:FutureWarning:torch.nn.modules.module",
    r"ignore:Positional args are being deprecated:FutureWarning:fairseq.modules.linearized_convolution",
)


# Files that transformers opens and leaves to the garbage collector to close.
TRANSFORMERS_WARNINGS = (r"ignore:unclosed file .*\.json:ResourceWarning",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in TRANSFORMERS_WARNINGS if _uses_transformers(item.path) else FAIRSEQ_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="module", autouse=True)
def _peer(request: pytest.FixtureRequest) -> None:
    """Imports what the module compares with."""
    request.getfixturevalue("transformers" if _uses_transformers(request.path) else "fairseq")


def _uses_transformers(path: Path) -> bool:
    return path.name.startswith("test_marian")


@pytest.fixture(scope="session")
def transformers() -> Iterator[None]:
    """Imports transformers, or skips the tests; in CI, fails them. It stays offline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        # fairseq brings it; it need not go with this torch, and transformers would import it
        patch.setitem(sys.modules, "torchaudio", None)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what its modules say when they are imported
                from transformers import MarianMTModel, MarianTokenizer  # noqa: F401
                from transformers.utils import logging as transformers_logging
        except ImportError as error:
            _absent("transformers", "test", error)
        transformers_logging.disable_progress_bar()
        yield


@pytest.fixture(scope="session")
def fairseq() -> None:
    """Imports fairseq, or skips the tests; in CI, fails them."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its modules say when they are imported
            import fairseq.models  # noqa: F401
    except ImportError as error:
        _absent("fairseq", "fairseq", error)
    finally:  # some of its modules set up logging when they are imported
        root.setLevel(level)
        root.handlers[:] = handlers


def _absent(toolkit: str, extra: str, error: ImportError) -> NoReturn:
    """A parity test that is skipped where everything is installed would pass for ever without having run."""
    reason = f"needs {toolkit}, which cannot be imported ({error}): install the extra `{extra}`"
    if IN_CI:
        pytest.fail(f"{reason} (its absence skips a test, but not in CI)")
    pytest.skip(reason)
