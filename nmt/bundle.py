"""The model directory: everything needed to translate on another machine, and a record of how it was made.

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

from nmt.data.document_window import DocumentWindow
from nmt.documents import read_json_object, read_yaml
from nmt.errors import UserError
from nmt.options import Count, Options, Size, Task, Total, VocabularySize
from nmt.output import write_atomically

if TYPE_CHECKING:  # metadata is read without importing torch
    import torch
    from ruamel.yaml import YAML
    from torch import Tensor

    from nmt.models import ModelConfig
    from nmt.models.base import EncoderDecoder
    from nmt.tokenizer.base import TokenizerPair

FORMAT_VERSION = 3
"""1: floating-point weights; 2: also 8-bit weights; 3: a digest of the weights."""
WEIGHTS, RECIPE, TOKENIZER, METADATA = "weights.safetensors", "recipe.yaml", "tokenizer", "metadata.json"
MODEL = "model"
"""Name of the model directory in the folder of a run."""
_TASKS: Mapping[Task, str] = {"translation": "a translation model", "language_model": "a language model"}


class Metadata(Options):
    """The contents of metadata.json."""

    format_version: Size = 1
    """Version of the directory's layout."""
    nmt_version: str
    """Version of the toolkit that wrote it."""
    source_language: str
    """Code of the language it reads; empty for a language model."""
    target_language: str
    """Code of the language it writes."""
    source_vocabulary: VocabularySize
    """Pieces of the source vocabulary."""
    target_vocabulary: VocabularySize
    """Pieces of the target vocabulary."""
    tokenizer_digests: dict[str, str]
    """SHA-256 of the tokenizers that it was trained with, by side."""
    weights: Literal["fp32", "int8"] = "fp32"
    """Number type of the stored weights."""
    weights_digest: str = ""
    """SHA-256 of the weights' content, also recorded in their file; empty in directories of older versions."""
    parameters: Total
    """Number of trained values."""
    longest_source: Count = 0
    """Length of the longest source sentence in training, in pieces."""
    longest_target: Count = 0
    """Length of the longest target sentence in training, in pieces."""
    several_sentences: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of training lines whose source has more than one sentence; null if unknown or without a source."""
    documents: DocumentWindow | None = None
    """Largest sequences of sentences that it was trained to translate together; null: single sentences."""
    created: str
    """Time of writing, ISO 8601, UTC."""
    scores: dict[str, dict[str, Any]] = {}
    """Scores by test set: `lines`, and for each measure its `name`, `score`, `signature` and `details`."""
    provenance: dict[str, Any] = {}
    """Corpus, number of updates, and anything else on how it was made."""

    @property
    def task(self) -> Task:
        """The task of the model."""
        return "translation" if self.source_language else "language_model"

    @field_validator("scores")
    @classmethod
    def _check_scores(cls, scores: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for test, measures in scores.items():
            for name, found in measures.items():
                if name != "lines" and not _is_score(found):
                    raise ValueError(f"{name} of {test} is not a score with a name and a signature")
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
    """The resolved recipe as plain data; the model was built from its section `model`."""


def save_bundle(
    directory: Path,
    model: EncoderDecoder[Any, Any],
    tokenizers: TokenizerPair,
    recipe: Mapping[str, Any],
    metadata: Metadata,
) -> None:
    """Writes a model directory; an existing one is replaced as a whole, not file by file.

    Raises:
        UserError: it cannot be written.
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
    """An empty folder to write into, which replaces `directory` when the block ends.

    An existing directory is replaced as a whole, not file by file; if the block raises, it stays as it is.

    Raises:
        UserError: it cannot be written.
    """
    directory = directory.resolve()  # "." has no name to derive the names of its neighbours from
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
        raise UserError(str(directory), "a path to write a model directory to", error.strerror or str(error)) from None
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

    Sizes in the metadata are checked against the files before memory is allocated for them.

    Args:
        directory: the model directory, or the folder of a run.
        device: device for the model.
        model_options: replaces the recipe's section `model`; must fit the same weights. None: as trained.
        verify: compare the weights with their digest; can be skipped if that was just done.

    Raises:
        UserError: something is missing or damaged, or parts do not belong together.
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
        got = f"other weights ({digest[:12] or 'without a digest'})"
        raise UserError(str(path), f"the weights that belong to {METADATA} ({metadata.weights_digest[:12]})", got)
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
                f"a different one ({tokenizer.digest[:12]})",
                "Restore the tokenizer of the training run: with a different one the token ids mean something else.",
            )
        if tokenizer.vocabulary_size != sizes[side]:
            expected = f"{sizes[side]} {side} pieces, as {METADATA} says"
            raise UserError(str(directory), expected, str(tokenizer.vocabulary_size))


