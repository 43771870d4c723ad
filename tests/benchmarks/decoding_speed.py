"""CPU decoding speed relative to CTranslate2: same model, batches, search, machine; each tool at its best settings.

    python tests/benchmarks/decoding_speed.py [base tiny latency] [--precisions int8 fp32 bf16] [--rounds 5]
        [--sentences 512] [--beams 1 4] [--tiny-model MODEL] [--our-batch B] [--peer-batch B]

base: an untrained Transformer-base, 32,000 pieces, translates the first lines of newstest2014.tok.en ($NMT_DATA,
default ../shared/data). An untrained model does not end its translations, so on both sides every sentence gets as many
target tokens as the batch's longest source has, which is checked. tiny: a trained model (--tiny-model) translates
Multi30k's test_2016_flickr, beams 1 and 5, at lengths of its own choice; BLEU shows that both sides did the same.
latency: beam 4, one sentence after another, both models; evenly spaced lines of the same texts.

Both sides get batches of sentences of similar length, longest first. Ours: one single-threaded process per core;
CTranslate2: one Translator with workers × threads, all batches submitted at once. Its compute type (for the precision),
its own code for AVX512 (which it does not choose on every CPU that supports it), its split into workers × threads and
each side's batch size (--batches) are tried first, on --trial sentences, and the best is kept. Loading and a first pass
are not counted. Then the sides take turns; each round gives one ratio, and the table has their median and the share of
the cores that other programs used. Tokens/s are target tokens of the translations, including EOS, per second of wall
time; `by processor time` is the ratio of tokens per second of processor time, which other programs affect less.

Both sides multiply with oneDNN, and ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI (or AVX2, ...) limits both to the instructions
of such a CPU. ATEN_CPU_CAPABILITY=avx2 limits torch's own loops, CT2_FORCE_CPU_ISA=AVX2 CTranslate2's, and
MKL_ENABLE_INSTRUCTIONS MKL (which CTranslate2 uses with CT2_USE_MKL=1). The first lines of the output show what each
side reports to use.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from compare_backends import processor_name  # beside this file
from decoding_speed_cpu import compute_types, cpu_flags, what_is_used
from decoding_speed_data import DATA, ROOT, Ids, Pass, batches, encoded, news, write_random_base
from decoding_speed_ours import Ours, OurSetting
from decoding_speed_peer import Peer, PeerSetting
from other_work import OtherWork

from nmt.inference.options import Precision
from nmt.text import read_lines

CORES = len(os.sched_getaffinity(0))
Side = Ours | Peer


@dataclass(frozen=True)
class Model:
    """A model on both sides, and its text."""

    name: str
    ours: Path
    peer: Path
    sources: list[Ids]
    forced: bool
    """Whether the lengths of the translations are given."""


@dataclass
class Entrant:
    """One side with settings, and its results."""

    model: Model
    setting: OurSetting | PeerSetting
    sentences: int
    """Of a batch."""
    passes: list[Pass] = field(default_factory=list)

    def side(self) -> Side:
        """Creates the translating side; its processes start on entering the `with` block."""
        if isinstance(self.setting, OurSetting):
            return Ours(self.model.ours, self.setting)
        return Peer(self.model.peer, self.setting)

    @property
    def speed(self) -> float:
        """Median speed in target tokens per second."""
        return statistics.median(one.speed for one in self.passes)

    @property
    def latency(self) -> float:
        """Median over the sentences of their median time, in seconds."""
        each = zip(*(one.latencies for one in self.passes), strict=True)
        return float(statistics.median(statistics.median(times) for times in each))

    def __str__(self) -> str:
        """The settings in words."""
        return f"{self.setting}" + (f", {self.sentences} sentences" if self.sentences > 1 else "")


def main() -> None:
    """Reads the arguments, measures, and prints the tables."""
    arguments = parsed()
    print(f"{processor_name()}, {CORES} cores; {', '.join(cpu_flags())}")
    with tempfile.TemporaryDirectory(prefix="decoding_speed_") as temporary:
        directory = Path(temporary)
        base = tiny = None
        if {"base", "latency"} & set(arguments.parts):
            write_random_base(directory / "base")
            base = exported("base", directory / "base" / "model", directory, news(arguments.sentences), forced=True)
        if {"tiny", "latency"} & set(arguments.parts):
            lines = list(read_lines(DATA / "multi30k" / "test_2016_flickr.en.gz"))
            tiny = exported("tiny", arguments.tiny_model, directory, lines, forced=False)
        for line in what_is_used(*next((model.ours, model.peer) for model in (base, tiny) if model)):
            print(line)
        if base and "base" in arguments.parts:
            throughput(base, arguments.beams, arguments)
        if tiny and "tiny" in arguments.parts:
            throughput(tiny, (1, 5), arguments)
        if base and tiny and "latency" in arguments.parts:
            latency((base, tiny), arguments)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="base, tiny, latency; default: all")
    parser.add_argument("--precisions", nargs="+", choices=["int8", "fp32", "bf16"], default=["int8"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=512, help="of newstest2014")
    parser.add_argument("--trial", type=int, default=256, help="sentences on which settings are tried; 0: do not try")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4], help="of base")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64], help="batch sizes to try, in sentences")
    parser.add_argument("--our-batch", type=int, help="instead of trying")
    parser.add_argument("--peer-batch", type=int, help="instead of trying")
    parser.add_argument("--alone", type=int, default=40, help="sentences on which latency is measured")
    runs = ROOT / "runs" / "multi30k_en_de" / "transformer_tiny" / "model"
    parser.add_argument(
        "--tiny-model", type=Path, default=runs, help="model directory of a Transformer trained on Multi30k en→de"
    )
    arguments = parser.parse_args()
    parts = ("base", "tiny", "latency")
    arguments.parts = arguments.parts or parts
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    return arguments


def exported(name: str, model: Path, directory: Path, lines: Sequence[str], forced: bool) -> Model:
    """The model and its tokenised text, ready for both sides."""
    from nmt.interop.ctranslate2.export import export_ctranslate2

    export_ctranslate2(model, directory / f"{name}_ctranslate2")
    return Model(name, model, directory / f"{name}_ctranslate2", encoded(model, lines), forced)


def throughput(model: Model, beams: Sequence[int], arguments: argparse.Namespace) -> None:
    """Prints the table of a model: all cores, whole text."""
    columns = ["precision", "beam", "nmt / CTranslate2", "by processor time", "nmt tokens/s", "CTranslate2 tokens/s"]
    columns += ["nmt", "CTranslate2", "others' share", *([] if model.forced else ["BLEU nmt", "BLEU CTranslate2"])]
    print(f"\n{model.name}: {len(model.sources)} sentences, target tokens/s, median of {arguments.rounds} rounds")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for precision in arguments.precisions:
        for beam in beams:
            ours = our_best(model, precision, beam, arguments)
            theirs = peer_best(model, precision, beam, arguments)
            others = OtherWork()
            take_turns((ours, theirs), beam, arguments.rounds)
            pairs = list(zip(ours.passes, theirs.passes, strict=True))
            ratios = spread([one.speed / two.speed for one, two in pairs])
            thrift = statistics.median(one.thrift / two.thrift for one, two in pairs)
            cells = [precision, str(beam), ratios, f"{thrift:.2f}", f"{ours.speed:,.0f}", f"{theirs.speed:,.0f}"]
            cells += [str(ours), str(theirs), f"{others.share():.0%}"]
            cells += [] if model.forced else [f"{bleu(model, one.passes[0]):.2f}" for one in (ours, theirs)]
            print(f"| {' | '.join(cells)} |", flush=True)


def latency(models: Sequence[Model], arguments: argparse.Namespace) -> None:
    """Prints the table of single sentences: one process, one or two threads."""
    columns = ["model", "precision", "nmt / CTranslate2", "nmt ms", "CTranslate2 ms", "nmt", "CTranslate2"]
    columns += ["others' share"]
    print(f"\nlatency: beam 4, one sentence at a time, median of {arguments.alone} sentences; lower is better")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for model in (some_of(model, arguments.alone) for model in models):
        for precision in arguments.precisions:
            kinds = [PeerSetting(1, 1, *kind) for kind in kinds_of(precision)]
            kind = fastest([Entrant(model, setting, 1) for setting in kinds], 4, alone=True).setting
            threads = (1, 2) if CORES > 1 else (1,)
            mine = [Entrant(model, OurSetting(1, count, precision), 1) for count in threads]
            theirs = [Entrant(model, replace(kind, threads=count), 1) for count in threads]
            others = OtherWork()
            take_turns((*mine, *theirs), 4, arguments.rounds, alone=True)
            one, two = (min(some, key=lambda entrant: entrant.latency) for some in (mine, theirs))
            medians = [[statistics.median(each.latencies) for each in side.passes] for side in (one, two)]
            ratios = [time / other for time, other in zip(*medians, strict=True)]
            cells = [model.name, precision, spread(ratios), f"{1000 * one.latency:.1f}", f"{1000 * two.latency:.1f}"]
            print(f"| {' | '.join([*cells, str(one), str(two), f'{others.share():.0%}'])} |", flush=True)


def our_best(model: Model, precision: Precision, beam: int, arguments: argparse.Namespace) -> Entrant:
    """Our side with its best batch size."""
    sizes = [arguments.our_batch] if arguments.our_batch else arguments.batches
    setting = OurSetting(CORES, 1, precision)
    if not arguments.trial:
        return Entrant(model, setting, sizes[len(sizes) // 2])
    small = some_of(model, arguments.trial)
    return replace(fastest([Entrant(small, setting, size) for size in sizes], beam), model=model, passes=[])


def peer_best(model: Model, precision: str, beam: int, arguments: argparse.Namespace) -> Entrant:
    """CTranslate2 with its best kernels, then its best split into workers and threads, then its best batch size."""
    sizes = [arguments.peer_batch] if arguments.peer_batch else arguments.batches
    middle = sizes[len(sizes) // 2]
    if not arguments.trial:
        return Entrant(model, PeerSetting(CORES, 1, *kinds_of(precision)[0]), middle)
    small = some_of(model, arguments.trial)
    best = fastest([Entrant(small, PeerSetting(CORES, 1, *kind), middle) for kind in kinds_of(precision)], beam)
    splits = [(workers, CORES // workers) for workers in (CORES // 2, 1) if 0 < workers < CORES]
    settings = [replace(best.setting, workers=workers, threads=threads) for workers, threads in dict.fromkeys(splits)]
    best = fastest([best, *(Entrant(small, setting, middle) for setting in settings)], beam)
    best = fastest([best, *(Entrant(small, best.setting, size) for size in sizes if size != middle)], beam)
    return replace(best, model=model, passes=[])


def some_of(model: Model, sentences: int) -> Model:
    """The same model with this many sentences, evenly spaced."""
    step = len(model.sources) / min(sentences, len(model.sources))
    return replace(model, sources=[model.sources[int(n * step)] for n in range(min(sentences, len(model.sources)))])


def fastest(entrants: Sequence[Entrant], beam: int, alone: bool = False) -> Entrant:
    """The fastest contender, after running those without a pass."""
    if len(entrants) == 1:
        return entrants[0]
    fresh = [one for one in entrants if not one.passes]
    take_turns(fresh, beam, 1, alone)
    for one in fresh:
        print(f"tried {one.side().name} {one}, beam {beam}: {one.speed:,.0f}", file=sys.stderr, flush=True)
    return max(entrants, key=lambda one: one.speed)


def take_turns(entrants: Sequence[Entrant], beam: int, rounds: int, alone: bool = False) -> None:
    """Each contender translates everything once per round, in rotating order, after an uncounted warm-up."""
    work = [(one, one.side(), batches(one.model.sources, one.sentences, one.model.forced)) for one in entrants]
    with ExitStack() as running:
        for _, side, _ in work:
            running.enter_context(side)
        for _, side, jobs in work:
            side.run(jobs, beam, alone)
        for number in range(rounds):
            for one, side, jobs in work[:: (-1) ** number]:
                one.passes.append(side.run(jobs, beam, alone))


def kinds_of(precision: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The compute types and environments to try with CTranslate2."""
    forced = "avx512f" in cpu_flags() and "CT2_FORCE_CPU_ISA" not in os.environ
    environments = [(), (("CT2_FORCE_CPU_ISA", "AVX512"),)] if forced else [()]
    return [(kind, environment) for kind in compute_types(precision) for environment in environments]


def spread(ratios: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def bleu(model: Model, done: Pass) -> float:
    """BLEU of a translation of test_2016_flickr."""
    from nmt.evaluation.bleu import Bleu
    from nmt.tokenizer import load_tokenizers

    decode = load_tokenizers(model.ours / "tokenizer").target.decode
    hypotheses = [decode(done.translations[index]) for index in range(len(done.translations))]
    references = list(read_lines(DATA / "multi30k" / "test_2016_flickr.de.gz"))
    score: float = Bleu().metric().corpus_score(hypotheses, [references]).score
    return score


if __name__ == "__main__":
    main()
