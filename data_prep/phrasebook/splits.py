"""Which sentences go where: training, validation, test, and the test of unseen combinations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, combinations
from random import Random

from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families import everyday, questions, statements, subordination
from data_prep.phrasebook.lexicon import mentioned
from data_prep.phrasebook.names import Names, split_names

Family = Callable[[Draw], tuple[str, str]]
FAMILIES: tuple[tuple[Family, int], ...] = (
    *statements.FAMILIES, *subordination.FAMILIES, *questions.FAMILIES, *everyday.FAMILIES,
)  # fmt: skip
FUNCTIONS = tuple(family for family, _ in FAMILIES)
CUMULATIVE = tuple(accumulate(weight for _, weight in FAMILIES))

HELD_OUT_ONE_IN = 16
"""One in so many pairs of lexemes is kept out of training."""
VALIDATION, TEST, TEST_UNSEEN = 500, 1000, 1000
UNSEEN_NAMES = 200
"""Sentences of the test split that are about names which training never shows."""


@dataclass(frozen=True)
class Sentence:
    """A pair, and what it is made of."""

    english: str
    german: str
    lexemes: frozenset[str]
    family: str


@cache
def held_out(one: str, other: str) -> bool:
    """Whether two lexemes must never meet in one training sentence.

    The rule: of every verb and noun, and of every adjective and noun, one pair in `HELD_OUT_ONE_IN` is held
    out, chosen by a digest of the two keys alone. A training, validation or ordinary test sentence never
    mentions both, in any form and any grammatical relation; every sentence of `test_unseen` uses at least one
    such pair.
    """
    first, second = sorted((one, other))
    if first.partition(":")[2] == second.partition(":")[2]:
        return False  # the cook who cooks: one word cannot be kept apart from itself
    if {first.partition(":")[0], second.partition(":")[0]} not in ({"noun", "verb"}, {"adjective", "noun"}):
        return False
    digest = hashlib.sha256(f"{first} {second}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0


def held_out_pairs(lexemes: frozenset[str]) -> list[tuple[str, str]]:
    """The held-out pairs among these lexemes, sorted."""
    return [pair for pair in combinations(sorted(lexemes), 2) if held_out(*pair)]


def finish(text: str) -> str:
    """Capital letter and full stop. After an opening address the clause goes on in small letters."""
    text = text if text.endswith(("?", ".")) else text + "."
    return text[0].upper() + text[1:]


def sentences(random: Random, names: Names) -> Iterator[tuple[Sentence, bool]]:
    """An endless stream of sentences, and whether each contains a name."""
    while True:
        draw = Draw(random, names)
        family = random.choices(FUNCTIONS, cum_weights=CUMULATIVE)[0]
        try:
            english, german = map(finish, family(draw))
        except Rejected:
            continue
        yield Sentence(english, german, draw.lexemes_in(english), family.__name__), draw.has_name(english)


class _Distinct:
    """Lets a sentence through once, and only if neither of its sides was seen before."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, sentence: Sentence) -> bool:
        english, german = "en " + sentence.english.lower(), "de " + sentence.german.lower()
        if english in self._seen or german in self._seen:
            return False
        self._seen.update((english, german))
        return True


def generate(pairs: int, seed: int) -> dict[str, list[Sentence]]:
    """All splits. The held-out ones are drawn first, so that they do not depend on `pairs`."""
    known, unknown = split_names()
    is_new, random = _Distinct(), Random(seed)
    named: list[Sentence] = []
    for sentence, uses_name in sentences(random, unknown):
        if uses_name and not held_out_pairs(mentioned(sentence.english)) and _short(sentence) and is_new(sentence):
            named.append(sentence)
        if len(named) == UNSEEN_NAMES:
            break
    splits: dict[str, list[Sentence]] = {"validation": [], "test": named, "test_unseen": [], "training": []}
    sizes = {"validation": VALIDATION, "test": TEST, "test_unseen": TEST_UNSEEN, "training": pairs}
    for sentence, _ in sentences(random, known):
        name = _split_for(sentence, splits, sizes)
        if name and _short(sentence) and is_new(sentence):
            splits[name].append(sentence)
        if all(len(splits[name]) == size for name, size in sizes.items()):
            break
    random.shuffle(splits["test"])
    return splits


def _short(sentence: Sentence) -> bool:
    return len(sentence.english.split()) <= 24


def _split_for(sentence: Sentence, splits: dict[str, list[Sentence]], sizes: dict[str, int]) -> str:
    """The first split of its kind with room left; empty when there is none."""
    unseen = bool(held_out_pairs(sentence.lexemes))
    if not unseen and held_out_pairs(mentioned(sentence.english)):
        return ""
    kinds = ("test_unseen",) if unseen else ("test", "validation", "training")
    return next((name for name in kinds if len(splits[name]) < sizes[name]), "")