def _check_finite(weights: Mapping[str, Tensor], path: Path) -> None:
    """Checks weights without a digest, in which damage would go unnoticed otherwise."""
    import torch

    from nmt.models.weights import DamagedError

    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DamagedError(str(path), "finite numbers", f"others in {name}", "The training has diverged.")


def _empty_model(config: ModelConfig, metadata: Metadata, directory: Path) -> EncoderDecoder[Any, Any]:
    from nmt.models.empty import empty_model
    from nmt.models.quantization import quantized

    try:
        model = empty_model(config, metadata.source_vocabulary, metadata.target_vocabulary)
    except ValueError as error:
        raise UserError(str(directory), "a recipe and metadata that agree", str(error)) from error
    return quantized(model) if metadata.weights == "int8" else model


def read_metadata(directory: Path) -> Metadata:
    """The metadata of a model directory, or of the one in the folder of a run, without loading the model.

    Raises:
        UserError: this is not a model directory, or its layout is newer.
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
    """The model directory that a path names: itself, or `model/` in the folder of a run.

    Raises:
        UserError: it is neither.
    """
    for directory in (path, path / MODEL):
        if (directory / METADATA).exists():
            return directory
    got, fix = _instead_of_a_model(path)
    raise UserError(str(path), f"a model directory, or the folder of a run with one in {MODEL}/", got, fix)


def _instead_of_a_model(directory: Path) -> tuple[str, str]:
    """What the path is instead, and what to do about it."""
    if not directory.is_dir():
        got = "no such directory" if not directory.exists() else "a file"
    elif (directory / "config.json").exists() and (directory / "vocab.json").exists():
        fix = f"If it is a MarianMT model, convert it with `nmt import marian {directory} OUT`."
        return "a model in Hugging Face's layout", fix
    elif any(directory.glob("dict.*.txt")) and any(directory.glob("*.pt")):
        fix = f"Convert it with `nmt import fairseq CHECKPOINT --dictionaries {directory} OUT`."
        return "a fairseq checkpoint with its dictionaries", fix
    else:
        got = f"no {METADATA} in it or in its {MODEL}/"
    return got, "`nmt run RECIPE` makes one, in runs/<corpus>_<source>_<target>/<recipe name>/model."


def check_task(metadata: Metadata, task: Task, where: str, fix: str) -> None:
    """Checks that a model is for this task.

    Raises:
        UserError: it is for another one.
    """
    if metadata.task != task:
        raise UserError(where, _TASKS[task], _TASKS[metadata.task], fix)


def check_floating(directory: Path, fix: str) -> None:
    """Checks that a model's weights are not quantised.

    Raises:
        UserError: this is not a model directory, or its weights are 8-bit.
    """
    if read_metadata(directory).weights == "int8":
        raise UserError(str(directory), "floating-point weights", "8-bit weights", fix)


def check_apart(directory: Path, other: Path) -> None:
    """Checks that an output directory neither is, nor is inside, nor contains a model directory.

    Raises:
        UserError: it does, or `directory` is not a model directory.
    """
    here, there = model_directory(directory).resolve(), other.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise UserError(str(other), f"a directory separate from {directory}", "the same one, or one inside the other")


def add_scores(directory: Path, scores: Mapping[str, Any]) -> None:
    """Records the scores of test sets in a model directory."""
    metadata = read_metadata(directory)
    _write_metadata(directory, metadata.model_copy(update={"scores": metadata.scores | dict(scores)}))


def _write_metadata(directory: Path, metadata: Metadata) -> None:
    with write_atomically(directory / METADATA) as file:
        file.write(metadata.model_dump_json(indent=2) + "\n")


def read_recipe(directory: Path) -> dict[str, Any]:
    """The resolved recipe of a model directory, or of the one in the folder of a run, as plain data.

    Raises:
        UserError: it is missing or damaged.
    """
    path = model_directory(directory) / RECIPE
    recipe, _ = read_yaml(path, "the resolved recipe")
    if not isinstance(recipe, dict):
        raise UserError(str(path), "the resolved recipe, a mapping", type(recipe).__name__)
    return recipe


def model_config(recipe: Mapping[str, Any], directory: Path) -> ModelConfig:
    """The model options of a resolved recipe.

    Raises:
        UserError: this version of the toolkit does not know the model.
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
