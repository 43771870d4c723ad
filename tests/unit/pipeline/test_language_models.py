"""Directories of language models are averaged, quantised and loaded as any others."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.bundle import load_bundle
from nmt.inference.scoring import token_totals
from nmt.pipeline.averaging import average_models
from nmt.pipeline.quantizing import quantize_model
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.contract.listed import LANGUAGE_MODELS


@pytest.mark.parametrize("name", ["recurrent-lm", "stack-lm"])
def test_averaged_quantised_and_loaded(name: str, tmp_path: Path) -> None:
    model, mean, small = save_tiny_model(tmp_path, LANGUAGE_MODELS[name]), tmp_path / "mean", tmp_path / "small"
    average_models([model, model], mean)
    quantize_model(mean, small)
    lines = [ordinary_line(number) for number in range(20)]
    loaded = map(load_bundle, (model, mean, small))
    plain, averaged, quantised = (
        token_totals(bundle.model, bundle.tokenizers, [""] * len(lines), lines) for bundle in loaded
    )
    assert averaged == plain
    assert quantised != plain
    assert quantised.log_probability == pytest.approx(plain.log_probability, rel=0.01)
