"""What every test shares: one thread, fixed seeds, and where real corpora are found."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

# Before torch is imported, and inherited by the processes that tests start: small tensors are fastest on one thread,
# and results on one thread do not depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest
import torch

# A law that modules of tests share shows the values it compares, as a test does.
pytest.register_assert_rewrite("tests.contract")

ROOT = Path(__file__).resolve().parent.parent
IN_CI = bool(os.environ.get("CI"))

torch.set_num_threads(1)

# A shell's background jobs ignore Ctrl-C, and so would every process that a test starts and then interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: on a shared machine it measures the neighbours. In CI the examples are the same in every run, so that
# a red run says something about the change; elsewhere each run looks at new ones.
hypothesis.settings.register_profile("nmt", deadline=None, derandomize=IN_CI, print_blob=True)
hypothesis.settings.load_profile("nmt")


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Give every test the same global random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - third-party code under test may draw from the global state
    torch.manual_seed(0)


def corpus_directory(name: str = "") -> Path:
    """Return `$NMT_DATA/name` (default ../shared/data beside the checkout), or skip the test; in CI, fail it.

    A corpus test that is skipped where the corpora should be would pass for ever without having run.
    """
    directory = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")).resolve() / name
    if not directory.is_dir():
        reason = f"needs the corpora of {directory}: set NMT_DATA to the folder that holds them"
        if IN_CI:
            pytest.fail(f"{reason} (missing data skips a test, but not in CI)")
        pytest.skip(reason)
    return directory


@pytest.fixture(scope="session")
def data_directory() -> Path:
    """The folder of real corpora."""
    return corpus_directory()


@pytest.fixture(scope="session")
def multi30k() -> Path:
    """Multi30k: {train,val,test_2016_flickr}.{en,de,fr}.gz."""
    return corpus_directory("multi30k")


@pytest.fixture(scope="session")
def europarl_sample() -> Path:
    """10,000 long, noisy pairs: train.tok.{en,de}.gz."""
    return corpus_directory("europarl_sample")
