"""All lexemes, and a test for those that a sentence mentions."""

from __future__ import annotations

import re
from collections import defaultdict

from data_prep.phrasebook import verbs
from data_prep.phrasebook.families.subordination import ATTEMPTS
from data_prep.phrasebook.lexeme import Adjective, Noun, Verb
from data_prep.phrasebook.modifiers import ADJECTIVES
from data_prep.phrasebook.nouns import NOUNS

_SINGLE = tuple(value for value in vars(verbs).values() if isinstance(value, Verb))
_FRAMES = (
    *verbs.TRANSITIVE, *verbs.DITRANSITIVE, *verbs.EVERYDAY, *verbs.BY_ONESELF, *verbs.ACTIVITY, *verbs.CHANGE,
    *ATTEMPTS,
)  # fmt: skip
LEXEMES: tuple[Noun | Verb | Adjective, ...] = (
    *NOUNS, *ADJECTIVES, *_FRAMES, *_SINGLE, *(verb for verb, *_ in verbs.PREPOSITIONAL),
)  # fmt: skip
LONGEST_FORM = 3
"""Most words in a form."""


def _index() -> dict[str, set[str]]:
    keys: dict[str, set[str]] = defaultdict(set)
    for lexeme in LEXEMES:
        for form in lexeme.forms:
            assert len(form.split()) <= LONGEST_FORM, form
            keys[form.lower()].add(lexeme.key)
    return dict(keys)


_KEYS_OF_FORM = _index()


def mentioned(english: str) -> frozenset[str]:
    """Keys of all lexemes with a form in the sentence, whatever its meaning there.

    Deliberately overinclusive: `bus stop` mentions the bus, and `cook` both the noun and the verb.
    """
    words = re.sub(r"[.?!,]", " ", english.lower()).split()
    found: set[str] = set()
    for start in range(len(words)):
        for length in range(1, LONGEST_FORM + 1):
            found |= _KEYS_OF_FORM.get(" ".join(words[start : start + length]), set())
    return frozenset(found)
