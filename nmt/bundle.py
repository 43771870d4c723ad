"""The model directory: all that is needed to translate on another machine, and what is known of its making.

model/
  weights.safetensors     parameters by name
  recipe.yaml             the recipe with every default resolved
  tokenizer/              the wordpiece models and their digests
  metadata.json           languages, sizes, scores, provenance
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from nmt.documents import read_json_object, read_yaml
from nmt.errors import UserError
from nmt.options import Count, Options, Size, Task, Total, VocabularySize
from nmt.output import write_atomically

if TYPE_CHECKING:  # what a directory says of itself is read without torch
    import torch
    from ruamel.yaml import YAML
    from torch import Tensor

    from nmt.models import ModelConfig
    from nmt.models.base import EncoderDecoder
    from nmt.tokenizer.base import TokenizerPair

FORMAT_VERSION = 3
"""1: weights in floating point; 2: weights of 8 bits too; 3: a digest of the weights."""
WEIGHTS, RECIPE, TOKENIZER, METADATA = "weights.safetensors", "recipe.yaml", "tokenizer", "metadata.json"
MODEL = "model"
"""The model directory in the folder of a run."""
_TASKS: Mapping[Task, str] = {"translation": "a translation model", "language_model": "a language model"}


class Metadata(Options):
    """What a model directory says of itself."""

    format_version: Size = 1
    """Version of the directory's layout: the oldest that has what is in it."""
    nmt_version: str
    """Version of the toolkit that wrote it."""
    source_language: str
    """Code of the language it reads; empty for a language model, which reads none."""
    target_language: str
    """Code of the language it writes."""
    source_vocabulary: VocabularySize
    """Pieces of the source vocabulary."""
    target_vocabulary: VocabularySize
    """Pieces of the target vocabulary."""
    tokenizer_digests: dict[str, str]
    """SHA-256 of the tokenizers that it was trained with, by side."""
    weights: Literal["fp32", "int8"] = "fp32"
    """Numbers that the weights are stored as."""
    weights_digest: str = ""
    """SHA-256 of the weights' content, as their file has it too; empty in directories of older versions."""
    parameters: Total
    """Number of trained values."""
    longest_source: Count = 0
    """Longest source sentence of training, in pieces."""
    longest_target: Count = 0
    """Longest target sentence of training, in pieces."""
    several_sentences: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the training lines whose source has more than one sentence; null: not known, or there is no source."""
    created: str
    """When it was written, ISO 8601, UTC."""
    scores: dict[str, dict[str, Any]] = {}
    """Scores by test set: `lines`, and for each measure its `name`, `score`, `signature` and `details`."""
    provenance: dict[str, Any] = {}
    """Corpus, updates, and whatever else tells how it came to be."""

    @property
    def task(self) -> Task:
        """What the model is for."""
        return "translation" if self.source_language else "language_model"

    @field_validator("scores")
    @classmethod
    def _check_scores(cls, scores: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for test, measures in scores.items():
            for name, found in measures.items():
                if name != "lines" and not _is_score(found):
                    raise ValueError(f"{name} of {test} is no score with its signature")
        return scores


def _is_score(found: object) -> bool:
    return isinstance(found, dict) and type(found.get("score")) in (int, float) and {"name", "signature"} <= set(found)


@dataclass
class Bundle:
    """A model directory, loaded."""

    model: EncoderDecoder[Any, Any]
    tokenizers: TokenizerPair
    metadata: Metadata
    recipe: dict[str, Any]
    """The resolved recipe as plain data; its section `model` is what this model was built from."""


def save_bundle(
    directory: Path,
    model: EncoderDecoder[Any, Any],
    tokenizers: TokenizerPair,
    recipe: Mapping[str, Any],
    metadata: Metadata,
) -> None:
    """Writes a model directory; one that is there already is replaced whole, not file by file.

    Raises:
        UserError: it cannot be written there.
    """
    from nmt.models.weights import named_weights, read_digest, save_tensors
    from nmt.tokenizer import save_tokenizers

    with whole_directory(directory) as part:
        save_tensors(part / WEIGHTS, named_weights(model), {"format": "pt"})
        with (part / RECIPE).open("w", encoding="utf-8") as file:
            _yaml().dump(dict(recipe), file)
        save_tokenizers(tokenizers, part / TOKENIZER)
        digest = read_digest(part / WEIGHTS)
        _write_metadata(part, metadata.model_copy(update={"weights_digest": digest, "format_version": FORMAT_VERSION}))


@contextmanager
def whole_directory(directory: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of `directory` when the block ends.

    What is there already is replaced whole, not file by file; when the block raises, it stays as it is.

    Raises:
        UserError: it cannot be written there.
    """
    directory = directory.resolve()  # "." has no name to put another one beside
    part, old = (directory.with_name(f".{directory.name}.{state}") for state in ("part", "old"))
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        shutil.rmtree(old, ignore_errors=True)
        if directory.exists():
            directory.replace(old)
        part.replace(directory)
    except OSError as error:
        raise UserError(str(directory), "a place for a model directory", error.strerror or str(error)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def load_bundle(
    directory: Path,
    device: torch.device | str = "cpu",
    model_options: Mapping[str, Any] | None = None,
    *,
    verify: bool = True,
) -> Bundle:
    """Reads a model directory; the model is in evaluation mode.

    What it says of itself is compared with what there is before anything of that size is made.

    Args:
        directory: the model directory, or the folder of a run.
        device: where the model is to be.
        model_options: stands in for the section `model` of the recipe; options of the same weights. None: as trained.
        verify: compare the weights with their digest; what was loaded a moment ago need not be again.

    Raises:
        UserError: something is missing, damaged, or does not belong together.
    """
    from nmt.models.weights import check_shapes, put_weights, read_digest, read_shapes, read_tensors
    from nmt.tokenizer import load_tokenizers

    directory = model_directory(directory)
    metadata = read_metadata(directory)
    recipe = read_recipe(directory)
    if model_options is not None:
        recipe = {**recipe, "model": dict(model_options)}
    tokenizers = load_tokenizers(directory / TOKENIZER)
    _check_tokenizers(tokenizers, metadata, directory / TOKENIZER)
    path = directory / WEIGHTS
    model = _empty_model(model_config(recipe, directory), metadata, directory)
    check_shapes(model, read_shapes(path), str(path))
    if (digest := read_digest(path)) != metadata.weights_digest and metadata.weights_digest:
        got = f"others ({digest[:12] or 'without a digest'})"
        raise UserError(str(path), f"the weights that {METADATA} was written for ({metadata.weights_digest[:12]})", got)
    weights, _ = read_tensors(path, verify=verify)
    if verify and not digest:
        _check_finite(weights, path)
    put_weights(model, weights, str(path))
    return Bundle(model.to(device).eval(), tokenizers, metadata, recipe)


def _check_tokenizers(tokenizers: TokenizerPair, metadata: Metadata, directory: Path) -> None:
    sizes = {"source": metadata.source_vocabulary, "target": metadata.target_vocabulary}
    for side, tokenizer in (("source", tokenizers.source), ("target", tokenizers.target)):
        trained_with = metadata.tokenizer_digests.get(side, "none")
        if tokenizer.digest != trained_with:
            raise UserError(
                str(directory),
                f"the {side} tokenizer that the model was trained with ({trained_with[:12]})",
                f"another one ({tokenizer.digest[:12]})",
                "Put the tokenizer of the training run back: another one gives the ids another meaning.",
            )
        if tokenizer.vocabulary_size != sizes[side]:
            expected = f"{sizes[side]} {side} pieces, as {METADATA} says"
            raise UserError(str(directory), expected, str(tokenizer.vocabulary_size))


def _check_finite(weights: Mapping[str, Tensor], path: Path) -> None:
    """For weights without a digest, which could be damaged unseen: numbers that no training leaves."""
    import torch

    from nmt.models.weights import DamagedError

    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DamagedError(str(path), "finite numbers", f"others in {name}", "Its training has diverged.")


def _empty_model(config: ModelConfig, metadata: Metadata, directory: Path) -> EncoderDecoder[Any, Any]:
    from nmt.models.empty import empty_model
    from nmt.models.quantization import quantized

    try:
        model = empty_model(config, metadata.source_vocabulary, metadata.target_vocabulary)
    except ValueError as error:
        raise UserError(str(directory), "a recipe and metadata that agree", str(error)) from error
    return quantized(model) if metadata.weights == "int8" else model


def read_metadata(directory: Path) -> Metadata:
    """What a model directory, or that of a run, says of itself, without loading it.

    Raises:
        UserError: this is no model directory, or one of a newer layout.
    """
    path = model_directory(directory) / METADATA
    data = read_json_object(path, "a model's metadata")
    version = data.get("format_version", 0)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UserError(str(path), f"format version {FORMAT_VERSION} or older", str(version), "Upgrade nmt.")
    try:
        return Metadata.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise UserError(f"{path}: {where}", "a model's metadata", str(first["msg"])) from error


def model_directory(path: Path) -> Path:
    """The model directory that a path names: itself, or `model/` of the folder of a run.

    Raises:
        UserError: it is neither.
    """
    for directory in (path, path / MODEL):
        if (directory / METADATA).exists():
            return directory
    got, fix = _instead_of_a_model(path)
    raise UserError(str(path), f"a model directory, or the folder of a run with one in {MODEL}/", got, fix)


def _instead_of_a_model(directory: Path) -> tuple[str, str]:
    """What is there, and what to do about it."""
    if not directory.is_dir():
        got = "no such directory" if not directory.exists() else "a file"
    elif (directory / "config.json").exists() and (directory / "vocab.json").exists():
        return "a model in Hugging Face's layout", f"`nmt import marian {directory} OUT` makes one of a MarianMT model."
    elif any(directory.glob("dict.*.txt")) and any(directory.glob("*.pt")):
        fix = f"`nmt import fairseq CHECKPOINT --dictionaries {directory} OUT` makes one."
        return "a checkpoint of fairseq with its dictionaries", fix
    else:
        got = f"no {METADATA} in it, nor in {MODEL}/"
    return got, "`nmt run RECIPE` makes one, in runs/<corpus>_<source>_<target>/<recipe name>/model."


def check_task(metadata: Metadata, task: Task, where: str, fix: str) -> None:
    """Refuses a model that is for something else.

    Raises:
        UserError: it is.
    """
    if metadata.task != task:
        raise UserError(where, _TASKS[task], _TASKS[metadata.task], fix)


def check_floating(directory: Path, fix: str) -> None:
    """What cannot go on from rounded weights says so.

    Raises:
        UserError: this is no model directory, or its weights are 8-bit.
    """
    if read_metadata(directory).weights == "int8":
        raise UserError(str(directory), "weights in floating point", "8-bit ones", fix)


def check_apart(directory: Path, other: Path) -> None:
    """What is made of a model directory must not take its place, nor lie in it, nor around it.

    Raises:
        UserError: it would, or this is no model directory.
    """
    here, there = model_directory(directory).resolve(), other.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise UserError(str(other), f"a directory apart from {directory}", "the same one, or one inside the other")


def add_scores(directory: Path, scores: Mapping[str, Any]) -> None:
    """Records the scores of test sets in a model directory."""
    metadata = read_metadata(directory)
    _write_metadata(directory, metadata.model_copy(update={"scores": metadata.scores | dict(scores)}))


def _write_metadata(directory: Path, metadata: Metadata) -> None:
    with write_atomically(directory / METADATA) as file:
        file.write(metadata.model_dump_json(indent=2) + "\n")


def read_recipe(directory: Path) -> dict[str, Any]:
    """The resolved recipe of a model directory, or of that of a run, as plain data.

    Raises:
        UserError: it is missing or damaged.
    """
    path = model_directory(directory) / RECIPE
    recipe, _ = read_yaml(path, "the resolved recipe")
    if not isinstance(recipe, dict):
        raise UserError(str(path), "the resolved recipe, a mapping", type(recipe).__name__)
    return recipe


def model_config(recipe: Mapping[str, Any], directory: Path) -> ModelConfig:
    """The options of the model of a resolved recipe.

    Raises:
        UserError: this version does not know such a model.
    """
    from nmt.models import ModelConfig

    adapter: TypeAdapter[ModelConfig] = TypeAdapter(ModelConfig)
    try:
        return adapter.validate_python(recipe.get("model"))
    except ValidationError as error:
        raise UserError(
            f"{directory / RECIPE}: model", "a model that this version knows", str(error.errors()[0]["msg"])
        ) from error


def _yaml() -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    return yaml
