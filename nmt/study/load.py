"""Reads the file of a study."""

from __future__ import annotations

from pathlib import Path

from nmt.recipe.document import Document, read_document
from nmt.recipe.load import load_options
from nmt.study.measure import spelled_out
from nmt.study.options import Study
from nmt.study.plan import Plan, make_plan

_EXAMPLE = "For example: `recipe: small.yaml`, `systems: {A: {}, B: {model.dropout: 0.3}}`, `measure: bleu`."


def load_plan(path: Path, runs: Path) -> Plan:
    """Reads and validates a study and the recipes of all its systems.

    Args:
        path: the YAML file.
        runs: folder of all runs.

    Raises:
        UserError: with every mistake, each as file:line, key, expected, got, fix.
    """
    document = read_document(path, "a study", "recipe, systems, measure, …", _EXAMPLE)
    data = {"name": path.stem, **document.data}
    if "measure" in data:  # here and not only in validation, so a message can show a wrong name
        data["measure"] = spelled_out(data["measure"])
    if isinstance(data.get("also"), list):
        data["also"] = list(map(spelled_out, data["also"]))
    study = load_options(Study, Document(document.where, data, document.lines))
    return make_plan(study, document, path.parent.resolve(), runs)
