"""Every pair once per epoch, within the budget, in an order that needs nothing saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.batch import collate
from nmt.data.sampler import BatchSampler
from nmt.data.store import PairStore, build_store
from nmt.errors import UserError
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from tests.unit.data.conftest import MakeStore

lengths = st.integers(0, 30)


@given(
    st.lists(st.tuples(lengths, lengths), min_size=1, max_size=80),
    st.integers(40, 200),
    st.integers(10, 40),
    st.integers(1, 50),
    st.integers(0, 5),
)
def test_laws(
    make_store: MakeStore, pairs: list[tuple[int, int]], batch_tokens: int, max_length: int, pool: int, epoch: int
) -> None:
    store = make_store([[5] * source for source, _ in pairs], [[6] * target for _, target in pairs])
    usable = [i for i, pair in enumerate(pairs) if max(pair) <= max_length]
    if not usable:
        with pytest.raises(UserError, match=f"none among {len(pairs)}"):
            BatchSampler(store, batch_tokens, 1, max_length, pool)
        return
    sampler = BatchSampler(store, batch_tokens, 1, max_length, pool)
    batches = [batch.tolist() for batch in sampler.epoch(epoch)]
    assert sorted(i for batch in batches for i in batch) == usable
    assert sampler.left_out == len(pairs) - len(usable)
    assert sampler.batches(epoch) == len(batches)
    for batch in batches:
        assert 0 < len(batch) * (max(max(pairs[i]) for i in batch) + 1) <= batch_tokens
    for start in {0, 1, len(batches) // 2, len(batches), len(batches) + 3}:
        assert [batch.tolist() for batch in sampler.epoch(epoch, start)] == batches[start:]
    # Nothing but the arguments decides: a new sampler, and one that was used before, agree.
    again = BatchSampler(PairStore(store.directory), batch_tokens, 1, max_length, pool)
    list(again.epoch(epoch + 1))
    assert [batch.tolist() for batch in again.epoch(epoch)] == batches


@pytest.fixture(scope="module")
def large(make_store: MakeStore) -> PairStore:
    generator = np.random.default_rng(0)
    sources = generator.integers(5, 40, size=20_000)
    targets = np.maximum(1, sources + generator.integers(-4, 5, size=20_000))
    return make_store([[5] * n for n in sources], [[6] * n for n in targets], keep_text=False)


def test_epochs_and_seeds_differ(large: PairStore) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [row for batch in BatchSampler(large, 4096, seed, 100).epoch(epoch) for row in batch.tolist()]

    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)
    batches = [{frozenset(b.tolist()) for b in BatchSampler(large, 4096, 1, 100).epoch(e)} for e in (1, 2)]
    assert len(batches[0] & batches[1]) < len(batches[0]) / 10  # other mates, not only another order


def test_batches_come_in_no_order_of_length(large: PairStore) -> None:
    widths = [
        large.source_lengths(int(batch[0]), int(batch[0]) + 1)[0]
        for batch in BatchSampler(large, 4096, 1, 100).epoch(1)
    ]
    assert abs(np.corrcoef(widths, np.arange(len(widths)))[0, 1]) < 0.4


def test_little_of_a_batch_is_padding(large: PairStore) -> None:
    batches = [
        collate(*zip(*[(large.source(i), large.target(i)) for i in b], strict=True))
        for b in BatchSampler(large, 4096, 1, 100).epoch(1)
    ]
    real = sum(int(b.source_mask.sum()) + b.target_tokens for b in batches)
    assert real / sum(b.source.numel() + b.target_output.numel() for b in batches) > 0.94


def test_a_pair_longer_than_a_batch_is_left_out(make_store: MakeStore) -> None:
    sampler = BatchSampler(make_store([[5] * 9, [5] * 10], [[6], [6]]), batch_tokens=10, seed=1, max_length=100)
    assert sampler.left_out == 1
    assert [batch.tolist() for batch in sampler.epoch(1)] == [[0]]


def test_padding_on_multi30k(multi30k: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    files = multi30k / "train.en.gz", multi30k / "train.de.gz"
    pair = SentencePieceOptions(algorithm="bpe").train(*files, tmp_path)
    build_store(*files, pair, tmp_path / "store", keep_text=False)
    store = PairStore(tmp_path / "store")
    batches = list(BatchSampler(store, 4096, 1, 256).epoch(1))
    target_tokens, padded = 0, 0
    for batch in batches:
        targets = [len(store.target(i)) + 1 for i in batch]
        target_tokens += sum(targets)
        padded += len(batch) * max(targets)
    record_property("target_tokens_per_batch", target_tokens / len(batches))
    assert target_tokens / padded > 0.97
    assert target_tokens / len(batches) > 3460  # fairseq's average on these pairs and this budget
