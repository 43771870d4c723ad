"""Generate the sentences and assign them to the splits: training, validation and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, combinations
from random import Random

from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families import conversation, everyday, questions, short, statements, subordination
from data_prep.phrasebook.lexicon import mentioned
from data_prep.phrasebook.names import Names, split_names
from data_prep.phrasebook.phrases import FIXED

Family = Callable[[Draw], tuple[str, str]]
EVERYDAY: tuple[tuple[Family, int], ...] = (*short.FAMILIES, *conversation.FAMILIES)
FAMILIES: tuple[tuple[Family, int], ...] = (
    *statements.FAMILIES, *subordination.FAMILIES, *questions.FAMILIES, *everyday.FAMILIES, *EVERYDAY,
)  # fmt: skip
OF_EVERY_DAY = frozenset(family for family, _ in EVERYDAY)
FUNCTIONS = tuple(family for family, _ in FAMILIES)
CUMULATIVE = tuple(accumulate(weight for _, weight in FAMILIES))

HELD_OUT_ONE_IN = 16
"""One in this many pairs of lexemes is held out from training."""
VALIDATION, TEST, TEST_UNSEEN, TEST_EVERYDAY = 500, 1000, 1000, 1000
CARELESS = 0.08
"""Share of everyday training sentences with careless English typing."""
EVERYDAY_WORDS = 9
"""Most words per sentence in the everyday test set."""
UNSEEN_NAMES = 200
"""Number of sentences in the test split with names that never occur in training."""


@dataclass(frozen=True)
class Sentence:
    """A sentence pair and its origin."""

    english: str
    german: str
    lexemes: frozenset[str]
    family: str
    everyday: bool = False
    """Whether it comes from an everyday family."""


@cache
def held_out(one: str, other: str) -> bool:
    """Whether two lexemes must never occur together in a training sentence.

    One in `HELD_OUT_ONE_IN` of all verb–noun and adjective–noun pairs is held out, chosen by a digest of the
    two keys. Training, validation and ordinary test sentences never mention both, in any form or grammatical
    relation; every sentence of `test_unseen` contains at least one such pair.
    """
    first, second = sorted((one, other))
    if first.partition(":")[2] == second.partition(":")[2]:
        return False  # the cook cooks: the same word cannot be held out from itself
    if {first.partition(":")[0], second.partition(":")[0]} not in ({"noun", "verb"}, {"adjective", "noun"}):
        return False
    digest = hashlib.sha256(f"{first} {second}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0


def held_out_pairs(lexemes: frozenset[str]) -> list[tuple[str, str]]:
    """The held-out pairs among these lexemes, sorted."""
    return [pair for pair in combinations(sorted(lexemes), 2) if held_out(*pair)]


def finish(text: str) -> str:
    """Capitalises the first letter and adds a full stop if the text has no end mark."""
    text = text if text.endswith(("?", ".", "!")) else text + "."
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
        everyday, lexemes = family in OF_EVERY_DAY, draw.lexemes_in(english)
        yield Sentence(english, german, lexemes, family.__name__, everyday), draw.has_name(english)


class _Distinct:
    """Accepts a sentence only if neither of its sides has been seen before."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, sentence: Sentence) -> bool:
        english, german = "en " + sentence.english.lower(), "de " + sentence.german.lower()
        if english in self._seen or german in self._seen:
            return False
        self._seen.update((english, german))
        return True


def careless(sentence: Sentence, random: Random) -> Sentence:
    """The sentence, occasionally with its English typed carelessly: without capital letter and end mark."""
    if not sentence.everyday or random.random() >= CARELESS:
        return sentence
    english = sentence.english.rstrip(".?!")
    if not english.startswith(("I ", "I'", "Mr ", "Ms ")):
        english = english[0].lower() + english[1:]
    return replace(sentence, english=english)


def fixed_expressions() -> list[Sentence]:
    """The expressions without slots, which all go into training."""
    return [Sentence(finish(english), finish(german), frozenset(), "fixed", True) for english, german in FIXED]


def generate(pairs: int, seed: int) -> dict[str, list[Sentence]]:
    """All splits. Validation and tests are filled first, so they do not depend on `pairs`."""
    known, unknown = split_names()
    is_new, random = _Distinct(), Random(seed)
    always = [sentence for sentence in fixed_expressions() if is_new(sentence)]
    named: list[Sentence] = []
    for sentence, uses_name in sentences(random, unknown):
        if uses_name and _split_kinds(sentence)[:1] == ("test",) and is_new(sentence):
            named.append(sentence)
        if len(named) == UNSEEN_NAMES:
            break
    splits: dict[str, list[Sentence]] = {
        "validation": [], "test": named, "test_unseen": [], "test_everyday": [],
        "training": always[: pairs // 2],
    }  # fmt: skip
    sizes = {
        "validation": VALIDATION, "test": TEST, "test_unseen": TEST_UNSEEN, "test_everyday": TEST_EVERYDAY,
        "training": pairs,
    }  # fmt: skip
    for sentence, _ in sentences(random, known):
        name = next((name for name in _split_kinds(sentence) if len(splits[name]) < sizes[name]), "")
        if name and is_new(sentence):
            splits[name].append(sentence)
        if all(len(splits[name]) == size for name, size in sizes.items()):
            break
    splits["training"] = [careless(sentence, random) for sentence in splits["training"]]
    random.shuffle(splits["test"])
    random.shuffle(splits["training"])
    return splits


def _split_kinds(sentence: Sentence) -> tuple[str, ...]:
    """The splits that a sentence may be in, in the order in which they are filled."""
    words = len(sentence.english.split())
    if words > 24:
        return ()
    if held_out_pairs(sentence.lexemes):
        return () if sentence.everyday else ("test_unseen",)
    if held_out_pairs(mentioned(sentence.english)):
        return ()
    if not sentence.everyday:
        return ("test", "validation", "training")
    return ("test_everyday", "validation", "training") if words <= EVERYDAY_WORDS else ("validation", "training")
