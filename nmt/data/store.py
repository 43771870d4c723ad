"""Token ids on disk, memory-mapped: a corpus larger than memory trains like a small one.

A store is a folder. For each side (source, target) it holds `<side>.ids` (uint16, or uint32 if the
vocabulary needs it), `<side>.offsets` (int64 [pairs + 1], start of each sentence in ids),
`<side>.lengths` (uint32 [pairs]) and optionally `<side>.text` (the lines in UTF-8) with
`<side>.text_offsets` (int64 [pairs + 1], bytes). `store.json` describes it.
"""

from __future__ import annotations

import json
import mmap
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nmt.data.context import Joined, is_border, joined_sentences
from nmt.data.pairs import Text, read_pairs
from nmt.data.progress import ShowProgress, unseen, watched
from nmt.errors import UserError
from nmt.output import sync_directory, write_atomically
from nmt.text import count_lines
from nmt.tokenizer.base import Tokenizer, TokenizerPair

_FORMAT = 1
_DESCRIPTION = "store.json"
_SIDES = ("source", "target")
_WRITE_BUFFER_BYTES = 1 << 20

# Every touched sentence can make 64 KiB of each file resident (Linux maps the pages around a fault).
# This limits the resident memory of reading in random order to about 10 MiB.
_TOUCHES_BETWEEN_RELEASES = 64
_COUNTED_AT_ONCE = 1 << 20


