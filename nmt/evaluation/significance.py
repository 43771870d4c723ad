"""Significance of the difference between two systems: paired bootstrap resampling (Koehn 2004) by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest, Result

from nmt.evaluation.measures import MEASURES, OF_TESTS, MeasureName
from nmt.evaluation.scores import check_lines
from nmt.evaluation.tokenization import DEFAULT


@dataclass(frozen=True)
class Comparison:
    """Two systems compared by one measure."""

    name: str
    """"BLEU", "chrF2" or "TER"."""
    baseline: float
    system: float
    baseline_interval: tuple[float, float]
    """Mean and half-width of the 95 % confidence interval over the resamples."""
    system_interval: tuple[float, float]
    p_value: float
    """Probability of a difference at least this large if the systems were equally good."""
    signature: str

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def paired_bootstrap(
    baseline: Sequence[str],
    system: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenizer: str = DEFAULT,
    samples: int = 1000,
    measures: Sequence[MeasureName] = OF_TESTS,
) -> list[Comparison]:
    """Compares two translations of the same text; equals `sacrebleu -i baseline system --paired-bs`.

    Args:
        baseline: detokenised lines of one system.
        system: lines of the other.
        references: one or more texts with the same number of lines.
        tokenizer: sacrebleu's name of the tokenizer for BLEU.
        samples: number of resamples of the test set.
        measures: the measures to compare by; those not from sacrebleu are skipped.

    Raises:
        UserError: the numbers of lines differ.
    """
    for lines in references:
        check_lines(baseline, lines, "baseline")
        check_lines(system, lines, "compared hypotheses")
    systems: list[tuple[str, Sequence[str]]] = [("baseline", list(baseline)), ("system", list(system))]
    texts = [list(lines) for lines in references]
    metrics: dict[str, Metric] = {
        name: metric for name in measures if (metric := MEASURES[name].metric(tokenizer)) is not None
    }
    if not metrics:
        return []
    test = PairedTest(systems, metrics, texts, test_type="bs", n_samples=samples)
    signatures, columns = test()
    compared = []
    for name, signature in signatures.items():
        first, second = columns[name]
        assert isinstance(first, Result)
        assert isinstance(second, Result)
        assert second.p_value is not None
        compared.append(
            Comparison(
                name=name,
                baseline=first.score,
                system=second.score,
                baseline_interval=_interval(first),
                system_interval=_interval(second),
                p_value=second.p_value,
                signature=str(signature),
            )
        )
    return compared


def _interval(result: Result) -> tuple[float, float]:
    assert result.mean is not None
    assert result.ci is not None
    return float(result.mean), float(result.ci)
