"""The store gives back what was put in, stays small in memory, and is there whole or not at all."""

from __future__ import annotations

import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.pairs import MonolingualFile, ParallelFiles
from nmt.data.store import PairStore, build_store
from nmt.errors import UserError
from nmt.tokenizer.base import TokenizerPair
from tests.forked import Forked
from tests.unit.data.conftest import MakeStore, Numbers

sentence = st.lists(st.integers(4, 65_535), max_size=6)


@given(st.lists(st.tuples(sentence, sentence), max_size=10), st.sampled_from([1 << 16, (1 << 16) + 1]))
def test_what_goes_in_comes_out(
    make_store: MakeStore, pairs: list[tuple[list[int], list[int]]], vocabulary_size: int
) -> None:
    sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    store = make_store(sources, targets, vocabulary_size)
    assert len(store) == len(pairs)
    for i, (source, target) in enumerate(pairs):
        assert store.source(i).tolist() == source
        assert store.target(i).tolist() == target
        assert store.source_text(i) == " ".join(map(str, source))
        assert store.target_text(i) == " ".join(map(str, target))
    store.release()
    assert store.source_lengths(0, len(pairs)).tolist() == [len(ids) for ids in sources]
    assert store.target_lengths(1, len(pairs)).tolist() == [len(ids) for ids in targets[1:]]
    shuffled = np.arange(len(pairs))[::-1]
    assert [lengths.tolist() for lengths in store.lengths_of(shuffled)] == [
        [len(ids) for ids in sources[::-1]],
        [len(ids) for ids in targets[::-1]],
    ]
    assert store.longest_source == max(map(len, sources), default=0)
    assert store.target_tokens == sum(map(len, targets))
    assert store.target_counts(vocabulary_size).nonzero()[0].tolist() == sorted(set().union(*targets))
    assert store.target_counts(vocabulary_size).sum() == store.target_tokens
    assert (store.directory / "source.ids").stat().st_size == store.source_tokens * (
        2 if vocabulary_size <= 65_536 else 4
    )


def test_the_largest_id_of_each_width_survives(make_store: MakeStore) -> None:
    assert make_store([[65_535]], [[4]], 1 << 16).source(0).tolist() == [65_535]
    assert make_store([[70_000]], [[4]], 70_001).source(0).tolist() == [70_000]


def test_a_store_travels_to_another_process(make_store: MakeStore) -> None:
    store = make_store([[5, 6]], [[7]])
    assert pickle.loads(pickle.dumps(store)).source(0).tolist() == [5, 6]


def test_text_can_be_left_out(make_store: MakeStore) -> None:
    store = make_store([[5, 6]], [[7]], keep_text=False)
    assert store.target(0).tolist() == [7]
    assert not list(store.directory.glob("*text*"))
    with pytest.raises(AssertionError, match="without its text"):
        store.source_text(0)


def test_a_damaged_store_is_refused(make_store: MakeStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Prepare the corpus again"):
        PairStore(tmp_path)
    for kind in ("ids", "offsets", "lengths", "text"):
        store = make_store([[5, 6]], [[7]])
        path = store.directory / f"target.{kind}"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(UserError, match="bytes"):
            PairStore(store.directory)
    store = make_store([[5]], [[7]])
    (store.directory / "store.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match="store format"):
        PairStore(store.directory)


def test_a_failed_build_leaves_the_old_store(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store([[5]], [[7]])
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "b").write_text("1\n")
    with pytest.raises(UserError, match="line 2"):
        build_store(ParallelFiles(tmp_path / "a", tmp_path / "b"), TokenizerPair(Numbers(), Numbers()), store.directory)
    assert PairStore(store.directory).source(0).tolist() == [5]
    assert [p.name for p in store.directory.parent.iterdir() if p.name.endswith(".part")] == []


def test_lines_of_one_language_are_pairs_with_empty_sources(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("5 6\n\n7\n")
    numbers = Numbers()
    build_store(MonolingualFile(tmp_path / "text"), TokenizerPair(numbers, numbers), tmp_path / "store")
    store = PairStore(tmp_path / "store")
    assert [(store.source(n).tolist(), store.target(n).tolist()) for n in range(3)] == [
        ([], [5, 6]),
        ([], []),
        ([], [7]),
    ]
    assert (store.longest_source, store.longest_target, store.target_text(0)) == (0, 2, "5 6")


@pytest.mark.slow
def test_killed_at_any_moment_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    source, target, directory = (tmp_path / name for name in ("source", "target", "store"))
    for path in (source, target):
        path.write_text("5 6 7\n" * 50_000)
    seen, text = set(), ParallelFiles(source, target)
    for delay in (0.0, 0.05, 0.15, 0.3, 0.6, 10.0):
        process = Forked(lambda: build_store(text, TokenizerPair(Numbers(), Numbers()), directory))
        deadline = time.monotonic() + delay
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        whole = directory.exists()
        seen.add(whole)
        if whole:
            assert len(PairStore(directory)) == 50_000
    assert seen == {True, False}
    assert {path.name for path in tmp_path.iterdir()} == {"source", "target", "store"}


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_reading_everything_keeps_little_resident(make_store: MakeStore) -> None:
    pairs = 500
    store = make_store([[5] * 20_000] * pairs, [[6]] * pairs, keep_text=False)  # 20 MB of ids
    before = resident_kib()
    for i in range(pairs):
        store.source(i)
    store.release()
    assert resident_kib() - before < 10_000
