"""SentencePiece wordpieces (Kudo & Richardson 2018): unigram or BPE, trained on the corpus."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Self

import sentencepiece
from pydantic import Field, model_validator

from nmt.conflict import Conflict
from nmt.documents import read_bounded
from nmt.errors import UserError
from nmt.options import Options, PositiveFloat, Probability, Seed, Size, VocabularySize
from nmt.output import write_bytes_atomically
from nmt.text import clean_line, read_lines
from nmt.tokenizer.base import SPECIAL, TWO_VOCABULARIES, TokenizerPair
from nmt.tokenizer.folder import save_tokenizers

# SentencePiece writes a space as U+2581, so a U+2581 in the text would be decoded as a space. It is
# replaced by a noncharacter, which clean_line keeps out of every text.
_SPACE_MARK, _ESCAPED_SPACE_MARK = "\u2581", "\ufdd0"

# Fixed, because the number of threads affects the rounding of the sums in unigram training, and so the result.
_TRAINING_THREADS = 4

_SPECIAL_NAMES = ("<pad>", "<unk>", "<s>", "</s>")
_BYTE_NAME = re.compile(r"<0x[0-9A-Fa-f]{2}>")

# SentencePiece silently drops longer lines from its training. The limit is recorded in its models, so it stays
# at its default, and longer lines are passed in parts.
_LONGEST_TRAINING_BYTES = 4192

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛ʼʻ′＇", "'"))

_SILENT = 2  # SentencePiece's log level: errors only, and those are raised as exceptions

MOST_MODEL_BYTES = 1 << 28
"""Largest accepted SentencePiece model; real ones have a few megabytes."""

_Text = tuple[Path, Callable[[str], str]]
"""A file, and a function applied to its lines."""


class SentencePieceOptions(Options):
    """Training of the wordpiece vocabulary, and sampling of segmentations during model training."""

    kind: Literal["sentencepiece"] = "sentencepiece"
    algorithm: Literal["unigram", "bpe"] = "unigram"
    """`unigram`: the most probable segmentation under a unigram model (Kudo 2018). `bpe`: byte-pair merges."""
    vocabulary_size: VocabularySize = 8000
    """Number of token ids in each vocabulary, including the four special tokens and the 256 of byte fallback."""
    joint: bool = True
    """One vocabulary for both languages (needed to tie source and target embeddings) instead of one each."""
    byte_fallback: bool = True
    """Spell characters outside the vocabulary as UTF-8 bytes, so no text is ever unknown."""
    normalization: Literal["identity", "nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"] = "identity"
    """SentencePiece's normalization rule. Every line is already in Unicode normal form C; with `identity` and byte
    fallback, detokenisation restores exactly that line. `_cf` also folds case."""
    character_coverage: float = Field(default=0.9995, gt=0.0, le=1.0)
    """Share of the characters in running text that get a piece of their own; the rarest fall back to bytes."""
    user_defined_symbols: tuple[str, ...] = ()
    """Strings without spaces that are always one token, such as placeholders or language tags."""
    apostrophes: Literal["keep", "plain"] = "keep"
    """`plain` replaces typographic apostrophes (’ ‘ ʼ and the like) in the source by ', to treat both spellings of
    "don’t" alike; the target keeps its own. It is part of the tokenizer, so it applies in training and translation."""
    unigram_alpha: PositiveFloat | None = None
    """Subword regularisation in training (unigram only): segmentations are sampled in proportion to their probability
    to this power. 0.1 to 0.5 are usual, smaller is more random; null always takes the best."""
    unigram_candidates: Annotated[int, Field(gt=0, le=10_000)] | None = None
    """Subword regularisation samples from this many best segmentations; null: from all."""
    bpe_dropout: Probability = 0.0
    """BPE dropout in training (bpe only; Provilkov et al. 2020): probability of skipping a merge. 0.1 is usual."""
    training_sentences: Size = 500_000
    """Train each vocabulary on at most this many lines, sampled evenly over the corpus, to limit memory and time."""
    seed: Seed = 1
    """Random seed of that sample, used if the corpus has more than `training_sentences` lines."""

    @model_validator(mode="after")
    def _sampling_fits_algorithm(self) -> Self:
        if self.algorithm == "bpe" and (self.unigram_alpha or self.unigram_candidates):
            raise ValueError("unigram_alpha and unigram_candidates have no effect with algorithm bpe; use bpe_dropout")
        if self.algorithm == "unigram" and self.bpe_dropout:
            raise ValueError("bpe_dropout has no effect with algorithm unigram; use unigram_alpha")
        if self.unigram_candidates and not self.unigram_alpha:
            raise ValueError("unigram_candidates has no effect without unigram_alpha")
        if len(set(self.user_defined_symbols)) < len(self.user_defined_symbols) or "" in self.user_defined_symbols:
            raise ValueError("user_defined_symbols must be distinct, and none of them empty")
        for symbol in self.user_defined_symbols:
            if clean_line(symbol) != symbol or _SPACE_MARK in symbol or " " in symbol:
                raise ValueError(
                    f"user_defined_symbols may not contain spaces, U+2581, control or invisible characters: {symbol!r}"
                )
            if symbol in _SPECIAL_NAMES or _BYTE_NAME.fullmatch(symbol):
                raise ValueError(f"user_defined_symbols may not be the name of another token: {symbol!r}")
        return self

    @property
    def samples(self) -> bool:
        """Whether training samples a new segmentation for every batch."""
        return bool(self.unigram_alpha or self.bpe_dropout)

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Vocabulary sizes of source and target."""
        return self.vocabulary_size, self.vocabulary_size

    def conflicts_alone(self) -> Iterable[Conflict]:
        """What these options say against text that has no source."""
        if not self.joint:
            yield TWO_VOCABULARIES
        if self.apostrophes != "keep":
            yield Conflict(
                keys=(("tokenizer", "apostrophes"),),
                expected="keep: only a source is read otherwise than it is written",
                got="plain",
                fix="Leave it out.",
            )

    @property
    def sizes_are_bounds(self) -> bool:
        """Never: the vocabulary has exactly the requested size, or training fails."""
        return False

    def digests(self) -> Mapping[str, str]:
        """SHA-256 of other files that are read besides the text: none."""
        return {}

    def train(self, source_text: Path, target_text: Path, directory: Path) -> TokenizerPair:
        """Trains the vocabulary, or one for each side, and saves it in `directory`.

        Deterministic: equal files and options give equal models. Memory depends only on `training_sentences`.

        Args:
            source_text: one sentence per line, plain or gzip.
            target_text: the other side.
            directory: output folder, to be read by `nmt.tokenizer.load_tokenizers`.

        Raises:
            UserError: the text is too small for the vocabulary, or has too many distinct characters.
        """
        if self.joint:
            shared = self._train((source_text, self.reads), (target_text, str))
            pair = TokenizerPair(shared.reading(), shared)
        else:
            source, target = self._train((source_text, self.reads)), self._train((target_text, str))
            pair = TokenizerPair(source.reading(), target)
        save_tokenizers(pair, directory)
        return pair

    def train_alone(self, text: Path, directory: Path) -> TokenizerPair:
        """Likewise of one text, for a language model: one tokenizer, which both sides are.

        Raises:
            UserError: as `train`.
        """
        tokenizer = self._train((text, str))
        pair = TokenizerPair(tokenizer, tokenizer)
        save_tokenizers(pair, directory)
        return pair

    def reads(self, line: str) -> str:
        """A source line as it is segmented: with `apostrophes` applied."""
        return line.translate(_APOSTROPHES) if self.apostrophes == "plain" else line

    def load(self, path: Path) -> SentencePieceTokenizer:
        """Reads the model file of a tokenizer that was trained with these options.

        Raises:
            UserError: not a SentencePiece model.
        """
        model = read_bounded(path, "a SentencePiece model", MOST_MODEL_BYTES)
        try:
            tokenizer = SentencePieceTokenizer(model, self)
            tokenizer.check()
        except (RuntimeError, ValueError) as error:
            raise UserError(str(path), "a SentencePiece model", str(error) or "something else") from None
        return tokenizer

    def _train(self, *texts: _Text) -> SentencePieceTokenizer:
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=_training_lines(texts, self.training_sentences, self.seed),
                model_writer=model,
                model_type=self.algorithm,
                vocab_size=self.vocabulary_size,
                character_coverage=self.character_coverage,
                byte_fallback=self.byte_fallback,
                normalization_rule_name=self.normalization,
                user_defined_symbols=list(self.user_defined_symbols),
                pad_id=SPECIAL.pad,
                unk_id=SPECIAL.unk,
                bos_id=SPECIAL.bos,
                eos_id=SPECIAL.eos,
                num_threads=_TRAINING_THREADS,
                minloglevel=_SILENT,
            )
        except RuntimeError as error:
            raise self._explained(str(error), [path for path, _ in texts]) from None
        return SentencePieceTokenizer(model.getvalue(), self)

    def _explained(self, message: str, texts: Sequence[Path]) -> UserError:
        where = " and ".join(map(str, texts))
        if most := re.search(r"size too high \(\d+\)\. Please set it to a value <= (\d+)", message):
            return UserError(
                where,
                f"enough text for tokenizer.vocabulary_size={self.vocabulary_size}",
                f"text that yields at most {most[1]} pieces",
                f"Set tokenizer.vocabulary_size to {most[1]} or less.",
            )
        if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
            return UserError(
                "tokenizer.vocabulary_size",
                f"at least {least[1]}, enough for every character of {where}",
                str(self.vocabulary_size),
                "Raise it, or lower tokenizer.character_coverage.",
            )
        if "sentences_.empty()" in message:
            return UserError(where, "lines of text to train a tokenizer on", "no line with text")
        return UserError(where, "text that SentencePiece can train on", message)


