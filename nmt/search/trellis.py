"""The record of a beam search, from which finished hypotheses are traced back."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.nn.rows import Rows
from nmt.search.base import NONE, Hypothesis


@dataclass
class Finished(Rows):
    """The best finished hypotheses of each sentence, best first; F = n_best."""

    score: Tensor
    """[B, F] float32, -inf for none."""
    log_probability: Tensor
    """[B, F] float32"""
    length: Tensor
    """[B, F] int64, tokens before EOS."""
    parent: Tensor
    """[B, F] int64, the live hypothesis that took EOS."""

    def best(self, count: int) -> Finished:
        """The first `count` hypotheses of each sentence."""
        return Finished(
            self.score[:, :count], self.log_probability[:, :count], self.length[:, :count], self.parent[:, :count]
        )

    def put(self, rows: Tensor, finished: Finished) -> None:
        """Writes the sentences of a smaller batch into these rows."""
        self.score[rows] = finished.score
        self.log_probability[rows] = finished.log_probability
        self.length[rows] = finished.length
        self.parent[rows] = finished.parent


@dataclass(frozen=True)
class _Step:
    sentences: Tensor
    """[B'] int64, the sentences still in the batch."""
    parents: Tensor
    """[B', K] int64, the hypothesis that each live one extends."""
    tokens: Tensor
    """[B', K] int64, the token that it adds."""
    attention: Tensor | None
    """[B', K, S], of the hypotheses before reordering: row `parents` produced the token."""


@dataclass
class Trellis:
    """The choices of each step; reordering the beam copies no hypotheses.

    Args:
        sentences: B, the initial size of the batch.
        beam: K.
    """

    sentences: int
    beam: int
    steps: list[_Step] = field(default_factory=list)

    def add(self, sentences: Tensor, parents: Tensor, tokens: Tensor, attention: Tensor | None) -> None:
        """Records one step of the sentences still in the batch."""
        self.steps.append(_Step(sentences, parents, tokens, attention))

    def hypotheses(self, finished: Finished, source_mask: Tensor, need_attention: bool) -> list[list[Hypothesis]]:
        """The finished hypotheses of the whole batch, best first.

        Args:
            finished: B rows.
            source_mask: [B, S] bool; padding is cut from the attention.

        Raises:
            UserError: a sentence has none, which only happens with NaN logits.
        """
        tokens, lineage = self.read(finished.length, finished.parent)
        texts, lengths = tokens.tolist(), finished.length.tolist()
        scores, log_probabilities = finished.score.tolist(), finished.log_probability.tolist()
        found: list[list[Hypothesis]] = [[] for _ in scores]
        for sentence, hypotheses in enumerate(found):
            for rank, score in enumerate(scores[sentence]):
                if score == NONE:
                    break
                length = lengths[sentence][rank]
                attention = None
                if need_attention:
                    attention = self.attention(sentence, lineage[sentence, rank, : length + 1])
                    attention = attention[:, source_mask[sentence]]
                ids = tuple(texts[sentence][rank][:length])
                hypotheses.append(Hypothesis(ids, score, log_probabilities[sentence][rank], attention))
            if not hypotheses:
                raise UserError(
                    "model",
                    "logits that are finite numbers",
                    "infinite or not-a-number logits",
                    "Its training diverged: use an earlier checkpoint, or train again with a lower learning rate.",
                )
        return found

    def read(self, ended_at: Tensor, ended_from: Tensor) -> tuple[Tensor, Tensor]:
        """Traces hypotheses back from their ends.

        Args:
            ended_at: [B, F] int64, the number of tokens before EOS.
            ended_from: [B, F] int64, the live hypothesis that took EOS.

        Returns:
            tokens [B, F, T], of which the first `ended_at` are valid; and lineage [B, F, T + 1], the
            hypothesis that produced the token at each position (EOS at position `ended_at`).
        """
        length = len(self.steps)
        tokens = torch.zeros((length, self.sentences, self.beam), dtype=torch.int64, device=ended_at.device)
        parents = torch.zeros_like(tokens)
        for position, step in enumerate(self.steps):
            tokens[position, step.sentences] = step.tokens
            parents[position, step.sentences] = step.parents
        read = ended_at.new_zeros((*ended_at.shape, length))
        lineage = ended_at.new_zeros((*ended_at.shape, length + 1))
        current = ended_from
        for position in reversed(range(length)):
            inside = ended_at > position
            read[:, :, position] = tokens[position].gather(1, current)
            lineage[:, :, position + 1] = current
            current = torch.where(inside, parents[position].gather(1, current), current)
        lineage[:, :, 0] = current
        return read, lineage

    def attention(self, sentence: int, lineage: Tensor) -> Tensor:
        """[T, S] attention of one hypothesis of one sentence.

        Args:
            lineage: [T] int64, the hypothesis that produced the token at each position, EOS last.
        """
        rows = []
        for step, beam in zip(self.steps, lineage.tolist(), strict=False):
            assert step.attention is not None
            row = int(torch.searchsorted(step.sentences, sentence))
            rows.append(step.attention[row, beam])
        return torch.stack(rows)
