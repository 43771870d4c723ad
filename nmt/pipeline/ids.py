"""The second and third stages: train tokenizers on the clean text, and store the text as token ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmt.data.pairs import ParallelFiles, Text
from nmt.data.store import PairStore, build_store
from nmt.errors import UserError
from nmt.inference.sentences import share_of_several
from nmt.options import renewed
from nmt.pipeline.record import Record, read_record
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.stage import RECORDS, Stage, run_stage
from nmt.pipeline.text import PreparedText
from nmt.text import read_lines
from nmt.tokenizer import TokenizerOptions, TokenizerPair, load_tokenizers

TOKENIZER, TOKENIZER_VERSION = "tokenizer", 1
IDS, IDS_VERSION = "ids", 1
_CHUNK_PAIRS = 1 << 16


@dataclass(frozen=True)
class PreparedIds:
    """Tokenizers and token ids for training."""

    tokenizers: TokenizerPair
    training: Path
    """Folder of the training store."""
    validation: Path
    """Folder of the validation store."""
    validation_text: Text
    digests: Mapping[str, str]
    """SHA-256 of tokenizers and stores, as inputs of a later stage."""
    facts: Mapping[str, Any]
    """Pairs, tokens and longest sentences of the training store; a language model's sources have no tokens."""


def prepare_ids(
    options: TokenizerOptions, text: PreparedText, languages: Sequence[str], run: Path, reporter: Reporter
) -> PreparedIds:
    """Trains the tokenizers into `tokenizer/` and stores the token ids in `ids/`.

    Args:
        options: the tokenizer options.
        text: text to train on and to tokenise.
        languages: language codes of its sides.
        run: the run directory.
        reporter: receives the events.
    """

    def train_tokenizers(directory: Path) -> Mapping[str, Any]:
        if isinstance(text.training, ParallelFiles):
            pair = options.train(text.training.source, text.training.target, directory)
        else:
            pair = options.train_alone(text.training.target, directory)
        return {"source_vocabulary": pair.source.vocabulary_size, "target_vocabulary": pair.target.vocabulary_size}

    inputs = text.inputs(text.training) | dict(options.digests())
    plain = options.model_dump(mode="json")
    stage = Stage(TOKENIZER, TOKENIZER_VERSION, plain, inputs, train_tokenizers, renewed=_renewed)
    tokenizer_record = run_stage(stage, run, reporter)
    tokenizers = load_tokenizers(run / TOKENIZER)

    def store_ids(directory: Path) -> Mapping[str, Any]:
        for name, of_set in (("train", text.training), ("validation", text.validation)):
            keep_text = options.samples and name == "train"
            build_store(of_set, tokenizers, directory / name, keep_text=keep_text, progress=reporter.progress)
        facts: dict[str, Any] = store_facts(PairStore(directory / "train"))
        if isinstance(text.training, ParallelFiles):
            lines = read_lines(text.training.source)
            facts["several_sentences"] = share_of_several(lines, facts["pairs"], languages[0])
            reporter.log("{pairs:,} pairs, {source_tokens:,} + {target_tokens:,} tokens".format(**facts))
        else:
            reporter.log("{pairs:,} lines, {target_tokens:,} tokens".format(**facts))
        return facts

    inputs = text.inputs(text.training, text.validation) | _named(TOKENIZER, tokenizer_record.outputs)
    run_stage(Stage(IDS, IDS_VERSION, {"text": options.samples}, inputs, store_ids), run, reporter)
    return prepared_ids(run, text.validation)


def prepared_ids(run: Path, validation_text: Text) -> PreparedIds:
    """The outputs of these stages in a run directory, without checking them again.

    Raises:
        UserError: a stage has not been run.
    """
    records = {stage: read_record(run / RECORDS / f"{stage}.json") for stage in (TOKENIZER, IDS)}
    tokenizer, ids = records[TOKENIZER], records[IDS]
    if tokenizer is None or ids is None:
        raise UserError(str(run), "prepared data", "none", "Run `nmt prepare RECIPE` first.")
    return PreparedIds(
        tokenizers=load_tokenizers(run / TOKENIZER),
        training=run / IDS / "train",
        validation=run / IDS / "validation",
        validation_text=validation_text,
        digests=_named(TOKENIZER, tokenizer.outputs) | _named(IDS, ids.outputs),
        facts=ids.facts,
    )


def store_facts(store: PairStore) -> dict[str, int]:
    """Numbers of pairs and tokens, and the longest sentence of each side, in pieces without BOS and EOS."""
    facts = {"pairs": len(store), "source_tokens": 0, "target_tokens": 0, "longest_source": 0, "longest_target": 0}
    for start, stop in _chunks(len(store)):
        for side, lengths in (
            ("source", store.source_lengths(start, stop)),
            ("target", store.target_lengths(start, stop)),
        ):
            facts[f"{side}_tokens"] += int(lengths.sum())
            facts[f"longest_{side}"] = max(facts[f"longest_{side}"], int(lengths.max()))
        store.release()
    return facts


def _chunks(pairs: int) -> Iterator[tuple[int, int]]:
    for start in range(0, pairs, _CHUNK_PAIRS):
        yield start, min(start + _CHUNK_PAIRS, pairs)


def _renewed(record: Record) -> Record:
    options = renewed(TokenizerOptions, record.options)
    return replace(record, options=options) if isinstance(options, dict) else record


def _named(stage: str, outputs: Mapping[str, str]) -> dict[str, str]:
    return {f"{stage}/{name}": digest for name, digest in outputs.items()}
