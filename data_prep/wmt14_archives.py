"""Names, locations, contents and published checksums of WMT14's archives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ADDRESS = "https://www.statmt.org"

ArchiveName = Literal[
    "training-parallel-europarl-v7.tgz",
    "training-parallel-commoncrawl.tgz",
    "training-parallel-nc-v9.tgz",
    "training-parallel-un.tgz",
    "training-giga-fren.tar",
    "dev.tgz",
    "test-full.tgz",
]
TrainingPart = Literal["europarl-v7", "commoncrawl", "news-commentary-v9", "un", "giga-fren"]


@dataclass(frozen=True)
class Archive:
    """One file of statmt.org."""

    folder: str
    """Its folder under the address."""
    checksum: str
    """As published; we could not download the archives to verify it."""


# SHA-256 from TensorFlow Datasets (url_checksums/wmt14_translate.txt, wmt15_translate.txt); MD5 of dev.tgz from
# Sockeye (autopilot/tasks.py), of test-full.tgz from sacrebleu (dataset wmt14/full). Sizes of the first five in
# bytes, also from TensorFlow Datasets: 657,632,379, 918,311,367, 80,418,416, 2,365,634,246, 2,595,102,720.
ARCHIVES: Mapping[ArchiveName, Archive] = {
    "training-parallel-europarl-v7.tgz": Archive(
        "wmt13", "sha256:0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7"
    ),
    "training-parallel-commoncrawl.tgz": Archive(
        "wmt13", "sha256:c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5"
    ),
    "training-parallel-nc-v9.tgz": Archive(
        "wmt14", "sha256:cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485"
    ),
    "training-parallel-un.tgz": Archive(
        "wmt13", "sha256:29141b5c1eba149a94f7a59d3b1a834b2e47fe0f8758d68dcd77a3d3f497ee47"
    ),
    "training-giga-fren.tar": Archive(
        "wmt10", "sha256:3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a"
    ),
    "dev.tgz": Archive("wmt14", "md5:88ba3fc60b2278d59277122e1c7dd6e7"),
    "test-full.tgz": Archive("wmt14", "md5:a8cd784e006feb32ac6f3d9ec7eb389a"),
}


@dataclass(frozen=True)
class Members:
    """Two files of an archive: the two sides of a parallel text."""

    archive: ArchiveName
    pattern: str
    """Pattern of their names: {pair} is de-en or fr-en, {joined} deen or fren, {side} a language, {role} src or ref."""

    def name(self, pair: str, side: str, role: str = "") -> str:
        """The name of the member for one side."""
        return self.pattern.format(pair=pair, joined=pair.replace("-", ""), side=side, role=role)


# Names as in fairseq's prepare-wmt14en2{de,fr}.sh, TensorFlow Datasets and Sockeye's autopilot.
TRAINING: Mapping[TrainingPart, Members] = {
    "europarl-v7": Members("training-parallel-europarl-v7.tgz", "training/europarl-v7.{pair}.{side}"),
    "commoncrawl": Members("training-parallel-commoncrawl.tgz", "commoncrawl.{pair}.{side}"),
    "news-commentary-v9": Members("training-parallel-nc-v9.tgz", "training/news-commentary-v9.{pair}.{side}"),
    "un": Members("training-parallel-un.tgz", "un/undoc.2000.{pair}.{side}"),
    "giga-fren": Members("training-giga-fren.tar", "giga-fren.release2.fixed.{side}.gz"),
}
FRENCH_ONLY: frozenset[TrainingPart] = frozenset({"un", "giga-fren"})

SETS: Mapping[str, Members] = {
    "newstest2012": Members("dev.tgz", "dev/newstest2012-{role}.{side}.sgm"),
    "newstest2013": Members("dev.tgz", "dev/newstest2013-{role}.{side}.sgm"),
    "newstest2014": Members("test-full.tgz", "test-full/newstest2014-{joined}-{role}.{side}.sgm"),
}
