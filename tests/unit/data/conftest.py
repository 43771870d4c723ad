"""A store that needs no trained tokenizer: a line is a list of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from nmt.data.store import PairStore, build_store
from nmt.options import Options
from nmt.tokenizer.base import SPECIAL, TokenizerPair


@dataclass(frozen=True)
class Numbers:
    """Implements Tokenizer: the words of a line are its ids."""

    vocabulary_size: int = 1000
    options: Options = Options()

    @property
    def digest(self) -> str:
        return f"numbers {self.vocabulary_size}"

    def reading(self) -> Numbers:
        return self

    def encode(self, line: str) -> list[int]:
        return [int(word) for word in line.split()]

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        return [self.encode(line) for line in lines]

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(str(i) for i in ids if i > SPECIAL.eos)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [str(i) for i in ids]

    def save(self, path: Path) -> None:
        path.write_text(self.digest)


Ids = Sequence[Sequence[int]]
MakeStore = Callable[..., PairStore]


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> MakeStore:
    """Builds a store of these sentences of ids."""

    def make(sources: Ids, targets: Ids, vocabulary_size: int = 1000, *, keep_text: bool = True) -> PairStore:
        directory = tmp_path_factory.mktemp("store", numbered=True)
        for name, sentences in (("source", sources), ("target", targets)):
            (directory / name).write_text("".join(" ".join(map(str, ids)) + "\n" for ids in sentences))
        pair = TokenizerPair(Numbers(vocabulary_size), Numbers(vocabulary_size))
        build_store(directory / "source", directory / "target", pair, directory / "store", keep_text=keep_text)
        return PairStore(directory / "store")

    return make
