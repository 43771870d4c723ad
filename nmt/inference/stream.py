"""Translation of a stream of lines with a model directory, in this process or in several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from nmt.bundle import Bundle
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translation, Translator
from nmt.inference.windows import WINDOW_LINES, whole_documents
from nmt.inference.workers import Workers, default_workers
from nmt.search import SearchConfig


def translate_stream(
    directory: Path,
    bundle: Bundle,
    groups: Iterator[Sequence[str]],
    search: SearchConfig,
    options: TranslationOptions,
    workers: int | None,
) -> Iterator[Translation]:
    """Yields one translation per line, in order, as soon as possible.

    Args:
        directory: the model directory, which worker processes load.
        bundle: the same, loaded; worker processes build the model with its options.
        groups: the lines, from `windows` or `arriving`.
        search: settings of the search.
        options: settings of translation.
        workers: number of processes; 0 or 1: this one; None: one per core if the first group is
            full and the model is on the CPU; a short text would be done before the processes have started.

    Raises:
        UserError: a worker died.
    """
    first = next(groups, [])
    full = len(first) >= WINDOW_LINES
    groups = chain([first], groups)
    if options.documents:
        groups = whole_documents(groups)
    device = next(bundle.model.parameters()).device.type
    if workers is None:
        workers = default_workers() if full and device == "cpu" else 0
    if workers > 1:
        with Workers(directory, workers, search, options, bundle.recipe["model"]) as pool:
            for window in pool.translate(groups):
                yield from window
        return
    translator = Translator(
        bundle.model, bundle.tokenizers, search, options, training_text=TrainingText.of(bundle.metadata)
    )
    for group in groups:
        yield from translator.translate_window(group)
