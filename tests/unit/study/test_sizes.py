"""Parameters of systems: exact, or bounds until the text has been read."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.pipeline.reporter import Silent
from nmt.pipeline.run import prepare
from nmt.study.check import check
from nmt.study.sizes import sizes_of, unequal
from tests.study_files import STUDY, load

SYMBOLS = STUDY.replace("wide: {", "wide: {tokenizer: {kind: symbols, unit: words}, ") + "compare: parameters\n"


def test_equal_parameters_are_accepted(tmp_path: Path) -> None:
    found = check(load(tmp_path, STUDY.replace("model.model_dim: 32", "model.dropout: 0.2") + "compare: parameters\n"))
    assert len({size.parameters for size in found.sizes.values()}) == 1


def test_a_width_that_fits_is_named_and_fits(tmp_path: Path) -> None:
    study = STUDY.replace("model.model_dim: 32", "model.model_dim: 32, model.encoder_layers: 2")
    with pytest.raises(UserError) as caught:
        check(load(tmp_path, f"{study}compare: parameters\nparameter_tolerance: 0.05\n"))
    width = caught.value.fix.split()[1]
    study = study.replace("model_dim: 32", f"model_dim: {width}")
    assert check(load(tmp_path, f"{study}compare: parameters\nparameter_tolerance: 0.1\n")).sizes


def test_a_bound_is_compared_once_the_text_has_been_read(tmp_path: Path) -> None:
    plan = load(tmp_path, SYMBOLS)
    sizes = check(plan).sizes  # with a vocabulary of 1,000
    assert sizes["wide"].bound
    cell = next(cell for cell in plan.cells() if cell.variant.name == "wide")
    prepare(cell.recipe, plan.directory, Silent())
    real = sizes_of(plan, {"wide": cell.directory})
    assert not real["wide"].bound
    assert real["wide"].parameters < sizes["wide"].parameters
    assert [mistake.where.rpartition(": ")[2] for mistake in unequal(plan, real)] == ["wide"]
