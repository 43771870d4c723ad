"""The Python interface of a trained model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

from nmt.api.lines import checked_lines, checked_references
from nmt.api.pool import Pool
from nmt.bundle import Bundle, check_task, load_bundle, model_directory
from nmt.changes import changed
from nmt.errors import UserError
from nmt.evaluation.measures import OF_LANGUAGE_MODELS, OF_TESTS, MeasureName
from nmt.evaluation.scores import Scores, check_lines, check_measures, scores, text_measures, token_measures
from nmt.evaluation.tokenization import Tokenization, tokenizer_name
from nmt.inference.device import chosen_device
from nmt.inference.fusion import load_language_model
from nmt.inference.generating import generated_lines
from nmt.inference.options import LongLines, Precision, Split, TranslationOptions
from nmt.inference.own_search import own_sampling, own_search
from nmt.inference.precision import fastest_precision, with_precision
from nmt.inference.scoring import LineScore, score_lines, token_totals
from nmt.inference.translator import TrainingText, Translation, Translator
from nmt.inference.workers import Workers, default_workers
from nmt.models.base import EncoderDecoder
from nmt.nn.twin import evaluating
from nmt.recipe.model_options import changed_model
from nmt.search import BeamSearch, Sampling, SearchConfig
from nmt.text import clean_line

SearchSettings = BeamSearch | Sampling | Mapping[str, Any]
"""A search, or changes to fields of the model's own search."""


class Encoded(NamedTuple):
    """A tokenised line, without BOS and EOS."""

    ids: tuple[int, ...]
    """Token ids."""
    pieces: tuple[str, ...]
    """The tokens as text; SentencePiece writes a space as U+2581."""


def load(
    directory: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: Precision = "auto",
    split: Split = "auto",
    long_lines: LongLines = "cut",
    documents: bool = False,
    batch_tokens: int = 2048,
    language_model: str | os.PathLike[str] | None = None,
    language_model_weight: float = 0.2,
    model_options: Mapping[str, Any] | None = None,
) -> Model:
    """Loads a model directory.

    Args:
        directory: a model directory or a run folder.
        device: "cpu", "cuda", "cuda:1" …; "auto" is a GPU if available.
        precision: arithmetic of the model, "fp32", "bf16" or "int8". "auto" is the default of `nmt translate` and
            `nmt score`: translations in the fastest precision on this machine (`Model.precision`), scores in the
            precision of the stored weights.
        split: whether to translate the sentences of a line one by one: "on", "off", or "auto", which splits if the
            training text had one sentence per line.
        long_lines: whether lines longer than every line of the training text are translated in parts, "cut", or as
            they are, "whole".
        documents: translate each sentence with those before it in its document; blank lines separate documents. Needs a
            model that was trained on documents.
        batch_tokens: source tokens in a batch, including padding and end of sentence.
        language_model: a language model with the same target tokenizer, whose log-probabilities are added in
            translation (shallow fusion).
        language_model_weight: the factor of its log-probabilities.
        model_options: changes to model options that leave the weights as they are, by dotted key within the recipe's
            section `model`, as in {"decoder_solver.max_iterations": 4}.

    Raises:
        UserError: this is not a model directory, something in it is damaged, or a setting is wrong.
    """
    path, chosen = model_directory(Path(directory)).absolute(), chosen_device(device)
    given = {
        "precision": precision,
        "split": split,
        "long_lines": long_lines,
        "documents": documents,
        "batch_tokens": batch_tokens,
        "language_model": None if language_model is None else Path(language_model),
        "language_model_weight": language_model_weight,
    }
    options = changed(TranslationOptions(), given)
    model = changed_model(path, model_options) if model_options else None
    return Model(path, load_bundle(path, chosen, model), options)


