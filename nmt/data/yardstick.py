"""Simple strategies for a corpus's test sets, whose scores show how much a model's are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """A strategy's answer to one line, and how well it predicts the reference, given the reference tokens before."""

    answer: str
    """The answer that it prefers."""
    log_probabilities: tuple[float, ...]
    """Natural log of the probability of each blank-separated token of the reference, and finally of its end."""
    correct: int | None
    """How many of these it ranks first; None if that is not known, and there is no token accuracy."""


@dataclass(frozen=True)
class Yardstick:
    """What a strategy makes of a test set."""

    name: str
    """Its name in tables."""
    guesses: tuple[Guess, ...]
    """One per line."""


def guess_by_position(distributions: Sequence[Mapping[str, float]], reference: str) -> Guess:
    """The guess of a strategy that draws each token of the answer by itself and knows how many there are.

    Args:
        distributions: probabilities by token, one mapping per token of the answer; of equally probable tokens, the
            first is preferred.
        reference: the right answer, with as many tokens.
    """
    preferred = [max(of_token, key=lambda token: of_token[token]) for of_token in distributions]
    tokens = reference.split()
    probabilities = [of_token.get(token, 0.0) for of_token, token in zip(distributions, tokens, strict=True)]
    return Guess(
        " ".join(preferred),
        (*(math.log(p) if p else -math.inf for p in probabilities), 0.0),
        sum(one == other for one, other in zip(preferred, tokens, strict=True)) + 1,
    )


def right_guess(reference: str) -> Guess:
    """The guess of a strategy that is certain of the right answer."""
    tokens = len(reference.split()) + 1
    return Guess(reference, (0.0,) * tokens, tokens)


def guesses_of_choices(chosen: Sequence[str], references: Sequence[str], answers: int) -> tuple[Guess, ...]:
    """The guesses of a strategy that chooses one of so many one-token answers to each line.

    It believes its choice as often as it is right on these lines.
    """
    hits = [choice == reference for choice, reference in zip(chosen, references, strict=True)]
    right = sum(hits) / len(hits)
    beliefs = {True: right, False: (1 - right) / (answers - 1)}
    return tuple(
        Guess(choice, (math.log(beliefs[hit]), 0.0), 1 + hit) for choice, hit in zip(chosen, hits, strict=True)
    )


def whole_line_guess(reference: str, log_probability: float) -> Guess:
    """The guess of a strategy of which the probability of the whole line is known, its end included.

    Each token gets an equal share of it.
    """
    tokens = len(reference.split()) + 1
    return Guess(reference, (log_probability / tokens,) * tokens, None)
