"""All settings of a system: the options of its parts, under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from data_prep import CorpusConfig
from nmt.conflict import Conflict
from nmt.data.context import Data
from nmt.documents import KeyPath
from nmt.evaluation.measures import MeasureName
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.options import TranslationOptions
from nmt.models import ModelConfig
from nmt.options import Count, Options, Task
from nmt.recipe.context import context_conflicts, with_defaults_of_context
from nmt.recipe.document import Document, read_document
from nmt.recipe.inheritance import inherit
from nmt.recipe.load import load_options
from nmt.recipe.overrides import Overrides
from nmt.recipe.plain import plain
from nmt.recipe.start import start_conflicts
from nmt.recipe.task import task_conflicts, with_defaults_of_task
from nmt.search import BeamSearch, SearchConfig
from nmt.tokenizer import TokenizerOptions
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training import Training


class Evaluation(Options):
    """Translation and scoring of the test sets."""

    translation: TranslationOptions = TranslationOptions()
    """How lines are grouped into batches; affects speed and memory, not the result."""
    tokenize: Tokenization = "auto"
    """sacrebleu tokenizer that splits text into words for BLEU and GLEU, also in validation. auto: zh for Chinese,
    ja-mecab for Japanese if installed, else char; ko-mecab for Korean if installed; char for Thai, Lao, Khmer, Burmese
    and Tibetan; 13a for all others."""
    measures: Annotated[tuple[MeasureName, ...], Field(min_length=1)] | None = None
    """Measures of test sets and validations; validations add the one that `training.best_by` names. null: BLEU, chrF,
    TER and GLEU of test sets, and BLEU at validations; for a language model perplexity, word_perplexity and
    bits_per_character of test sets, and perplexity at validations. These three and token_accuracy need no translations:
    if no other measure is requested, validation does not translate."""
    samples: Count = 5
    """Translations of the first test set, or lines drawn from a language model, that `nmt run` shows at its end."""

    @field_validator("measures")
    @classmethod
    def _each_once(cls, measures: tuple[MeasureName, ...] | None) -> tuple[MeasureName, ...] | None:
        if measures and len(set(measures)) < len(measures):
            raise ValueError("name each measure once")
        return measures


class Recipe(Options):
    """Corpus, tokenizer, model, training, search and evaluation of one system."""

    name: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]*$")]
    """Name of the run's folder, runs/<corpus>_<source>_<target>/<name>/, or runs/<corpus>_<target>/<name>/ for a
    language model. Default: the name of the recipe file."""
    task: Task = "translation"
    """Purpose of the model: translation, or modelling text of one language. Each `model.kind` serves one of the two. By
    default a language model selects weights by the loss and has a `search` of kind sampling."""
    corpus: CorpusConfig
    """The text and its languages: two, or one for a language model."""
    data: Data = Data()
    """How the text becomes training examples: single sentences, or sentences of a document together."""
    tokenizer: TokenizerOptions = SentencePieceOptions()
    """How text is split into the pieces that the model reads and writes."""
    model: ModelConfig
    """The network and its sizes."""
    training: Training = Training()
    """How the network is trained, and for how long."""
    search: SearchConfig = BeamSearch()
    """Search for a translation in validation, on the test sets and, by default, in `nmt translate`. For a language
    model: how `nmt generate` samples lines by default."""
    evaluation: Evaluation = Evaluation()
    """Translation and scoring of the test sets, or measurement of a language model on them."""

    @staticmethod
    def load(recipe: str | PathLike[str] | Mapping[str, Any], overrides: Overrides = ()) -> Recipe:
        """Reads and validates a recipe.

        Args:
            recipe: path of the YAML file, or a mapping with the same content, which must have a `name`. Relative
                paths start from the file's folder, or from the current one for a mapping.
            overrides: values by dotted key, as {"training.updates": 500}; or strings as on the command line,
                `training.updates=500`.

        Raises:
            UserError: with every mistake, each as file:line (or the override), key, expected, got, fix.
        """
        return load_recipe(recipe if isinstance(recipe, Mapping) else Path(recipe), overrides)


def load_recipe(recipe: Path | Mapping[str, Any], overrides: Overrides = ()) -> Recipe:
    """Reads and validates a recipe.

    Args:
        recipe: the YAML file, or a mapping with the same content, whose relative paths start from the current folder.
        overrides: applied in order.

    Raises:
        UserError: with every mistake, each as file:line (or the override), key, expected, got, fix.
    """
    if not isinstance(recipe, Path):
        given = Document("recipe", plain(dict(recipe)), {})
        return load_options(Recipe, given, overrides, conflicts, Path.cwd(), _complete)
    path = recipe
    document = read_document(path)
    named = Document(document.where, {"name": path.stem, **document.data}, document.lines)
    return load_options(Recipe, named, overrides, conflicts, path.parent.resolve(), _complete)


def _complete(data: Mapping[str, Any], where: Callable[[KeyPath], str], folder: Path | None) -> dict[str, Any]:
    """The data of a recipe with the settings that its start model and its task imply."""
    return with_defaults_of_context(with_defaults_of_task(inherit(data, where, folder)))


def conflicts(recipe: Recipe) -> Sequence[Conflict]:
    """Conflicts between the sections."""
    found = [*task_conflicts(recipe), *context_conflicts(recipe)]
    if recipe.model.tied_embeddings == "all" and not recipe.tokenizer.joint:
        chosen = "tied_embeddings" in type(recipe.model).model_fields  # otherwise the kind of model implies it
        found.append(
            Conflict(
                keys=(("model", "tied_embeddings" if chosen else "kind"), ("tokenizer", "joint")),
                expected="a joint vocabulary when all embeddings share one matrix",
                got=f"{'tied_embeddings all' if chosen else recipe.model.kind} and joint false",
                fix="Set tokenizer.joint: true" + (", or model.tied_embeddings: target." if chosen else "."),
            )
        )
    output = ("model", *recipe.model.output_path)
    found += recipe.model.output.conflicts(output, lambda: recipe.tokenizer.vocabulary_sizes[1])
    if not recipe.training.start_from:
        found += recipe.model.conflicts(recipe.training.updates)
    if not found:  # these checks build the model, which an earlier conflict may prevent
        found += start_conflicts(recipe.model, recipe.tokenizer, recipe.training)
    return found