class Model:
    """A trained model, loaded by `nmt.load`.

    A loaded model never changes: any number of threads may call its methods at the same time, without a lock, and each
    gets the result it would get alone. Threads bring little speed, because they wait for Python's global lock; use
    `workers` for speed. A `Pool` is for one thread. Loading changes one setting of the whole process: the C library
    keeps freed memory (`nmt.cpu.keep_freed_memory`).

    `beam`, `n_best` and `search` mean the same in all methods. `beam` and `n_best` change these fields of the search.
    `search` is a complete search (`nmt.BeamSearch(beam=4, length_penalty=1.0)`, `nmt.Sampling(seed=3)`) or a mapping of
    changes to the model's own ({"length_penalty": 1.0}). Everything else stays as in the recipe.

    Args:
        directory: the model directory, which worker processes load.
        bundle: the loaded model directory.
        options: how lines are grouped into batches, and the precision.
    """

    def __init__(self, directory: Path, bundle: Bundle, options: TranslationOptions) -> None:
        self.directory, self.metadata = directory, bundle.metadata
        self.search: SearchConfig = own_search(bundle.recipe)
        """The search of the model's recipe."""
        self.precision: Precision = options.precision
        """Precision of the arithmetic in translation."""
        if options.precision == "auto":
            self.precision = fastest_precision(bundle.model)
        self._stored = evaluating(with_precision(bundle.model, options.precision))
        """The model that scores."""
        same = self.precision == options.precision
        self._fast = self._stored if same else evaluating(with_precision(bundle.model, self.precision))
        """The model that translates."""
        device = next(self._fast.parameters()).device
        fast = options.model_copy(update={"precision": self.precision})
        self._language_model = load_language_model(fast, bundle.tokenizers.target, device)
        self._options = options.model_copy(update={"precision": "auto"})  # the models already have their precision
        self._tokenizers, self._model_options = bundle.tokenizers, bundle.recipe["model"]
        self._sampling = own_sampling(bundle.recipe)

    def __repr__(self) -> str:
        languages = " to ".join(filter(None, (self.metadata.source_language, self.metadata.target_language)))
        kind = self._model_options["kind"]
        return f"<nmt.Model {str(self.directory)!r}: {kind}, {languages}, {self.precision}>"

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str, but means one line
        self,
        text: str,
        *,
        beam: int | None = None,
        n_best: int | None = None,
        search: SearchSettings | None = None,
        attention: bool = False,
    ) -> Translation: ...

    @overload
    def translate(
        self,
        text: Iterable[str],
        *,
        beam: int | None = None,
        n_best: int | None = None,
        search: SearchSettings | None = None,
        attention: bool = False,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Iterable[str],
        *,
        beam: int | None = None,
        n_best: int | None = None,
        search: SearchSettings | None = None,
        attention: bool = False,
    ) -> Translation | list[Translation]:
        """Translates one or more lines.

        The translation of a line does not depend on other lines, except in its document after `nmt.load(…,
        documents=True)`. A blank line gives a blank translation. A line feed within a str counts as a blank, not as
        the end of a line.

        Args:
            text: one str, which gives one translation; or a list, an open file or any other iterable of N str, which
                gives a list of N translations in order.
            beam: number of hypotheses per sentence.
            n_best: number of translations per line, at most `beam`: see `Translation.n_best`.
            search: other search settings.
            attention: also return `Translation.attention`.

        Raises:
            UserError: `text` is not text, a setting is wrong or incompatible, or the model is a language model.
        """
        self._check_translates()
        translator = self._translator(self._fast, self._search(search, beam, n_best), attention=attention)
        if isinstance(text, str):
            return translator.translate_window([text])[0]
        return list(translator.translate(checked_lines(text, "text")))

    @overload
    def score(self, source: str, target: str) -> LineScore: ...  # type: ignore[overload-overlap]  # likewise

    @overload
    def score(self, source: Iterable[str], target: Iterable[str]) -> list[LineScore]: ...

    @overload
    def score(self, source: None = None, *, target: str) -> LineScore: ...  # type: ignore[overload-overlap]  # likewise

    @overload
    def score(self, source: None = None, *, target: Iterable[str]) -> list[LineScore]: ...

    def score(
        self, source: str | Iterable[str] | None = None, target: str | Iterable[str] = ()
    ) -> LineScore | list[LineScore]:
        """Log-probabilities of given translations, or of text under a language model.

        Args:
            source: one line or N lines; None for a language model.
            target: one translation or N translations; or text for a language model.

        Raises:
            UserError: an argument is not text, the sides differ in their number of lines, a translation model is given
                no source, or a language model is given one.
        """
        if isinstance(target, str) and (source is None or isinstance(source, str)):
            return self._scored(None if source is None else [source], [target])[0]
        return self._scored(source, target)

    def _scored(self, source: Iterable[str] | None, target: Iterable[str]) -> list[LineScore]:
        given = self._given(source)
        targets = list(checked_lines(target, "target"))
        sources = [""] * len(targets) if given is None else given
        return list(score_lines(self._stored, self._tokenizers, sources, targets, self._options))

    def evaluate(
        self,
        source: Iterable[str] | None,
        reference: Iterable[str] | Sequence[Sequence[str]],
        *,
        beam: int | None = None,
        search: SearchSettings | None = None,
        tokenize: Tokenization = "auto",
        measures: Sequence[MeasureName] | None = None,
    ) -> Scores:
        """Scores of the model's translations with their signatures, as printed by `nmt evaluate`.

        Args:
            source: lines to translate; None for a language model.
            reference: reference translations; or a list of several such lists; or a language model's text.
            beam: number of hypotheses per sentence.
            search: other search settings.
            tokenize: sacrebleu tokenizer that splits text into words for BLEU and GLEU; "auto": by target language.
            measures: any of "bleu", "chrf", "ter", "gleu", "exact_match", "token_accuracy", "perplexity",
                "word_perplexity", "bits_per_character". The last four measure the model's probabilities of the first
                reference. None: the first four, or the last three for a language model.

        Raises:
            UserError: texts differ in length or are empty, or a setting is wrong.
        """
        if measures is None:
            measures = OF_TESTS if self.metadata.task == "translation" else OF_LANGUAGE_MODELS
        check_measures(measures)
        given, references = self._given(source), checked_references(reference)
        sources = [""] * len(references[0]) if given is None else given
        for lines in references:  # before translating
            check_lines(sources, lines, "source")
        words = tokenizer_name(tokenize, self.metadata.target_language, references[0])
        found: list[str] = []
        if text_measures(measures):
            self._check_translates()
            translator = self._translator(self._stored, self._search(search, beam, None))
            found = [translation.text for translation in translator.translate(sources)]
        totals = None
        if token_measures(measures):
            totals = token_totals(self._stored, self._tokenizers, sources, references[0], self._options)
        return scores(found, references, "source", words, measures, totals)

    def generate(
        self,
        lines: int = 1,
        *,
        prompt: str = "",
        seed: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        max_tokens: int | None = None,
    ) -> list[str]:
        """Lines sampled from a language model. Settings left at None come from the model's recipe.

        Args:
            lines: number of lines.
            prompt: beginning of every line.
            seed: random seed; the same seed gives the same lines.
            temperature: below 1 favours probable tokens, above 1 gives more variety.
            top_k: sample among this many most probable tokens; 0 for all.
            max_tokens: largest number of tokens in a line, without the prompt.

        Raises:
            UserError: the model is a translation model, or a setting is wrong.
        """
        check_task(self.metadata, "language_model", str(self.directory), "Use Model.translate.")
        values = {"seed": seed, "temperature": temperature, "top_k": top_k, "max_length_offset": max_tokens}
        sampling = changed(self._sampling, {name: value for name, value in values.items() if value is not None})
        return list(generated_lines(self._stored, self._tokenizers.target, lines, sampling, prompt))

    def encode(self, text: str, side: Literal["source", "target"] = "source") -> Encoded:
        """The tokens of one line.

        Args:
            text: the line.
            side: side of the tokenizer to use.
        """
        tokenizer = self._tokenizers.source if side == "source" else self._tokenizers.target
        ids = tokenizer.encode(clean_line(text))
        return Encoded(tuple(ids), tuple(tokenizer.pieces(ids)))

    def workers(
        self,
        count: int | None = None,
        *,
        beam: int | None = None,
        n_best: int | None = None,
        search: SearchSettings | None = None,
    ) -> Pool:
        """Single-threaded processes that load this model, for use in a `with` block; for long texts on a CPU.

        Starting them takes seconds, mostly to import torch. They give the same translations as `translate`.

        Args:
            count: number of processes; None is one per CPU core.
            beam: number of hypotheses per sentence.
            n_best: number of translations per line.
            search: other search settings.

        Raises:
            UserError: the model is on a GPU or a language model, or a setting is wrong.
        """
        self._check_translates()
        if count is not None and count < 1:
            raise UserError("workers", "at least one process", str(count))
        if next(self._fast.parameters()).device.type != "cpu":
            raise UserError("workers", "a model on the CPU", "one on a GPU", 'Load it with device="cpu".')
        options = self._options.model_copy(update={"precision": self.precision})
        settings = self._search(search, beam, n_best)
        return Pool(Workers(self.directory, count or default_workers(), settings, options, self._model_options))

    def _check_translates(self) -> None:
        fix = "Use Model.score for probabilities of lines, Model.generate to write lines."
        check_task(self.metadata, "translation", str(self.directory), fix)

    def _given(self, source: Iterable[str] | None) -> list[str] | None:
        """The sources; None for a language model.

        Raises:
            UserError: a translation model is given no source, or a language model is given one.
        """
        if (source is None) == (self.metadata.task == "translation"):
            expected = "lines, each a str" if source is None else "None with a language model, which reads no source"
            raise UserError("source", expected, "None" if source is None else type(source).__name__)
        return None if source is None else list(checked_lines(source, "source"))

    def _translator(
        self, model: EncoderDecoder[Any, Any], search: SearchConfig, *, attention: bool = False
    ) -> Translator:
        known = TrainingText.of(self.metadata)
        return Translator(
            model,
            self._tokenizers,
            search,
            self._options,
            training_text=known,
            need_attention=attention,
            language_model=self._language_model,
        )

    def _search(self, search: SearchSettings | None, beam: int | None, n_best: int | None) -> SearchConfig:
        changes = {name: value for name, value in (("beam", beam), ("n_best", n_best)) if value is not None}
        if search is None or isinstance(search, Mapping):
            return changed(self.search, {**(search or {}), **changes}, SearchConfig)
        return changed(search, changes, SearchConfig)
