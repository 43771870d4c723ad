"""fairseq, if it is installed: in CI it must be."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from tests.conftest import IN_CI

# What the parts of torch that fairseq uses warn of. None of it concerns our own code.
FAIRSEQ_WARNINGS = (
    r"ignore:`torch\.nn\.utils\.weight_norm` is deprecated:FutureWarning:torch.nn.utils.weight_norm",
    r"ignore:Support for mismatched key_padding_mask and attn_mask:UserWarning:torch.nn.functional",
    r"ignore:Using (a )?non-full backward hooks?:FutureWarning:torch.nn.modules.module",
    r"ignore:Positional args are being deprecated:FutureWarning:fairseq.modules.linearized_convolution",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in FAIRSEQ_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session", autouse=True)
def _fairseq() -> None:
    """Imports fairseq, or skips the tests; in CI, fails them.

    A parity test that is skipped where everything is installed would pass for ever without having run.
    """
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its modules say when they are imported
            import fairseq.models  # noqa: F401
    except ImportError as error:
        reason = f"needs fairseq, which cannot be imported ({error}): install the extra `fairseq`"
        if IN_CI:
            pytest.fail(f"{reason} (its absence skips a test, but not in CI)")
        pytest.skip(reason)
    finally:  # some of its modules set up logging when they are imported
        root.setLevel(level)
        root.handlers[:] = handlers
