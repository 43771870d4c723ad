"""An objective is all that knows what is minimised: a further one trains, and its own figures are in the log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from nmt.data.batch import Batch
from nmt.training.objectives import Likelihood, Objective
from nmt.training.objectives.base import Model, Precision
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.tally import TallyTensor
from tests.unit.training.driver import options, prepared, trainer
from tests.unit.training.runs import ALONE, logged


class Counting(Objective):
    """Likelihood that also counts pairs."""

    figures: ClassVar[tuple[str, ...]] = ("pairs",)

    def accumulate(
        self, model: Model, batch: Batch, key: int, precision: Precision, tally: TallyTensor
    ) -> Mapping[str, Tensor]:
        with precision():
            found = cross_entropy(model, batch, 0.1)
        found.loss.backward()
        tokens, pairs = batch.target_tokens, len(batch.source)
        tally.add(found.loss, found.likelihood, tokens, units=tokens, figures=(pairs,))
        return found.statistics


def test_a_further_objective_trains_and_its_figures_are_logged(tmp_path: Path) -> None:
    store, tokenizers = prepared(tmp_path)
    training = options(updates=4, objective=Likelihood(), label_smoothing=0.1, best_by="loss")
    trainer(tmp_path / "likelihood", store, tokenizers, ALONE, training).train()
    trainer(tmp_path / "counting", store, tokenizers, ALONE, training, objective=Counting()).train()
    plain, counting = logged(tmp_path / "likelihood"), logged(tmp_path / "counting")
    pairs = [record.pop("pairs") for record in counting if record["event"] == "progress"]
    assert counting == plain
    assert len(pairs) == 4
    assert all(0 < share < 0.5 for share in pairs)  # of a target token, EOS included
