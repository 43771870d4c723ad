"""Peak resident memory of preparing WMT14, as the corpus grows: download and extract, clean, tokenizer, ids.

    python tests/benchmarks/wmt14_memory.py [--factors 5 50] [--limit 1.2]

Makes archives in WMT14's layout from `factor` times the Multi30k training pairs (en-de, 29,000; each repeat starts with
its number, so all are distinct), serves them over loopback HTTP, and runs each stage of a recipe's preparation in a
separate process: `fetch` of the corpus, `prepare_corpus` with cleaning (`clean`) and also de-duplication
(`deduplicate`), the tokenizer on a capped sample, and the stores of token ids; then the complete `nmt prepare
recipes/wmt14_en_de/transformer_base.yaml` in one process (`together`), with a vocabulary size that fits the text.
Columns as in preparation_memory.py. Exits with status 1 if either grows by more than the limit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from preparation_memory import ROOT, Peaks, measure, measure_elsewhere, parse_arguments  # beside this file

sys.path.insert(0, str(ROOT))

from data_prep import WMT14
from nmt.text import read_lines
from tests.loopback import serving
from tests.wmt14_archives import Checksums, Pair, write_archives

SHARES = {"europarl-v7": 5, "commoncrawl": 4, "news-commentary-v9": 1}
"""Tenths of the text in each part of the corpus."""
CAP = 50_000
"""Lines that train the tokenizer: fewer than the smaller corpus has, like a recipe's limit of a million for WMT14."""


def real_pairs() -> list[Pair]:
    data = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")) / "multi30k"
    return list(zip(read_lines(data / "train.en.gz"), read_lines(data / "train.de.gz"), strict=True))


def repeated(pairs: list[Pair], start: int, stop: int) -> Iterator[Pair]:
    for number in range(start, stop):
        yield from ((f"{number} {english}", f"{number} {other}") for english, other in pairs)


def make_archives(folder: Path, factor: int) -> Checksums:
    pairs, start = real_pairs(), 0
    training = {}
    for part, share in SHARES.items():
        training[part] = repeated(pairs[: len(pairs) // 10 * share], start, start + factor)
        start += factor
    held = list(islice(repeated(pairs, start, start + 1), 300))
    return write_archives(folder, "de", training, {f"newstest{year}": held for year in (2012, 2013, 2014)})


def corpus(directory: Path) -> WMT14:
    options = json.loads((directory / "options.json").read_text())
    return WMT14(source="en", target="de", **options)


def fetch(directory: Path) -> int:
    return len(corpus(directory).fetch(directory / "corpus").training)


def clean(directory: Path) -> int:
    from nmt.data.clean import prepare_corpus

    options = corpus(directory)
    raw = options.fetch(directory / "corpus")
    return prepare_corpus(raw, options.cleaning, ("en", "de"), directory / "clean").pairs_kept


def deduplicate(directory: Path) -> int:
    from nmt.data.clean import prepare_corpus

    options = corpus(directory)
    cleaning = options.cleaning.model_copy(update={"deduplicate": True})
    raw = options.fetch(directory / "corpus")
    return prepare_corpus(raw, cleaning, ("en", "de"), directory / "distinct").pairs_kept


def tokenizer(directory: Path) -> int:
    from nmt.tokenizer.sentencepiece import SentencePieceOptions

    text, options = directory / "clean", SentencePieceOptions(algorithm="bpe", training_sentences=CAP)
    return options.train(text / "train.en", text / "train.de", directory / "tokenizer").source.vocabulary_size


def ids(directory: Path) -> int:
    from nmt.data.pairs import ParallelFiles
    from nmt.data.store import PairStore, build_store
    from nmt.tokenizer import load_tokenizers

    text, tokenizers = directory / "clean", load_tokenizers(directory / "tokenizer")
    build_store(ParallelFiles(text / "train.en", text / "train.de"), tokenizers, directory / "ids", keep_text=False)
    return len(PairStore(directory / "ids"))


def together(directory: Path) -> int:
    from nmt.data.store import PairStore
    from nmt.pipeline.reporter import Silent
    from nmt.pipeline.run import prepare
    from nmt.recipe import load_recipe

    options = json.loads((directory / "options.json").read_text())
    overrides = [f"corpus.{name}={json.dumps(value)}" for name, value in options.items()]
    overrides += ["tokenizer.vocabulary_size=8000", f"tokenizer.training_sentences={CAP}"]
    recipe = load_recipe(ROOT / "recipes" / "wmt14_en_de" / "transformer_base.yaml", overrides)
    return len(PairStore(prepare(recipe, directory / "runs", Silent()) / "ids" / "train"))


STAGES: dict[str, Callable[[Path], int]] = {
    stage.__name__: stage for stage in (fetch, clean, deduplicate, tokenizer, ids, together)
}


def main() -> int:
    arguments = parse_arguments(__doc__, [5, 50], STAGES)
    if arguments.stage:
        print(json.dumps(measure(STAGES[arguments.stage], arguments.directory)))
        return 0

    peaks = Peaks(STAGES, "repeats", "archives, MiB", "result")
    for factor in arguments.factors:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
            checksums = make_archives(Path(folder), factor)
            size = sum(path.stat().st_size for path in Path(folder).glob("wmt*/*")) >> 20
            (Path(folder) / "options.json").write_text(json.dumps({"address": server.url, "checksums": checksums}))
            for stage in STAGES:
                figures = measure_elsewhere(stage, Path(folder), __file__)
                peaks.add(stage, figures, f"{factor}", f"{size}", f"{figures['result']:,}")
    return int(peaks.growth() > arguments.limit)


if __name__ == "__main__":
    sys.exit(main())
