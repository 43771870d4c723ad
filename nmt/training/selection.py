"""Selection of the best weights by their validations."""

from __future__ import annotations

import math

from nmt.evaluation.measures import MEASURES
from nmt.training.options import BestBy
from nmt.training.position import Scores
from nmt.training.validation import Validation

_SUSPICIOUS = 3
"""Number of consecutive validations with the same score after which the user is warned."""


class Selection:
    """Compares validations by one measure, and by the loss if scores are equal.

    All state is in the scores, so it survives resumption.

    Args:
        scores: part of the training's position.
        best_by: the measure, or the loss itself.
        words: the tokenizer that splits text into words; scores of some measures with different ones do not compare.
    """

    def __init__(self, scores: Scores, best_by: BestBy, words: str) -> None:
        self._scores, self._best_by = scores, best_by
        self.measure = "loss" if best_by == "loss" else MEASURES[best_by].criterion(words)
        """Description of the measure."""
        before = scores.measure or self.measure.replace(f"({words})", "(13a)")
        if scores.best is not None and before != self.measure:
            self.forget()
        scores.measure = self.measure

    def forget(self) -> None:
        """Forgets earlier scores as no longer comparable; the kept weights remain candidates."""
        done = self._scores
        done.best, done.best_loss, done.stale, done.newest, done.unchanged = None, None, 0, None, 0

    def beats_the_best(self, found: Validation) -> bool:
        """Whether a validation is better than the best one so far."""
        done = self._scores
        if done.best is None:
            return True
        score = self._score(found)
        # Checkpoints of earlier versions have no loss: then the later of two equal scores wins.
        known = math.inf if done.best_loss is None else done.best_loss
        return score > done.best or (score == done.best and found.loss < known)

    def consider(self, found: Validation, update: int) -> bool:
        """Records the validation of an update and returns whether it is the best so far."""
        done, score = self._scores, self._score(found)
        best = self.beats_the_best(found)
        if best:
            done.best, done.best_loss, done.best_update = score, found.loss, update
            done.best_measures = dict(found.measures)
        done.stale = 0 if best else done.stale + 1
        done.unchanged = done.unchanged + 1 if score == done.newest else 1
        done.newest = score
        return best

    def concern(self) -> str:
        """A warning, given once, that the measure does not distinguish the weights; else empty."""
        done = self._scores
        if self._best_by == "loss" or done.unchanged != _SUSPICIOUS or done.newest is None:
            return ""
        measure = MEASURES[self._best_by]
        words = "evaluation.tokenize (char, say), or set training.best_by: loss"
        return (
            f"{self.measure} was {measure.rank(done.newest):.1f} at {_SUSPICIOUS} validations in a row and does not "
            "distinguish the weights: ties are decided by the lower loss."
            + (f" For text without spaces, or of single words, use another {words}" if measure.counts_words else "")
        )

    def _score(self, found: Validation) -> float:
        """The score to compare; larger is better."""
        if self._best_by == "loss":
            score = -found.loss
        else:
            score = MEASURES[self._best_by].rank(found.measures[self._best_by])
        return score if math.isfinite(score) else -math.inf
