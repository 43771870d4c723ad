"""The second and third stages: train tokenizers on the clean text, and store the text as token ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmt.data.context import Data
from nmt.data.document_window import DocumentWindow
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
    options: TokenizerOptions,
    text: PreparedText,
    languages: Sequence[str],
    run: Path,
    reporter: Reporter,
    data: Data = Data(),  # noqa: B008 -- immutable
) -> PreparedIds:
    """Trains the tokenizers into `tokenizer/` and stores the token ids in `ids/`.

    Args:
        options: the tokenizer options.
        text: text to train on and to tokenise.
        languages: language codes of its sides.
        run: the run directory.
        reporter: receives the events.
        data: how the text becomes examples.
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
        most = dict[str, int]()
        for name, of_set in (("train", text.training), ("validation", text.validation)):
            most[name] = build_store(
                of_set,
                tokenizers,
                directory / name,
                keep_text=options.samples and name == "train",
                borders=text.raw.documents,
                joined_length=data.max_length if data.joins else None,
                apart=data.sentences and name == "train",
                progress=reporter.progress,
            )
        facts: dict[str, Any] = store_facts(PairStore(directory / "train"))
        if data.joins:
            facts["documents"] = _window(data, facts, most["train"]).model_dump(mode="json")
            reporter.log(
                "at most {sentences:,} sentences, {pieces:,} source pieces together".format(**facts["documents"])
            )
        if isinstance(text.training, ParallelFiles):
            facts["several_sentences"] = share_of_several(_sentences(text), facts["pairs"], languages[0])
            reporter.log("{pairs:,} pairs, {source_tokens:,} + {target_tokens:,} tokens".format(**facts))
        else:
            reporter.log("{pairs:,} lines, {target_tokens:,} tokens".format(**facts))
        return facts

    inputs = text.inputs(text.training, text.validation) | _named(TOKENIZER, tokenizer_record.outputs)
    stage_options = {"text": options.samples} | ({"data": data.model_dump(mode="json")} if data.joins else {})
    run_stage(Stage(IDS, IDS_VERSION, stage_options, inputs, store_ids), run, reporter)
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


def _sentences(text: PreparedText) -> Iterator[str]:
    """The sources of the training text, without the borders of documents."""
    return filter(None, read_lines(text.training.sides[0]))


def _window(data: Data, facts: Mapping[str, Any], sentences: int) -> DocumentWindow:
    """The largest examples of joined sentences: the sources that fit together with their translations."""
    ratio = min(1.0, facts["source_tokens"] / max(facts["target_tokens"], 1))
    pieces = min(facts["longest_source"], int(data.max_length * ratio))
    return DocumentWindow(pieces=max(1, pieces), sentences=sentences)


def _chunks(pairs: int) -> Iterator[tuple[int, int]]:
    for start in range(0, pairs, _CHUNK_PAIRS):
        yield start, min(start + _CHUNK_PAIRS, pairs)


def _renewed(record: Record) -> Record:
    options = renewed(TokenizerOptions, record.options)
    return replace(record, options=options) if isinstance(options, dict) else record


def _named(stage: str, outputs: Mapping[str, str]) -> dict[str, str]:
    return {f"{stage}/{name}": digest for name, digest in outputs.items()}
