"""Multi30k, task 1 (Elliott et al. 2016): one-sentence image captions in four languages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from data_prep.download import download
from nmt.data.corpus import CorpusOptions, MonolingualFile, ParallelFiles, RawCorpus, ShowProgress, Text, unseen

ADDRESS = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"

Language = Literal["en", "de", "fr", "cs"]
TestSet = Literal["test_2016_flickr", "test_2017_flickr", "test_2017_mscoco", "test_2018_flickr"]

_NO_CZECH = ("test_2017_flickr", "test_2017_mscoco")

# SHA-256 of the files that we could download; for the others the MD5 that torchtext published for this
# address (its MD5 is right for all nine files that we have). For test_2018_flickr only English is known.
CHECKSUMS = {
    "train.en": "sha256:d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de": "sha256:726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.fr": "sha256:622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "train.cs": "md5:d9a5fc268917725a2b0efce3a0cc8607",
    "val.en": "sha256:14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de": "sha256:f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.fr": "sha256:ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
    "val.cs": "md5:83cdc082f646b769095615384cf5c0ca",
    "test_2016_flickr.en": "sha256:611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de": "sha256:9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.fr": "sha256:6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    "test_2016_flickr.cs": "md5:3104872229daa1bef3b401d44dd2220b",
    "test_2017_flickr.en": "md5:005396bac545d880abe6f00bbb7dbbb4",
    "test_2017_flickr.de": "md5:6a8d5c87f6ae19e3d35681aa6fd16571",
    "test_2017_flickr.fr": "md5:cb09af7d2b501f9112f2d6a59fa1360d",
    "test_2017_mscoco.en": "md5:a7b684e0edbef1d4a23660c8e8e743fd",
    "test_2017_mscoco.de": "md5:e8cd6ec2bc8a11fc846fa48a46e3d0bb",
    "test_2017_mscoco.fr": "md5:4995d10954a804d3cdfd907b9fd093e8",
    "test_2018_flickr.en": "md5:a152878809942757a55ce087073486b8",
}


class Multi30k(CorpusOptions):
    """29,000 training, 1,014 validation and 1,000 test captions; English, German, French, Czech.

    Files are taken from $NMT_DATA/multi30k if present there, else downloaded.
    """

    kind: Literal["multi30k"] = "multi30k"
    source: Language | None = None
    """Language to translate from; null for a language model, which reads the captions in `target` alone."""
    target: Language
    """Language to translate into, or of a language model's text."""
    tests: tuple[TestSet, ...] = ("test_2016_flickr",)
    """Test sets to translate and score, or to measure a language model on. Czech has test_2016_flickr and
    test_2018_flickr only."""

    @model_validator(mode="after")
    def _tests_exist(self) -> Self:
        missing = [test for test in self.tests if test in _NO_CZECH and "cs" in self.languages]
        if missing:
            raise ValueError(f"{', '.join(missing)} does not exist in Czech")
        if not self.tests or len(set(self.tests)) < len(self.tests):
            raise ValueError("tests must name at least one test set, each once")
        return self

    @property
    def download(self) -> str:
        """Approximate size; the same for every language pair."""
        return "1.3 MB"

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Finds the files, or downloads the missing ones into `directory`.

        Raises:
            UserError: a file is missing and cannot be downloaded; the message says how to provide it by hand.
        """
        return RawCorpus(
            training=(self._split("train", directory, progress),),
            validation=self._split("val", directory, progress),
            tests={test: self._split(test, directory, progress) for test in self.tests},
        )

    def _split(self, split: str, directory: Path, progress: ShowProgress) -> Text:
        paths = [_fetch(f"{split}.{language}", directory, progress) for language in self.languages]
        return MonolingualFile(*paths) if len(paths) == 1 else ParallelFiles(*paths)


def _fetch(name: str, directory: Path, progress: ShowProgress) -> Path:
    file_name = f"{name}.gz"
    folders = [directory]
    if local := os.environ.get("NMT_DATA"):
        folders.insert(0, Path(local) / "multi30k")
    for folder in folders:
        if (folder / file_name).is_file():  # downloads appear under this name only once complete and verified
            return folder / file_name
    path = directory / file_name
    by_hand = (
        f"Without a network, put {file_name} into {directory.absolute()}, or into a folder multi30k/ and set the "
        f"environment variable NMT_DATA to the folder that contains it"
    )
    by_hand += f" (now {local}, which lacks that file)." if local else "."
    download(f"{ADDRESS}/{file_name}", path, checksum=CHECKSUMS.get(name), by_hand=by_hand, progress=progress)
    return path
