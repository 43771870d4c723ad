"""Save a model's tokenizers to files, and check the files when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmt.digest import file_digest
from nmt.documents import read_json_object
from nmt.errors import UserError
from nmt.output import write_atomically
from nmt.tokenizer.base import TokenizerPair

DESCRIPTION = "tokenizer.json"
_FORMAT = 1


def save_tokenizers(pair: TokenizerPair, directory: Path) -> None:
    """Writes joint.model, or source.model and target.model, and tokenizer.json, which lists them.

    tokenizer.json is written last, so a folder that has it is complete.
    """
    sides = {"joint": pair.source} if pair.joint else {"source": pair.source, "target": pair.target}
    for side, tokenizer in sides.items():
        tokenizer.save(directory / f"{side}.model")
    description = {
        "format": _FORMAT,
        "models": {
            side: {"options": tokenizer.options.model_dump(mode="json"), "sha256": tokenizer.digest}
            for side, tokenizer in sides.items()
        },
    }
    with write_atomically(directory / DESCRIPTION) as handle:
        json.dump(description, handle, indent=2, ensure_ascii=False)
        handle.write("\n")


def read_description(directory: Path) -> dict[str, Any]:
    """The entry of each side in tokenizer.json: `options` (as plain data) and `sha256`.

    Raises:
        UserError: the file is missing, damaged, or of another version.
    """
    path = directory / DESCRIPTION
    description = read_json_object(path, "a tokenizer's description")
    form, models = description.get("format"), description.get("models")
    if form != _FORMAT or not isinstance(models, dict):
        raise UserError(str(path), f"format {_FORMAT}", f"format {form}", "Use the version of nmt that wrote it.")
    return models


def check_digest(path: Path, expected: str) -> None:
    """Refuses a model file whose digest is not the recorded one.

    Raises:
        UserError: the file is missing or differs.
    """
    found = file_digest(path)
    if found != expected:
        raise UserError(
            str(path),
            f"the tokenizer that was saved here (SHA-256 {expected[:12]})",
            f"a different file (SHA-256 {found[:12]})",
            "Restore the original file: with another tokenizer, token ids stand for different words.",
        )
