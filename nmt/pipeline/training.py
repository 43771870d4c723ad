"""The stages that produce the model: training, and the model directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nmt
from nmt.bundle import METADATA, MODEL, RECIPE, Metadata, add_scores, read_metadata, save_bundle
from nmt.data.document_window import DocumentWindow
from nmt.data.pairs import read_pairs
from nmt.data.store import PairStore
from nmt.evaluation.measures import MEASURES, OF_VALIDATION, MeasureName, worded
from nmt.evaluation.tokenization import DEFAULT, Tokenization, tokenizer_name
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translator
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.weights import load_weights, named_weights, parameter_count, read_tensors, save_tensors
from nmt.options import Effect, renewed, renewed_options, with_effect
from nmt.pipeline.ids import PreparedIds
from nmt.pipeline.objective import make_objective
from nmt.pipeline.ranks import announce
from nmt.pipeline.record import Record
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.stage import Stage, run_stage
from nmt.pipeline.start import initial_model, start_digests, start_notes, start_provenance
from nmt.pipeline.training_reporter import TrainingReporter
from nmt.recipe import Recipe
from nmt.search import SearchConfig
from nmt.text import read_lines
from nmt.training import Training
from nmt.training.distributed import World, join_world, process_count, started_processes
from nmt.training.trainer import Trainer, TrainingResult
from nmt.training.validation import ValidationSet, chosen_measures

TRAIN, TRAIN_VERSION = "train", 1
MODEL_VERSION = 1
FINAL = "final.safetensors"


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the recipe that training depends on."""

    model: ModelConfig
    training: Training
    search: SearchConfig
    """Search of validation. It helps select weights but does not influence them, so changing it does not
    restart training."""
    translation: TranslationOptions
    tokenize: Tokenization
    """How validation measures split text into words; like the search, this only helps select weights."""
    measures: Sequence[MeasureName] | None
    """Validation measures; None: BLEU, and GLEU in refinement; perplexity for a language model. The measure that
    selects the best weights is always included."""
    languages: tuple[str, str]
    """Codes of source and target; the source is empty for a language model."""
    resegment: bool
    """Sample a new segmentation of the training text for every batch."""


@dataclass(frozen=True)
class TrainedModel:
    """A model directory."""

    directory: Path
    digests: Mapping[str, str]
    """SHA-256 of everything that determines its translations."""

    def add_scores(self, scores: Mapping[str, Any]) -> None:
        """Writes the scores into the model's metadata."""
        if read_metadata(self.directory).scores != scores:
            add_scores(self.directory, scores)


def train(
    settings: TrainingSettings, ids: PreparedIds, run: Path, reporter: Reporter, arguments: Sequence[str]
) -> Record:
    """Trains in `train/`: checkpoints, log.jsonl, TensorBoard files and the final weights.

    Args:
        settings: settings of the recipe.
        ids: training and validation data.
        run: the run directory.
        reporter: receives the events.
        arguments: `nmt` arguments that start one more process of this training.

    Raises:
        KeyboardInterrupt: a signal stopped training; the next run resumes it.
    """
    trained = False

    def work(directory: Path) -> Mapping[str, Any]:
        nonlocal trained
        trained = True
        options = settings.training
        for note in start_notes(options, settings.languages):
            reporter.log(note)
        count = process_count(options.processes, options.micro_batches, options.device)
        with started_processes(count, arguments):
            announce(training=True)
            with join_world(options.device) as world:
                result, model = _train(settings, ids, directory, world, reporter)
        if not result.finished:
            reporter.log(f"stopped at update {result.position.update}; the same command resumes from there")
            raise KeyboardInterrupt
        save_tensors(directory / FINAL, named_weights(model), {})
        reporter.log(f"the model is the {result.chosen}: validation {worded(result.measures)}")
        return _facts(result, model)

    extent = _extent(settings.training)
    stage = Stage(
        TRAIN,
        TRAIN_VERSION,
        {
            "model": settings.model.model_dump(mode="json"),
            "training": _shaping(settings.training),
            **_reward(settings.training, _words(settings, ids)),
        },
        dict(ids.digests) | start_digests(settings.training),
        work,
        extent=extent,
        choice=_choice(settings.training, _words(settings, ids)),
        resumable=True,
        recorded=FINAL,
        renewed=_renewed,
    )
    record = run_stage(stage, run, reporter)
    if not trained:
        announce(training=False)
    return record


