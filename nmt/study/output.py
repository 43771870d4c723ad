"""The files of a study's results: study.json, table.md and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmt.output import write_atomically
from nmt.pipeline.environment import versions
from nmt.study.results import Results, SystemResult
from nmt.study.table import Table
from nmt.study.yardsticks import yardsticks_of

RESULTS = "study.json"
TABLE = "table.md"
_FORMAT = 1


def write_results(results: Results, table: Table, directory: Path) -> None:
    """Writes study.json and table.md into the study's folder."""
    with write_atomically(directory / RESULTS) as handle:
        json.dump(as_json(results), handle, indent=2, ensure_ascii=False)
        handle.write("\n")
    with write_atomically(directory / TABLE) as handle:
        handle.write(table.markdown())


def as_json(results: Results) -> dict[str, Any]:
    """All figures as plain data."""
    study = results.plan.study
    return {
        "format": _FORMAT,
        "name": study.name,
        "claim": study.claim,
        "compare": study.compare,
        "seeds": list(study.seeds),
        "measures": [measure.model_dump(mode="json") for measure in results.measures],
        "measure": study.measure.described(results.test_set),
        "lower_is_better": study.measure.lower_is_better,
        "systems": [_system(results, system) for system in results.systems],
        "yardsticks": [{"name": row.name, "values": list(row.values)} for row in yardsticks_of(results)],
        "versions": versions(),
    }


def _system(results: Results, system: SystemResult) -> dict[str, Any]:
    published, difference = results.plan.study.published.get(system.variant.name), system.difference
    return {
        "name": system.variant.name,
        "grid": dict(system.variant.values),
        "settings": {setting.key: setting.value for setting in system.variant.settings},
        "parameters": system.parameters,
        "training_seconds": system.seconds,
        "measured": [
            {"label": measure.label, "count": found.count, "mean": found.mean, "deviation": found.deviation}
            for measure, found in zip(results.measures, system.summaries, strict=True)
        ],
        "difference": None
        if difference is None
        else {
            "baseline": difference.baseline,
            "value": difference.value,
            "pooled_deviation": difference.pooled_deviation,
            "p": difference.p_value,
            "p_by_seed": {str(seed): p for seed, p in difference.p_values.items()},
        },
        "published": None if published is None else published.model_dump(),
        "runs": [
            {
                "seed": run.cell.seed,
                "folder": run.cell.directory.relative_to(results.plan.directory).as_posix(),
                "finished": run.finished,
                "failure": run.why or None,
                "values": [run.value(measure) for measure in results.measures],
                "training_seconds": run.seconds if run.finished else None,
            }
            for run in system.runs
        ],
    }