def build_store(
    text: Text,
    tokenizers: TokenizerPair,
    directory: Path,
    *,
    keep_text: bool = True,
    borders: bool = False,
    joined_length: int | None = None,
    apart: bool = False,
    progress: ShowProgress = unseen,
) -> int:
    """Tokenises a text into a store. It streams: memory does not depend on the size of the text.

    Lines of one language become pairs with empty sources. The store appears under its name only once it is complete
    and replaces an older one.

    Args:
        text: cleaned lines, plain or gzip.
        tokenizers: tokenizers of the two sides.
        directory: folder of the store.
        keep_text: also store the lines, which sampled segmentation needs.
        borders: blank rows separate documents and are not stored.
        joined_length: join the sentences of a document up to this many ids on either side; None stores each row.
        apart: store the rows that are joined by themselves as well.
        progress: called with the number of rows done.

    Returns:
        The most rows joined into one pair.

    Raises:
        UserError: a file is unreadable, or the two differ in their number of lines.
    """
    temporary = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)  # from a killed run
    temporary.mkdir(parents=True)
    try:
        with ExitStack() as files:
            source = _SideWriter(temporary, "source", tokenizers.source, keep_text, files)
            target = _SideWriter(temporary, "target", tokenizers.target, keep_text, files)
            note = "pairs" if len(text.sides) == 2 else "lines"
            rows = watched(read_pairs(text), progress, count_lines(text.sides[0]), note)
            most = 0
            for pair in _pairs(rows, tokenizers, borders, joined_length, apart):
                source.add(pair.source, pair.source_text)
                target.add(pair.target, pair.target_text)
                most = max(most, pair.sentences)
        description = {
            "format": _FORMAT,
            "pairs": source.lines,
            "text": keep_text,
            "source": source.describe(),
            "target": target.describe(),
        }
        with write_atomically(temporary / _DESCRIPTION) as handle:
            json.dump(description, handle, indent=2)
        shutil.rmtree(directory, ignore_errors=True)
        temporary.replace(directory)
        sync_directory(directory.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return most


def _pairs(
    rows: Iterable[tuple[str, str]], tokenizers: TokenizerPair, borders: bool, joined_length: int | None, apart: bool
) -> Iterator[Joined]:
    """The pairs of a store, from rows of cleaned lines."""
    source, target = tokenizers.source, tokenizers.target
    if joined_length is not None:
        for joined in joined_sentences(rows, source, target, joined_length):
            yield joined
            if apart:
                yield from joined.apart()
        return
    for row in rows:
        if not (borders and is_border(row)):
            yield Joined(source.encode(row[0]), target.encode(row[1]), *row, 1)


class PairStore:
    """Reads a store. Lengths and ids are without BOS and EOS.

    Resident memory stays bounded however many pairs are read, because pages are released along the way.

    Raises:
        UserError: the folder is not a store, or an incomplete one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        description = _read_description(directory)
        self._pairs: int = description["pairs"]
        self._source = _Side(directory, "source", self._pairs, description["source"]["dtype"], description["text"])
        self._target = _Side(directory, "target", self._pairs, description["target"]["dtype"], description["text"])
        self.longest_source: int = description["source"]["longest"]
        self.longest_target: int = description["target"]["longest"]
        self.source_tokens: int = description["source"]["tokens"]
        self.target_tokens: int = description["target"]["tokens"]
        self.source_digest: str = description["source"]["tokenizer"]
        self.target_digest: str = description["target"]["tokenizer"]
        self._touches = 0

    def __len__(self) -> int:
        return self._pairs

    def source_lengths(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """[stop - start] number of ids of each source sentence."""
        return self._source.lengths.array[start:stop].astype(np.int64)

    def target_lengths(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """[stop - start] number of ids of each target sentence."""
        return self._target.lengths.array[start:stop].astype(np.int64)

    def lengths_of(self, pairs: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Source and target lengths of these pairs, in the given order, with bounded resident memory."""
        source, target = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
        for start in range(0, len(pairs), _TOUCHES_BETWEEN_RELEASES):
            chunk = slice(start, start + _TOUCHES_BETWEEN_RELEASES)
            source[chunk] = self._source.lengths.array[pairs[chunk]]
            target[chunk] = self._target.lengths.array[pairs[chunk]]
            self._source.lengths.release()
            self._target.lengths.release()
        return source, target

    def source(self, pair: int) -> npt.NDArray[np.int64]:
        """[S] ids of one source sentence."""
        self._touch()
        return self._source.sentence(pair)

    def target(self, pair: int) -> npt.NDArray[np.int64]:
        """[T] ids of one target sentence."""
        self._touch()
        return self._target.sentence(pair)

    def source_text(self, pair: int) -> str:
        """One source line, or several joined by line feeds; requires a store built with text."""
        self._touch()
        return self._source.line(pair)

    def target_text(self, pair: int) -> str:
        """One target line, or several joined by line feeds; requires a store built with text."""
        self._touch()
        return self._target.line(pair)

    def target_counts(self, vocabulary: int) -> npt.NDArray[np.int64]:
        """[vocabulary] number of occurrences of each id in all target sentences, with bounded resident memory."""
        return self._target.counts(vocabulary)

    def release(self) -> None:
        """Releases all resident pages to the system; they are read again when needed."""
        self._touches = 0
        self._source.release()
        self._target.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return PairStore, (self.directory,)

    def _touch(self) -> None:
        self._touches += 1
        if self._touches >= _TOUCHES_BETWEEN_RELEASES:
            self.release()


class _SideWriter:
    """Appends the sentences of one side to its files."""

    def __init__(self, directory: Path, side: str, tokenizer: Tokenizer, keep_text: bool, files: ExitStack) -> None:
        def create(kind: str) -> BinaryIO:
            return files.enter_context((directory / f"{side}.{kind}").open("wb", buffering=_WRITE_BUFFER_BYTES))

        self._digest = tokenizer.digest
        self._dtype = "uint16" if tokenizer.vocabulary_size <= 1 << 16 else "uint32"
        self._ids, self._offsets, self._lengths = create("ids"), create("offsets"), create("lengths")
        self._text = (create("text"), create("text_offsets")) if keep_text else None
        self.lines = self._tokens = self._bytes = self._longest = 0
        self._offsets.write(_int64(0))
        if self._text:
            self._text[1].write(_int64(0))

    def add(self, ids: Sequence[int], text: str) -> None:
        self._ids.write(np.array(ids, dtype=self._dtype).tobytes())
        self.lines += 1
        self._tokens += len(ids)
        self._longest = max(self._longest, len(ids))
        self._offsets.write(_int64(self._tokens))
        self._lengths.write(len(ids).to_bytes(4, "little"))
        if self._text:
            encoded = text.encode()
            self._bytes += len(encoded)
            self._text[0].write(encoded)
            self._text[1].write(_int64(self._bytes))

    def describe(self) -> dict[str, Any]:
        return {
            "dtype": self._dtype,
            "tokens": self._tokens,
            "longest": self._longest,
            "tokenizer": self._digest,
        }


class _Side:
    """One side of a store, memory-mapped."""

    def __init__(self, directory: Path, side: str, pairs: int, dtype: str, text: bool) -> None:
        self.lengths = _Mapped(directory / f"{side}.lengths", "<u4", pairs)
        self._offsets = _Mapped(directory / f"{side}.offsets", "<i8", pairs + 1)
        self._ids = _Mapped(directory / f"{side}.ids", f"<{np.dtype(dtype).str[1:]}", int(self._offsets.array[-1]))
        self._text: tuple[_Mapped, _Mapped] | None = None
        if text:
            text_offsets = _Mapped(directory / f"{side}.text_offsets", "<i8", pairs + 1)
            self._text = _Mapped(directory / f"{side}.text", "u1", int(text_offsets.array[-1])), text_offsets

    def sentence(self, pair: int) -> npt.NDArray[np.int64]:
        start, stop = self._offsets.array[pair], self._offsets.array[pair + 1]
        return self._ids.array[start:stop].astype(np.int64)

    def counts(self, vocabulary: int) -> npt.NDArray[np.int64]:
        counts = np.zeros(vocabulary, np.int64)
        for start in range(0, len(self._ids.array), _COUNTED_AT_ONCE):
            counts += np.bincount(self._ids.array[start : start + _COUNTED_AT_ONCE], minlength=vocabulary)
            self._ids.release()
        return counts

    def line(self, pair: int) -> str:
        assert self._text is not None, "the store was built without its text"
        text, offsets = self._text
        return text.array[offsets.array[pair] : offsets.array[pair + 1]].tobytes().decode()

    def release(self) -> None:
        for mapped in (self.lengths, self._offsets, self._ids, *(self._text or ())):
            mapped.release()


class _Mapped:
    """A file of numbers, memory-mapped read-only."""

    def __init__(self, path: Path, dtype: str, count: int) -> None:
        size = path.stat().st_size if path.exists() else -1
        if size != count * np.dtype(dtype).itemsize:
            raise UserError(
                str(path), f"{count * np.dtype(dtype).itemsize} bytes", f"{size}", "Delete the store and prepare again."
            )
        self._map: mmap.mmap | None = None
        if size:
            with path.open("rb") as handle:
                self._map = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        self.array: npt.NDArray[Any] = np.frombuffer(self._map or b"", dtype=dtype)

    def release(self) -> None:
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _int64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _read_description(directory: Path) -> dict[str, Any]:
    path = directory / _DESCRIPTION
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        form = description["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(str(path), "a store of token ids", str(error), "Prepare the corpus again.") from None
    if form != _FORMAT:
        raise UserError(str(path), f"store format {_FORMAT}", str(form), "Prepare the corpus again.")
    return description