def follow(settings: TrainingSettings, ids: PreparedIds, run: Path, reporter: Reporter) -> None:
    """Takes part in a training led by the first process: computes but writes nothing."""
    with join_world(settings.training.device) as world:
        _train(settings, ids, run / TRAIN, world, reporter)


def save_model(
    settings: TrainingSettings,
    trained: Record,
    ids: PreparedIds,
    recipe: Mapping[str, Any],
    run: Path,
    reporter: Reporter,
) -> TrainedModel:
    """Makes the model directory `model/` from the final weights.

    Args:
        settings: settings of the recipe.
        trained: record of the training stage.
        ids: data that the model was trained on.
        recipe: the resolved recipe as plain values.
        run: the run directory.
        reporter: receives the events.
    """
    source, target = ids.tokenizers.source, ids.tokenizers.target

    def work(directory: Path) -> Mapping[str, Any]:
        model = settings.model.build(source.vocabulary_size, target.vocabulary_size)
        path = run / TRAIN / FINAL
        load_weights(model, read_tensors(path)[0], str(path))
        metadata = Metadata(
            nmt_version=nmt.__version__,
            source_language=settings.languages[0],
            target_language=settings.languages[1],
            source_vocabulary=source.vocabulary_size,
            target_vocabulary=target.vocabulary_size,
            tokenizer_digests={"source": source.digest, "target": target.digest},
            parameters=parameter_count(model),
            longest_source=ids.facts["longest_source"],
            longest_target=ids.facts["longest_target"],
            several_sentences=ids.facts.get("several_sentences"),
            documents=_documents(ids),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            provenance={
                "pairs": ids.facts["pairs"],
                "training": dict(trained.facts),
                **start_provenance(settings.training),
            },
        )
        save_bundle(directory, model, ids.tokenizers, recipe, metadata)
        return {"parameters": metadata.parameters}

    inputs = {f"{TRAIN}/{name}": digest for name, digest in trained.outputs.items()}
    unhashed = frozenset({METADATA})
    stage = Stage(
        MODEL, MODEL_VERSION, {"recipe": dict(recipe)}, inputs, work, unhashed=unhashed, renewed=_renewed_model
    )
    record = run_stage(stage, run, reporter)
    digests = {f"{MODEL}/{name}": d for name, d in record.outputs.items() if name not in (METADATA, RECIPE)}
    digests["model options"] = hashlib.sha256(settings.model.model_dump_json().encode()).hexdigest()
    return TrainedModel(run / MODEL, digests)


def _train(
    settings: TrainingSettings, ids: PreparedIds, directory: Path, world: World, reporter: Reporter
) -> tuple[TrainingResult, EncoderDecoder[Any, Any]]:
    store = PairStore(ids.training)
    trainer = Trainer(
        settings.training,
        lambda: initial_model(settings.model, settings.training, ids.tokenizers, store),
        store,
        ids.tokenizers,
        _validation_set(settings, ids),
        directory,
        world,
        TrainingReporter(reporter, settings.training.updates, "pairs" if settings.languages[0] else "lines"),
        objective=make_objective(settings.training, ids.tokenizers, _words(settings, ids)),
        resegment=settings.resegment,
    )
    return trainer.train(), trainer.model


def _validation_set(settings: TrainingSettings, ids: PreparedIds) -> ValidationSet:
    def translate(model: EncoderDecoder[Any, Any], lines: Sequence[str]) -> Iterator[str]:
        facts, language = ids.facts, settings.languages[0]
        training_text = TrainingText(facts["longest_source"], facts.get("several_sentences"), language, _documents(ids))
        translator = Translator(
            model, ids.tokenizers, settings.search, settings.translation.unfused(), training_text=training_text
        )
        return (translation.text for translation in translator.translate(lines))

    words, pairs = _words(settings, ids), list(read_pairs(ids.validation_text))
    return ValidationSet(
        store=PairStore(ids.validation),
        sources=[source for source, _ in pairs],
        references=[target for _, target in pairs],
        translate=translate,
        documents=settings.translation.documents,
        measures=chosen_measures(_measures(settings)),
        tokenizer=words,
    )


