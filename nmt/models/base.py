"""The interface of all models: encode, decode, and one step of search.

Some data belongs to the sentence (`Memory`: encoder outputs, projected keys and values; never tiled
over the beam, only dropped when the sentence ends) and some to the hypothesis (`State`: caches,
recurrent states; gathered at every step). Both are values that the caller owns: modules hold
parameters and constants only.

A `Decoder` reads no source. `nmt.models.language.model.LanguageModel` wraps it as an `EncoderDecoder`, the only
interface that the rest of the toolkit knows.

Axes, everywhere: B source sentences, K beam width, N = B*K rows of a state (the K of a sentence adjacent),
S source length, T target length, D model width, H heads, V target vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.nn.kernels.continuations import to_log_probabilities
from nmt.nn.rows import Rows
from nmt.options import Options, Task
from nmt.tokenizer.base import TokenizerPair


class ModelOptions(Options):
    """The base of every model's options."""

    task: ClassVar[Task] = "translation"
    """The task of the model."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        """Conflicts of these options with a training of `updates` updates from random weights."""
        return ()


@dataclass
class Memory(Rows):
    """The source as the decoder sees it; one row per source sentence."""

    mask: Tensor
    """[B, S] bool, True on real tokens."""


@dataclass
class State(Rows):
    """The decoder's state; one row per hypothesis."""


MemoryT = TypeVar("MemoryT", bound=Memory)
StateT = TypeVar("StateT", bound=State)


@dataclass(frozen=True)
class DecoderOutput:
    """The result of teacher forcing."""

    logits: Tensor
    """[B, T, V]"""
    attention: Tensor | None = None
    """[B, T, S] if requested; rows sum to 1, 0 on padding."""
    penalties: Mapping[str, Tensor] = field(default_factory=dict)
    """Scalars that the trainer adds to the loss."""
    statistics: Mapping[str, Tensor] = field(default_factory=dict)
    """Statistics for the log: tensors of any shape, whose means are logged. Those about the gradient are filled in
    when it is computed."""


class StepOutput(NamedTuple, Generic[StateT]):
    """The result of one step of incremental decoding."""

    logits: Tensor
    """[B, K, V], contiguous and owned by the caller: search writes into it."""
    attention: Tensor | None
    """[B, K, S] if requested."""
    state: StateT
    normalized: bool = False
    """Whether the logits are scores that a search adds as they are: log-probabilities, or weighted sums of several
    models'. Otherwise it normalises them by a softmax."""

    def scores(self) -> Tensor:
        """What a search adds to the score of a hypothesis, [B, K, V] float32; may overwrite the logits."""
        return self.logits.float() if self.normalized else to_log_probabilities(self.logits)


class EncoderDecoder(nn.Module, ABC, Generic[MemoryT, StateT]):
    """A translation model. The contract suite in tests/contract states the laws it obeys."""

    def concern(self, statistics: Mapping[str, float]) -> str:
        """A warning about the means over a training window; empty if all is well.

        Args:
            statistics: means by the names of `DecoderOutput.statistics` and `penalties`; any of them may be absent.
        """
        return ""

    def meet_tokenizers(self, tokenizers: TokenizerPair) -> None:
        """Learns the tokens that mean something to the model, once, before its training; most need none.

        What it learns is saved with the weights, so a model that is loaded knows it.

        Raises:
            UserError: the vocabulary lacks such a token.
        """
        return

    @abstractmethod
    def encode(self, source: Tensor, source_mask: Tensor) -> MemoryT:
        """Reads the source.

        Args:
            source: [B, S] int64 token ids, each sentence ending in EOS; padded on either side.
            source_mask: [B, S] bool, True on real tokens.
        """

    @abstractmethod
    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: MemoryT, *, need_attention: bool = False
    ) -> DecoderOutput:
        """Teacher forcing: logits for the token after each prefix.

        Args:
            target_input: [B, T] int64, BOS then the target; padded on the right.
            target_mask: [B, T] bool, True on real tokens.
            memory: memory of the same B sentences.
            need_attention: also return attention over the source.
        """

    @abstractmethod
    def init_state(self, memory: MemoryT, beam_size: int, max_length: int) -> StateT:
        """The state of B*beam_size empty hypotheses that will take at most `max_length` steps."""

    @abstractmethod
    def step(
        self, tokens: Tensor, memory: MemoryT, state: StateT, *, need_attention: bool = False
    ) -> StepOutput[StateT]:
        """Extends every hypothesis by one token.

        The given state may be written to and must not be used again; the returned one replaces it.

        Args:
            tokens: [B, K] int64, the last token of each hypothesis (BOS at first).
            memory: memory of the B sentences.
            state: state of the B*K hypotheses.
        """


class Decoder(nn.Module, ABC, Generic[StateT]):
    """A language model, which reads only its own output. The laws of `EncoderDecoder` apply."""

    @abstractmethod
    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        """Teacher forcing: logits for the token after each prefix.

        Args:
            target_input: [B, T] int64, BOS then the text; padded on the right.
            target_mask: [B, T] bool, True on real tokens.
        """

    @abstractmethod
    def init_state(self, sentences: int, beam_size: int, max_length: int) -> StateT:
        """The state of sentences*beam_size empty hypotheses that will take at most `max_length` steps."""

    @abstractmethod
    def step(self, tokens: Tensor, state: StateT) -> StepOutput[StateT]:
        """Extends every hypothesis by one token; returns no attention.

        The given state may be written to and must not be used again; the returned one replaces it.

        Args:
            tokens: [B, K] int64, the last token of each hypothesis (BOS at first).
            state: state of the B*K hypotheses.
        """


class PromptedDecoder(Decoder[StateT]):
    """A language model that can also continue a prompt; `nmt.models.language.decoder_only` translates with it."""

    @abstractmethod
    def decode(self, target_input: Tensor, target_mask: Tensor, positions: Tensor | None = None) -> DecoderOutput:
        """As `Decoder.decode`.

        Args:
            target_input: [B, T] int64, padded on the right.
            target_mask: [B, T] bool, True on real tokens.
            positions: [B, P] int64, the positions whose logits, [B, P, V], are wanted, less than T; None: all.
        """

    @abstractmethod
    def read(self, prompt: Tensor, mask: Tensor, beam_size: int, max_length: int) -> StateT:
        """The state of B*beam_size hypotheses that have read the prompt and will take at most `max_length` steps.

        Args:
            prompt: [B, S] int64, padded on either side.
            mask: [B, S] bool, True on real tokens.
        """
