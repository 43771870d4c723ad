"""What an earlier version made goes on working.

`model_of_0676c51` was written by commit 0676c51: a pre-norm Transformer of width 16 that has learnt to copy, 20 lines,
and what `nmt translate --precision fp32` made of them with beams of 1 and 4.

`half_done_run_of_0676c51` is a run folder of the same commit, killed after 15 of 40 updates, and the weights with which
that commit ended the same training undisturbed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.command import succeed

FIXTURES = Path(__file__).parents[1] / "fixtures"
OLDER = FIXTURES / "model_of_0676c51"
HALF_DONE = FIXTURES / "half_done_run_of_0676c51"


@pytest.mark.parametrize("beam", [1, 4])
def test_it_translates_the_same_bytes(beam: int) -> None:
    lines = (OLDER / "source.en").read_bytes()
    found = succeed("translate", OLDER / "model", "--precision", "fp32", "--beam", beam, given=lines)
    assert found.encode() == (OLDER / f"beam_{beam}.de").read_bytes()


def test_a_half_done_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    work = shutil.copytree(HALF_DONE, tmp_path / "work")
    assert "resuming after update 15" in succeed("train", work / "recipe.yaml", "--runs", work / "kept")
    run = work / "kept" / "mine_en_de" / "half_done"
    found = load_file(run / "train" / "checkpoints" / "weights_00000040.safetensors")
    expected = load_file(HALF_DONE / "weights_00000040.safetensors")
    assert found.keys() == expected.keys()
    for name, weight in expected.items():  # the same to the bit where the processor is the same
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-3, msg=name)
