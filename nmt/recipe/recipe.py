"""What a whole system is set to: the options of its parts, under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from data_prep import CorpusConfig
from nmt.conflict import Conflict
from nmt.documents import KeyPath
from nmt.evaluation.measures import MeasureName
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.options import TranslationOptions
from nmt.models import ModelConfig
from nmt.options import Count, Options, Task
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
    """How the trained model translates and scores the test sets."""

    translation: TranslationOptions = TranslationOptions()
    """How lines become batches; changes speed and memory, not the result."""
    tokenize: Tokenization = "auto"
    """How BLEU and GLEU divide text into words, in validation too: sacrebleu's tokenizers. auto: zh for Chinese,
    ja-mecab for Japanese where it is installed, else char; ko-mecab for Korean where it is installed; char for Thai,
    Lao, Khmer, Burmese and Tibetan; 13a for all others."""
    measures: Annotated[tuple[MeasureName, ...], Field(min_length=1)] | None = None
    """What is measured, of test sets and at validations, where what `training.best_by` names comes along. null: BLEU,
    chrF, TER and GLEU of test sets, and BLEU at validations; of a language model perplexity, word_perplexity and
    bits_per_character of test sets, and perplexity at validations. These three and token_accuracy need no translations:
    where no other measure is asked for, validation makes none."""
    samples: Count = 5
    """How many translations of the first test set, or lines of a language model, `nmt run` shows at its end."""

    @field_validator("measures")
    @classmethod
    def _each_once(cls, measures: tuple[MeasureName, ...] | None) -> tuple[MeasureName, ...] | None:
        if measures and len(set(measures)) < len(measures):
            raise ValueError("name each measure once")
        return measures


class Recipe(Options):
    """Corpus, tokenizer, model, training, search and evaluation of one system."""

    name: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]*$")]
    """Name of the run's folder, runs/<corpus>_<source>_<target>/<name>/; the file's own name when left out. A
    language model's is in runs/<corpus>_<target>/."""
    task: Task = "translation"
    """What the model is for: translating, or telling how probable text of one language is. Each `model.kind` is for one
    of them. A language model chooses weights by the loss and has a `search` of kind sampling unless told otherwise."""
    corpus: CorpusConfig
    """Which text, in which two languages, or in which one."""
    tokenizer: TokenizerOptions = SentencePieceOptions()
    """How text is cut into the pieces that the model reads and writes."""
    model: ModelConfig
    """Which network, and its sizes."""
    training: Training = Training()
    """How the network learns, and for how long."""
    search: SearchConfig = BeamSearch()
    """How a translation is looked for; used for validation, for the test sets and, by default, by `nmt translate`. Of a
    language model: how `nmt generate` draws lines by default."""
    evaluation: Evaluation = Evaluation()
    """How the test sets are translated and scored, or a language model is measured on them."""

    @staticmethod
    def load(recipe: str | PathLike[str] | Mapping[str, Any], overrides: Overrides = ()) -> Recipe:
        """Reads and validates a recipe.

        Args:
            recipe: path of the YAML file, or a mapping of what such a file would hold, which must have a `name`;
                relative paths in it start from the file's folder, or from the current one.
            overrides: values by dotted key, as {"training.updates": 500}; or `training.updates=500` each, as on the
                command line.

        Raises:
            UserError: with every mistake, each as file:line (or the override), key, expected, got, fix.
        """
        return load_recipe(recipe if isinstance(recipe, Mapping) else Path(recipe), overrides)


def load_recipe(recipe: Path | Mapping[str, Any], overrides: Overrides = ()) -> Recipe:
    """Reads and validates a recipe.

    Args:
        recipe: the YAML file, or what such a file would hold; then relative paths start from the current folder.
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
    """The data of a recipe with what its start and its task bring along."""
    return with_defaults_of_task(inherit(data, where, folder))


def conflicts(recipe: Recipe) -> Sequence[Conflict]:
    """What the sections say against each other."""
    found = list(task_conflicts(recipe))
    if recipe.model.tied_embeddings == "all" and not recipe.tokenizer.joint:
        found.append(
            Conflict(
                keys=(("model", "tied_embeddings"), ("tokenizer", "joint")),
                expected="one joint vocabulary where all embeddings are one matrix",
                got="tied_embeddings all and joint false",
                fix="Set tokenizer.joint: true, or model.tied_embeddings: target.",
            )
        )
    if not recipe.training.start_from:
        found += recipe.model.conflicts(recipe.training.updates)
    if not found:  # these checks build the model, which the first conflict would not let them
        found += start_conflicts(recipe.model, recipe.tokenizer, recipe.training)
    return found