class SentencePieceTokenizer:
    """A trained SentencePiece model; implements `nmt.tokenizer.base.Tokenizer`.

    Args:
        model: the serialised SentencePiece model.
        options: the options it was trained with.
        source: whether it segments source text, which `options.apostrophes` may rewrite.

    Raises:
        RuntimeError: not a SentencePiece model.
    """

    _seeding = threading.Lock()

    def __init__(self, model: bytes, options: SentencePieceOptions, *, source: bool = False) -> None:
        if not model:  # SentencePiece would treat it as no model given
            raise RuntimeError("an empty file")
        self._model, self._options, self._source = model, options, source
        self._read: Callable[[str], str] = options.reads if source else str
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.digest = hashlib.sha256(model).hexdigest()
        self.vocabulary_size: int = self._processor.get_piece_size()

    def reading(self) -> SentencePieceTokenizer:
        """This tokenizer for the source side."""
        if self._source or self._options.apostrophes == "keep":
            return self
        return SentencePieceTokenizer(self._model, self._options, source=True)

    def check(self) -> None:
        """Raises:
        ValueError: the model does not fit these options: other special tokens, or pieces that are not UTF-8.
        """
        found = tuple(getattr(self._processor, f"{name}_id")() for name in ("pad", "unk", "bos", "eos"))
        if found != (wanted := (SPECIAL.pad, SPECIAL.unk, SPECIAL.bos, SPECIAL.eos)):
            raise ValueError(f"a model with ids {found} instead of {wanted} for padding, unknown, begin and end")
        self.pieces(range(self.vocabulary_size))  # UnicodeDecodeError is a ValueError

    @property
    def options(self) -> SentencePieceOptions:
        """The options it was trained with."""
        return self._options

    def encode(self, line: str) -> list[int]:
        """Token ids of one line as `nmt.text.clean_line` gives it, without BOS and EOS."""
        ids: list[int] = self._processor.encode(_escaped(self._read(line)))
        return ids

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        """One random segmentation of each line: subword regularisation or BPE dropout."""
        options = self._options
        alpha = options.bpe_dropout if options.algorithm == "bpe" else options.unigram_alpha
        if not alpha:
            return [self.encode(line) for line in lines]
        candidates = -1 if options.unigram_candidates is None else options.unigram_candidates
        text = [_escaped(self._read(line)) for line in lines]
        result: list[list[int]] = []

        def sample() -> None:
            result.extend(
                self._processor.encode(text, enable_sampling=True, alpha=alpha, nbest_size=candidates, num_threads=1)
            )

        # SentencePiece has one random generator per thread, seeded at its first draw, so only a new
        # thread starts from our seed. The lock keeps other threads from setting theirs in between.
        with self._seeding:
            sentencepiece.set_random_generator_seed(seed & 0xFFFFFFFF)
            thread = threading.Thread(target=sample)
            thread.start()
            thread.join()
        return result

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, always a single line."""
        text: str = self._processor.decode([int(i) for i in ids if i > SPECIAL.eos])
        # Cleaned, because byte pieces can spell anything, even line feeds, and an unknown token leaves two spaces.
        return clean_line(text.replace(_ESCAPED_SPACE_MARK, _SPACE_MARK))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The ids as readable pieces; U+2581 stands for a space."""
        pieces: list[str] = self._processor.id_to_piece([int(i) for i in ids])
        return pieces

    def save(self, path: Path) -> None:
        """Writes the model as one file that any SentencePiece program can read."""
        with write_bytes_atomically(path) as handle:
            handle.write(self._model)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._model, self._options, self._source)