def _documents(ids: PreparedIds) -> DocumentWindow | None:
    """The largest examples of joined sentences; None if sentences were not joined."""
    found = ids.facts.get("documents")
    return None if found is None else DocumentWindow.model_validate(found)


def _words(settings: TrainingSettings, ids: PreparedIds) -> str:
    """Name of the sacrebleu tokenizer that measures use."""
    return tokenizer_name(settings.tokenize, settings.languages[1], read_lines(ids.validation_text.target))


def _measures(settings: TrainingSettings) -> Iterator[MeasureName]:
    """The validation measures, possibly with repetitions."""
    if settings.measures is not None:
        yield from settings.measures
    elif settings.model.task == "language_model":
        yield "perplexity"
    else:
        yield from OF_VALIDATION
        if settings.training.objective.shows_gleu:
            yield "gleu"
    if settings.training.best_by != "loss":
        yield settings.training.best_by


def _shaping(options: Training) -> dict[str, Any]:
    """Options that the weights depend on; the number of updates only if the schedule depends on it."""
    shaping = with_effect(options, None)
    if options.schedule.listens:
        shaping["validate_every"] = options.validate_every
    if _looks_ahead(options):
        shaping["updates"] = options.updates
    return shaping


def _reward(options: Training, words: str) -> dict[str, Any]:
    """Word tokenizer of an objective that counts words, if it is not the original default."""
    return {"reward": words} if options.objective.counts_words and words != DEFAULT else {}


def _extent(options: Training) -> dict[str, int]:
    """Limits of training that do not influence the weights; no entry: no limit."""
    extent = with_effect(options, Effect.EXTENT)
    if _looks_ahead(options):
        del extent["updates"]
    return {name: limit for name, limit in extent.items() if limit}


def _choice(options: Training, words: str) -> dict[str, Any]:
    """Options that select among the weights that training leaves."""
    by_words = options.best_by != "loss" and MEASURES[options.best_by].counts_words
    return {**with_effect(options, Effect.CHOICE), "words": words if by_words else None}


def _renewed(record: Record) -> Record:
    """Converts a record of a version that treated all training options as influencing the weights."""
    model, recorded = record.options.get("model"), record.options.get("training")
    if not isinstance(recorded, dict):
        return record
    options = renewed_options(Training, {**record.extent, **recorded})
    if options is None:
        return record
    shaping, choice = _shaping(options), {**_choice(options, DEFAULT), **record.choice}
    model = renewed(ModelConfig, model)
    return replace(record, options={**record.options, "model": model, "training": shaping}, choice=choice)


def _renewed_model(record: Record) -> Record:
    return replace(record, options={"recipe": renewed(Recipe, record.options.get("recipe"))})


def _looks_ahead(options: Training) -> bool:
    """Whether the learning rate of an update depends on the total number of updates (cosine, linear)."""
    schedule, updates = options.schedule, options.updates
    return any(schedule.rate(n, updates) != schedule.rate(n, 2 * updates + 1) for n in (1, updates // 2 + 1, updates))


def _facts(result: TrainingResult, model: EncoderDecoder[Any, Any]) -> dict[str, Any]:
    position = result.position
    return {
        "parameters": parameter_count(model),
        "updates": position.update,
        "epochs": position.epoch + 1,
        "target_tokens": position.spent.target_tokens,
        "target_tokens_per_second": round(result.tokens_per_second, 1),
        "seconds_of_updates": round(position.spent.seconds, 3),
        "chosen": result.chosen,
        **({"validation_bleu": result.measures["bleu"]} if "bleu" in result.measures else {}),
        "validation": dict(result.measures),
        "pairs_left_out": result.left_out,
    }
