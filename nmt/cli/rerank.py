"""`nmt rerank`: chooses among the translations of n-best lists by other models, with given or tuned weights."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import click

from nmt.cli.arguments import path_option
from nmt.cli.inputs import STANDARD, check_one_dash
from nmt.cli.model import device_option
from nmt.cli.options import option_fields, with_changes
from nmt.cli.outputs import check_outputs, opened
from nmt.errors import UserError
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.options import OF_SEARCH, TranslationOptions
from nmt.inference.reranking.options import Preset, Tunable, TuningOptions

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=_FOLDER)
@path_option("--source", help="The source lines; -: standard input.")
@path_option(
    "--n-best",
    help="Their n-best lists: rows of line number, score and translation, separated by tabs, as `nmt translate "
    "--n-best` prints them, in any order; or without scores; or in the layout of Moses and Marian. -: standard input.",
)
@click.option(
    "--reverse-model",
    "reverse_models",
    multiple=True,
    type=_FOLDER,
    help="A model from the target to the source language, which gives the log-probability of the source. May be "
    "repeated.",
)
@click.option(
    "--language-model",
    "language_models",
    multiple=True,
    type=_FOLDER,
    help="A language model of the target language, with any tokenizer. May be repeated.",
)
@click.option(
    "--list-scores/--no-list-scores",
    default=None,
    help="Use the scores in the n-best list as a feature.  [default: if there is no MODEL]",
)
@path_option("--features", help="A table that --save-features has written, instead of models, --source and --n-best.")
@path_option("--save-features", help="Write the table of features, so that another tuning needs no model.")
@click.option(
    "--preset",
    type=click.Choice(get_args(Preset)),
    default=None,
    help="Weights. sum: 1 for each log-probability. noisy_channel: those of Yee et al. (2019), for MODEL or list "
    "scores, a reverse model and a language model; a start for --tune.  [default: sum]",
)
@path_option("--weights", help="A JSON file of weights, as --save-weights writes it, instead of --preset.")
@click.option(
    "--weight",
    "changes",
    multiple=True,
    metavar="FEATURE=NUMBER",
    help="Weight of a feature: model, reverse_model, language_model, list_score, length; the second model of a kind is "
    "model_2. May be repeated.",
)
@click.option(
    "--length-penalty",
    type=click.FloatRange(min=0.0, max=10.0),
    default=None,
    help="Divide log-probabilities by this power of the translation's length in words: 0 for sums, 1 for means.  "
    "[default: 0, or that of --preset or --weights]",
)
@click.option(
    "--tune",
    "references",
    multiple=True,
    type=_FOLDER,
    help="Reference translations of --source: search the weights whose choice scores best against them. May be "
    "repeated for several references of the same text.",
)
@click.option(
    "--measure",
    "--metric",
    "measure",
    type=click.Choice(get_args(Tunable)),
    default=None,
    help="The measure to tune for.  [default: bleu]",
)
@option_fields(TuningOptions, "tuning")
@click.option(
    "--tokenize",
    type=click.Choice(get_args(Tokenization)),
    default="auto",
    show_default=True,
    help="sacrebleu tokenizer that counts words, for the length and for BLEU. auto: that of --features or --weights, "
    "else as in `nmt evaluate`.",
)
@path_option("--save-weights", help="Write the weights, tuned or given, as JSON.")
@path_option(
    "-o",
    "--output",
    help="File for the best translation of each line.  [default: standard output, or with --tune nowhere]",
)
@path_option("--n-best-output", help="File for the whole lists in the new order, with the new scores.")
@option_fields(TranslationOptions, "translation", skip=(*OF_SEARCH, "split", "long_lines"))
@device_option
def command(
    models: tuple[Path, ...],
    source: Path | None,
    n_best: Path | None,
    reverse_models: tuple[Path, ...],
    language_models: tuple[Path, ...],
    list_scores: bool | None,
    features: Path | None,
    save_features: Path | None,
    preset: Preset | None,
    weights: Path | None,
    changes: tuple[str, ...],
    length_penalty: float | None,
    references: tuple[Path, ...],
    measure: Tunable | None,
    tuning: Mapping[str, Any],
    tokenize: Tokenization,
    save_weights: Path | None,
    output: Path | None,
    n_best_output: Path | None,
    translation: Mapping[str, Any],
    device: str,
) -> None:
    """Print the best translation of each line's n-best list, by a weighted sum of features.

    Features are the log-probabilities of each translation under each MODEL, of the source under each --reverse-model
    given the translation, and of the translation under each --language-model; the score in the list; and the length in
    words, as BLEU counts them. Models read text, so their tokenizers may differ. N lines of --source give N lines, in
    order; a blank line stays blank.

    \b
    nmt translate MODEL dev.en --beam 20 --n-best 20 > dev.list
    nmt rerank MODEL --reverse-model DE_EN --language-model LM --source dev.en --n-best dev.list \\
        --tune dev.de --save-weights weights.json
    nmt rerank MODEL --reverse-model DE_EN --language-model LM --source test.en --n-best test.list \\
        --weights weights.json > test.de
    """
    from nmt.cli.reranked import Inputs, prepared, scored, show, start_weights, tuned

    check_one_dash((source, n_best, features, *references))
    output = output or (None if references else STANDARD)
    check_outputs(
        {
            "--output": output,
            "--n-best-output": n_best_output,
            "--save-features": save_features,
            "--save-weights": save_weights,
        }
    )
    search = {**tuning, **({} if measure is None else {"measure": measure})}
    _check_tuning(references, search)
    inputs = Inputs(models, reverse_models, language_models, source, n_best, features, list_scores)
    with ExitStack() as stack:  # errors in inputs, settings and outputs show before models are loaded
        ready = prepared(inputs, references, tokenize)
        start = start_weights(ready, preset, weights, changes, length_penalty)
        outputs = (output, n_best_output, save_weights)
        lines, lists, document = (None if path is None else stack.enter_context(opened(path)) for path in outputs)
        table = scored(ready, with_changes(TranslationOptions(), translation), device, start.words, save_features)
        chosen = start
        if references:
            found = tuned(ready, table, start, measure or "bleu", with_changes(TuningOptions(), tuning))
            show(found)
            chosen = found.weights
        if document is not None:
            document.write(chosen.document())
        if lines is not None:
            lines.writelines(text + "\n" for text in chosen.best(table))
        if lists is not None:
            rows = table.ordered(chosen.scores(table))
            lists.writelines(f"{number}\t{score:.4f}\t{text}\n" for number, score, text in rows)


def _check_tuning(references: tuple[Path, ...], given: Mapping[str, Any]) -> None:
    """Refuses settings of tuning without it.

    Raises:
        UserError: there are some.
    """
    if given and not references:
        name, value = next(iter(given.items()))
        raise UserError(f"--{name}", "--tune with reference translations", str(value))
