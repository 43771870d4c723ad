"""Effect of the coverage penalty: BLEU, length, and the share of source words that are never attended to.

    python tests/benchmarks/coverage_penalty.py MODEL [MODEL ...] [--flickr 1000] [--europarl 300]

Decodes with beam 5 and GNMT's length penalty at 0.2, once with coverage penalty 0 and once with 0.2 (Wu et al. 2016 use
0.2 for both), with everything else equal, and prints a table. The texts, from $NMT_DATA (default ../shared/data):

- `flickr`: Multi30k's test_2016_flickr, short captions.
- `europarl`: evenly spaced pairs of the Europarl sample whose source has 40 words or more, with entities such as &apos;
  unescaped. Most are longer than anything a caption model has seen, so the toolkit splits them into parts, as
  `nmt translate` does; the table says how many lines were split.
- `europarl, whole`: the same, never split.

The attention on a source piece is summed over all target tokens of the best translation, including EOS: the p_ij of the
coverage penalty, summed over j, within the part of the line that contains the piece. The source's EOS is not counted. A
word is a SentencePiece word, from one piece that begins with a blank to the next. Its attention is the sum over its
pieces, since a model may attend to only one piece of a word. A word counts as never attended to if its attention is
below

- 0.1: all target tokens together gave it less than a tenth of one token's attention. The average source position gets
  about one token's worth, so this can be called "never".
- 0.5: all tokens together gave it less than half of one token's attention. Models that spread their attention give more
  than 0.1 even to words that they skip, so the strict threshold alone would not show them.

Two more columns give other views: `pieces < 0.1`, because the penalty itself sums over pieces, and `never the most`,
words to which no target token gave more attention than to any other word or to EOS: words without an alignment point,
whatever the amounts.

Note that the penalty rewards what these columns count; only BLEU shows whether it helps. Compare rows of one model
only: the attention is that of the last layer in one model, a mean over layers in another, and not an alignment in any.
BLEU is the toolkit's own; `changed` is the number of lines whose translation the penalty changed, and p is from the
paired bootstrap on BLEU. Caption models cannot translate parliamentary debates: BLEU is near 0 there.
"""

from __future__ import annotations

import argparse
import html
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from sacrebleu.metrics.bleu import BLEUScore

from nmt.bundle import Bundle, load_bundle
from nmt.evaluation.bleu import Bleu
from nmt.evaluation.significance import paired_bootstrap
from nmt.inference.chunks import Cutter
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translation, Translator
from nmt.search import BeamSearch
from nmt.text import clean_line, read_lines
from nmt.tokenizer.base import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
BEAM = 5
LENGTH_PENALTY = 0.2
COVERAGE_PENALTIES = (0.0, 0.2)
LONG_WORDS = 40
NEVER, HARDLY = 0.1, 0.5
"""Threshold of attention, in target tokens, below which a word is counted."""
WORD_START = "\u2581"
UNCUT = 1 << 30
COLUMNS = (
    "| model | text | lines | cut into parts | coverage penalty | changed | BLEU | p | brevity penalty | length ratio "
    f"| words < {NEVER} | words < {HARDLY} | never the most | pieces < {NEVER} |"
)


@dataclass(frozen=True)
class Text:
    """Source text and references."""

    name: str
    sources: list[str]
    references: list[str]
    whole: bool = False
    """Never split a line into parts."""


