"""A recipe that trains in a second, as a Python program writes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()


def small_recipe(folder: Path) -> dict[str, Any]:
    """Writes a corpus of some hundred pairs into a folder; the recipe names its files relative to it."""
    lines = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
    for name, chosen in (("train", lines), ("dev", lines[:4]), ("news", lines[5:9])):
        pairs = "".join(f"{line}\t{line[::-1]}\n" for line in chosen)
        (folder / f"{name}.tsv").write_text(pairs, encoding="utf-8")
    return {
        "name": "small",
        "corpus": {
            "kind": "files",
            "label": "mine",
            "source": "en",
            "target": "de",
            "training": [{"tsv": "train.tsv"}],
            "validation": {"tsv": "dev.tsv"},
            "tests": {"news": {"tsv": "news.tsv"}},
        },
        "tokenizer": {"vocabulary_size": 290},
        "model": {
            "kind": "transformer",
            "model_dim": 16,
            "feedforward_dim": 32,
            "heads": 2,
            "encoder_layers": 1,
            "decoder_layers": 1,
        },
        "training": {
            "updates": 8,
            "batch_tokens": 200,
            "processes": 1,
            "precision": "fp32",
            "validate_every": 500,
            "save_every": 500,
        },
        "search": {"beam": 2, "max_length_factor": 1.0, "max_length_offset": 2},
    }
