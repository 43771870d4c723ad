"""Import of a fairseq checkpoint with its dictionaries as a model directory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nmt
from nmt.bundle import Bundle, Metadata
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.interop.fairseq.architecture import build_model
from nmt.interop.fairseq.checkpoint import FairseqCheckpoint, read_checkpoint
from nmt.interop.fairseq.text import TextChoices, build_text
from nmt.models.weights import parameter_count
from nmt.options import LONGEST
from nmt.search.options import BeamSearch

SEARCH = BeamSearch(
    beam=5,
    length_penalty=1.0,
    length_normalization="power",
    early_stopping=True,
    min_length=1,
    max_length_factor=0.0,
    max_length_offset=200,
)
"""The defaults of fairseq-generate."""


def import_checkpoint(path: Path, choices: TextChoices, architecture: str | None = None) -> Bundle:
    """The imported model, ready for `nmt.bundle.save_bundle`.

    Args:
        path: the checkpoint.
        choices: the user's choices about its text.
        architecture: fairseq's name of the model, instead of the one in the checkpoint.

    Raises:
        UserError: the checkpoint or a file beside it cannot be read, or has something that is not supported.
    """
    if not path.exists() and ":" in str(path):
        raise UserError(
            str(path),
            "one checkpoint",
            "several, an ensemble",
            "Ensembles cannot be imported. Import one of them; or if they are from one training run, import each and "
            "average them with `nmt average`.",
        )
    checkpoint = read_checkpoint(path)
    if architecture is not None:
        checkpoint = replace(checkpoint, architecture=architecture)
    text = build_text(checkpoint, choices)
    source, target = text.tokenizers.source, text.tokenizers.target
    config, model = build_model(checkpoint, source.vocabulary_size, target.vocabulary_size)
    recipe = {
        "model": config.model_dump(mode="json"),
        "tokenizer": source.options.model_dump(mode="json"),
        "search": _search(checkpoint).model_dump(mode="json"),
    }
    metadata = Metadata(
        nmt_version=nmt.__version__,
        source_language=text.source_language,
        target_language=text.target_language,
        source_vocabulary=source.vocabulary_size,
        target_vocabulary=target.vocabulary_size,
        tokenizer_digests={"source": source.digest, "target": target.digest},
        parameters=parameter_count(model),
        longest_source=_most(checkpoint, "source"),
        longest_target=_most(checkpoint, "target"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provenance={
            "imported_from": "fairseq",
            "checkpoint": path.name,
            "sha256": file_digest(path),
            "architecture": checkpoint.architecture,
            "tokenizer": text.tokenizer,
            "bpe": text.bpe,
            **({} if checkpoint.updates is None else {"updates": checkpoint.updates}),
        },
    )
    return Bundle(model, text.tokenizers, metadata, recipe)


def _search(checkpoint: FairseqCheckpoint) -> BeamSearch:
    limit = _positions(checkpoint, "target") - 1  # fairseq's search stops there too
    return SEARCH.model_copy(update={"max_length_offset": min(SEARCH.max_length_offset, limit)})


def _most(checkpoint: FairseqCheckpoint, side: str) -> int:
    """Maximum length of a sentence in fairseq, in pieces: EOS takes one position."""
    return _positions(checkpoint, side) - 1


def _positions(checkpoint: FairseqCheckpoint, side: str) -> int:
    """Number of positions of the model or of the task, whichever is lower."""
    name = f"max_{side}_positions"
    told = [section.get(name) for section in (checkpoint.model, checkpoint.task)]
    found = [min(value, LONGEST) for value in told if isinstance(value, int)]
    table = checkpoint.state.get(f"{'encoder' if side == 'source' else 'decoder'}.embed_positions.weight")
    learned = [] if table is None else [len(table) - 2]  # two rows are for the ids up to padding
    return max(min([*found, *learned], default=1024), 2)