@dataclass
class Attended:
    """Counts over a text."""

    words: int = 0
    words_never: int = 0
    words_hardly: int = 0
    words_never_most: int = 0
    pieces: int = 0
    pieces_never: int = 0

    def add(self, other: Attended) -> None:
        """Adds the counts of another sentence."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def attended(pieces: Sequence[str], attention: torch.Tensor) -> Attended:
    """Counts the words and pieces of one source that got little attention.

    Args:
        pieces: S pieces, without EOS.
        attention: [T, S + 1], a row for each target token, including EOS.
    """
    assert attention.shape[1] == len(pieces) + 1, (attention.shape, len(pieces))
    starts = torch.tensor([index == 0 or piece.startswith(WORD_START) for index, piece in enumerate(pieces)])
    word_of = torch.cat((starts, torch.tensor([True]))).cumsum(0) - 1  # EOS is a separate word, the last one
    words = int(word_of[-1])
    by_word = torch.zeros(len(attention), words + 1).index_add(1, word_of, attention.float())
    received, pieces_received = by_word[:, :words].sum(0), attention[:, :-1].sum(0)
    return Attended(
        words=words,
        words_never=int((received < NEVER).sum()),
        words_hardly=int((received < HARDLY).sum()),
        words_never_most=len(set(range(words)) - set(by_word.argmax(1).tolist())),
        pieces=len(pieces),
        pieces_never=int((pieces_received < NEVER).sum()),
    )


def measure(
    sources: Sequence[str], translations: Sequence[Translation], tokenizer: Tokenizer, cutter: Cutter
) -> tuple[Attended, int]:
    """Returns the counts over a text, and how many of its lines were split."""
    total, cut = Attended(), 0
    for source, translation in zip(sources, translations, strict=True):
        parts = cutter.cut(clean_line(source)).parts
        cut += len(parts) > 1
        attentions = translation.n_best[0].attention
        assert attentions is not None
        for part, attention in zip(parts, attentions, strict=True):
            total.add(attended(tokenizer.pieces(part.ids), attention))
    return total, cut


def translated(bundle: Bundle, text: Text, coverage_penalty: float) -> tuple[list[Translation], Attended, int]:
    """Translates a text; also returns the counts of `measure`."""
    search = BeamSearch(
        beam=BEAM, length_penalty=LENGTH_PENALTY, coverage_penalty=coverage_penalty, length_normalization="gnmt"
    )
    options = TranslationOptions.model_validate(bundle.recipe.get("evaluation", {}).get("translation", {}))
    seen = TrainingText(UNCUT) if text.whole else TrainingText.of(bundle.metadata)
    translator = Translator(bundle.model, bundle.tokenizers, search, options, training_text=seen, need_attention=True)
    found = list(translator.translate(text.sources))
    return found, *measure(text.sources, found, bundle.tokenizers.source, translator.cutter)


def rows(model: Path, bundle: Bundle, text: Text) -> Iterator[str]:
    """Translates a text with each penalty; yields one row of the table per penalty."""
    baseline: list[str] = []
    for coverage_penalty in COVERAGE_PENALTIES:
        found, seen, cut = translated(bundle, text, coverage_penalty)
        hypotheses = [translation.text for translation in found]
        bleu = Bleu().metric().corpus_score(hypotheses, [text.references])
        assert isinstance(bleu, BLEUScore)
        cells = [model_name(model), text.name, f"{len(found):,}", f"{cut:,}", f"{coverage_penalty}"]
        changed = sum(one != two for one, two in zip(baseline, hypotheses, strict=bool(baseline)))
        p = f"{p_value(baseline, hypotheses, text.references):.3f}" if changed else ""
        cells += [f"{changed:,}" if baseline else "", f"{bleu.score:.2f}", p, f"{bleu.bp:.3f}", f"{bleu.ratio:.3f}"]
        cells += [f"{count / seen.words:.2%}" for count in (seen.words_never, seen.words_hardly, seen.words_never_most)]
        cells.append(f"{seen.pieces_never / seen.pieces:.2%}")
        yield f"| {' | '.join(cells)} |"
        baseline = baseline or hypotheses


def p_value(baseline: list[str], system: list[str], references: list[str]) -> float:
    """Returns the probability of such a difference in BLEU between equally good systems."""
    (bleu,) = (one for one in paired_bootstrap(baseline, system, [references]) if one.name == "BLEU")
    return bleu.p_value


def model_name(model: Path) -> str:
    """Returns the recipe's name of a run's model directory."""
    resolved = model.resolve()
    return resolved.parent.name if resolved.name == "model" else resolved.name


def texts(corpora: Path, source: str, target: str, captions: int, long: int) -> list[Text]:
    """Reads the texts in these languages."""

    def pairs(stem: Path) -> list[tuple[str, str]]:
        sides = (read_lines(stem.with_name(f"{stem.name}.{language}.gz")) for language in (source, target))
        return list(zip(*sides, strict=True))

    flickr = pairs(corpora / "multi30k" / "test_2016_flickr")[:captions]
    sample = [(html.unescape(one), html.unescape(two)) for one, two in pairs(corpora / "europarl_sample" / "train.tok")]
    sample = [pair for pair in sample if len(pair[0].split()) >= LONG_WORDS]
    count = min(long, len(sample))
    drawn = [sample[number * len(sample) // count] for number in range(count)]
    chosen = {"flickr": (flickr, False), "europarl": (drawn, False), "europarl, whole": (drawn, True)}
    return [
        Text(name, [pair[0] for pair in some], [pair[1] for pair in some], whole)
        for name, (some, whole) in chosen.items()
        if some
    ]


def main() -> None:
    """Reads the arguments and prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="a model directory")
    parser.add_argument("--flickr", type=int, default=1000, metavar="N", help="number of caption lines")
    parser.add_argument(
        "--europarl", type=int, default=300, metavar="N", help="number of long lines, if there are as many"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    corpora = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data"))
    print(COLUMNS)
    print("|" + " --- |" * (COLUMNS.count("|") - 1))
    for model in arguments.models:
        bundle = load_bundle(model)
        languages = bundle.metadata.source_language, bundle.metadata.target_language
        for text in texts(corpora, *languages, arguments.flickr, arguments.europarl):
            for row in rows(model, bundle, text):
                print(row, flush=True)
    print(f"\nbeam {BEAM}, length penalty {LENGTH_PENALTY}; BLEU {signature()}")


def signature() -> str:
    """Returns BLEU's signature."""
    bleu = Bleu().metric()
    bleu.corpus_score(["a"], [["a"]])  # known once it has scored something
    return str(bleu.get_signature())


if __name__ == "__main__":
    main()
