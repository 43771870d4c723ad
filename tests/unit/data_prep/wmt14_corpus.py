"""What the tests of WMT14 share: small text that tells where it is from."""

from __future__ import annotations

from typing import Any, Final

from data_prep.wmt14 import WMT14
from nmt.data.pairs import ParallelFiles, read_pairs
from tests.wmt14_archives import Pair

GERMAN = ("europarl-v7", "commoncrawl", "news-commentary-v9")
EUROPARL: Final = "training-parallel-europarl-v7.tgz"
COMMON_CRAWL: Final = "training-parallel-commoncrawl.tgz"
DEV: Final = "dev.tgz"


def sentences(name: str, other: str, count: int = 40) -> list[Pair]:
    """Pairs that tell which file they are from."""
    return [(f"{name} number {n} & so on", f"{other}: {name} Nummer {n} & weiter") for n in range(count)]


def held(other: str) -> dict[str, list[Pair]]:
    return {f"newstest{year}": sentences(f"newstest{year}", other, year - 2006) for year in (2012, 2013, 2014)}


def with_options(corpus: WMT14, **changes: Any) -> WMT14:
    return WMT14.model_validate({**corpus.model_dump(), **changes})


def lines(files: ParallelFiles) -> list[Pair]:
    return list(read_pairs(files))