def _restored(model: bytes, options: SentencePieceOptions, source: bool) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(model, options, source=source)


def _escaped(line: str) -> str:
    return line.replace(_SPACE_MARK, _ESCAPED_SPACE_MARK) if _SPACE_MARK in line else line


def _training_lines(texts: Sequence[_Text], most: int, seed: int) -> Iterator[str]:
    """Exactly min(`most`, all) of the lines, streamed in order: one drawn at random from each of
    `most` equal stretches of the text. Lines too long for SentencePiece come in parts.

    Taking every n-th line instead could pick the same line again and again from a text that repeats itself.
    """
    total = sum(1 for path, _ in texts for _ in read_lines(path))
    most = min(most, total)
    random = Random(seed)
    drawn = (random.randrange(i * total // most, (i + 1) * total // most) for i in range(most))
    wanted = next(drawn, -1)
    lines = ((line, read) for path, read in texts for line in read_lines(path))
    for number, (line, read) in enumerate(lines):
        if number == wanted:
            yield from _parts(_escaped(read(clean_line(line))))
            wanted = next(drawn, -1)


def _parts(line: str) -> Iterator[str]:
    """A line in as few parts as SentencePiece accepts, split at spaces if possible."""
    while len(line) * 4 > _LONGEST_TRAINING_BYTES and len(line.encode()) > _LONGEST_TRAINING_BYTES:
        most = len(line.encode()[:_LONGEST_TRAINING_BYTES].decode(errors="ignore"))
        blank = line.rfind(" ", 1, most)
        cut = blank if blank > 0 else most
        yield line[:cut]
        line = line[cut:].lstrip(" ")
    yield line
