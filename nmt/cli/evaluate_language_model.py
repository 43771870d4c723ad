"""`nmt evaluate` for a language model: measures how well it predicts a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.inputs import input_name
from nmt.cli.model import load_model, read_whole
from nmt.cli.options import with_changes
from nmt.cli.watched import busy
from nmt.errors import UserError
from nmt.evaluation.measures import MEASURES, OF_LANGUAGE_MODELS, MeasureName
from nmt.evaluation.scores import scores, text_measures, token_measures
from nmt.inference.options import TranslationOptions

if TYPE_CHECKING:
    from nmt.evaluation.scores import Scores


def language_model_scores(
    model: Path,
    references: Sequence[Path],
    measures: Sequence[MeasureName],
    translation: Mapping[str, Any],
    model_options: Sequence[str],
    device: str,
) -> Scores:
    """Measures of a text under a language model.

    Args:
        model: the model directory.
        references: the file of the text.
        measures: measures to compute; if empty, the default ones of language models.
        translation: batching options given as flags.
        model_options: values of --model-option.
        device: value of --device.

    Raises:
        UserError: several texts are given, or a measure of translations.
    """
    from nmt.inference.scoring import token_totals

    if len(references) > 1:
        raise UserError("--reference", "one text for a language model", f"{len(references)} of them")
    if strange := text_measures(measures):
        known = ", ".join(token_measures(MEASURES))
        raise UserError(
            f"--measure {strange[0]}", f"a measure of a language model ({known})", "a measure of translations"
        )
    where, lines = input_name(references[0]), read_whole(references[0])
    bundle = load_model(model, device, model_options=model_options)
    options = with_changes(TranslationOptions(), translation)
    with busy("score"):
        totals = token_totals(bundle.model, bundle.tokenizers, ("" for _ in lines), lines, options)
    return scores([], [lines], where, measures=measures or OF_LANGUAGE_MODELS, totals=totals)


def refuse_translations(given: Iterable[tuple[str, object]]) -> None:
    """Refuses options about translation.

    Args:
        given: flags with their values.

    Raises:
        UserError: one of them has a value.
    """
    for flag, value in given:
        if value is not None:
            fix = "Leave it out: --reference alone is the text."
            raise UserError(flag, "nothing with a language model, which does not translate", str(value), fix)
