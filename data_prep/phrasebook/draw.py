"""Random choices for one sentence, with a record of the lexemes drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from data_prep.phrasebook import phrase
from data_prep.phrasebook.declension import Gender
from data_prep.phrasebook.lexeme import Adjective, Adverbial, Noun, Verb
from data_prep.phrasebook.modifiers import suited
from data_prep.phrasebook.names import Names
from data_prep.phrasebook.nouns import KIN, PEOPLE, tagged
from data_prep.phrasebook.phrase import (
    DU,
    FORMAL,
    HE,
    SHE,
    THE,
    THEY,
    WE,
    A,
    Determiner,
    I,
    NounPhrase,
    noun_phrase,
)

Choice = TypeVar("Choice")


class Lexeme(Protocol):
    """A noun, a verb or an adjective."""

    @property
    def key(self) -> str: ...

    @property
    def forms(self) -> tuple[str, ...]: ...


class Rejected(Exception):  # noqa: N818 (not an error: a sentence family asks for another draw)
    """The choices do not give a sensible sentence."""


KeyedChoice = TypeVar("KeyedChoice", bound=Lexeme)
JOBS = tuple(noun for noun in PEOPLE if noun.tags & {"job", "general"} or noun.english in {"guest", "customer"})
RELATIVES = tuple(noun for noun in KIN if "single" not in noun.tags)


class Draw:
    """The state of the generator for one sentence."""

    def __init__(self, random: Random, names: Names) -> None:
        self.random = random
        self.names = names
        self._lexemes: dict[str, Lexeme] = {}
        self._names: set[str] = set()

    def lexemes_in(self, english: str) -> frozenset[str]:
        """Keys of the drawn lexemes that actually occur in the sentence."""
        text = f" {re.sub(r'[.?!,]', ' ', english.lower())} "
        return frozenset(
            key for key, lexeme in self._lexemes.items() if any(f" {form.lower()} " in text for form in lexeme.forms)
        )

    def has_name(self, english: str) -> bool:
        """Whether the sentence contains one of the names drawn for it."""
        return not self._names.isdisjoint(re.findall(r"\w+", english))

    def one(self, choices: Sequence[Choice]) -> Choice:
        """One of the choices, uniformly."""
        return self.random.choice(choices)

    def lexeme(self, choices: Sequence[KeyedChoice]) -> KeyedChoice:
        """One of the lexemes, uniformly; it is recorded."""
        chosen = self.random.choice(choices)
        self._lexemes[chosen.key] = chosen
        return chosen

    def use(self, *lexemes: Lexeme) -> None:
        """Records lexemes that were not drawn at random."""
        self._lexemes.update((lexeme.key, lexeme) for lexeme in lexemes)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random.random() < probability

    # Names ----------------------------------------------------------------------------------------------

    def _name(self, names: Sequence[str]) -> str:
        name = self.one(names)
        self._names.add(name)
        return name

    def first_name(self) -> tuple[str, Gender]:
        """A first name and its bearer's gender."""
        if self.chance(0.5):
            return self._name(self.names.women), Gender.FEMININE
        return self._name(self.names.men), Gender.MASCULINE

    def surname(self) -> str:
        return self._name(self.names.surnames)

    def city(self) -> tuple[str, str]:
        """Its English and its German name."""
        pair = self.one(self.names.cities)
        self._names.add(pair[0])
        return pair

    def street(self) -> str:
        return self._name(self.names.streets)

    # Phrases --------------------------------------------------------------------------------------------

    def person(self) -> NounPhrase:
        """A subject that is not a pronoun: a name, a relative or a person named by occupation."""
        kind = self.random.random()
        if kind < 0.3:
            name, gender = self.first_name()
            return phrase.named(name, gender=gender)
        if kind < 0.45:
            return phrase.titled(self.surname(), woman=self.chance(0.5))
        if kind < 0.75:
            plural = self.chance(0.15)
            noun = self.lexeme(RELATIVES if plural else KIN)
            owner = (I if "single" in noun.tags else self.one((I, I, WE))).possessive
            assert owner
            plural = plural and noun.english not in {"father", "mother", "boss"}
            return noun_phrase(noun, owner, plural=plural)
        return noun_phrase(self.lexeme(JOBS), THE, plural=self.chance(0.25))

    def subject(self) -> NounPhrase:
        """Any subject of a statement: a pronoun or a person."""
        if self.chance(0.5):
            return self.one((I, I, HE, SHE, WE, WE, THEY))
        return self.person()

    def addressed(self) -> tuple[str, str, NounPhrase]:
        """A person spoken to: the English and German words before the clause, and the pronoun.

        The English decides the German pronoun: a first name means du; a title or no name means Sie.
        """
        kind = self.random.random()
        if kind < 0.4:
            name, _ = self.first_name()
            return f"{name}, ", f"{name}, ", DU
        if kind < 0.65:
            title = phrase.titled(self.surname(), woman=self.chance(0.5))
            return f"{title.english}, ", f"{title.german[0]}, ", FORMAL
        return "", "", FORMAL

    def adjective(self, noun: Noun, states: bool = False, chance: float = 1.0) -> tuple[Adjective, ...]:
        """One adjective that suits the noun, or none."""
        fitting = suited(noun.tags, states)
        if not fitting or not self.chance(chance):
            return ()
        return (self.lexeme(fitting),)

    def object_of(self, verb: Verb, subject: NounPhrase, negated: bool = False) -> NounPhrase:
        """An object that the verb allows, with a determiner that makes sense."""
        return self.thing(
            self.object_noun(verb, subject),
            subject,
            negated,
            keep_definite=verb.english.base in DEFINITE_OBJECT,
            may_own=verb.english.base not in NEW_OBJECT,
        )

    def object_noun(self, verb: Verb, subject: NounPhrase) -> Noun:
        """A noun that the verb allows as its object."""
        barred = {"single"}
        wearing = verb.english.base in {"wear", "put on", "try on"}
        if wearing and subject.possessive and subject.possessive.english not in {"her", "my", "your"}:
            barred.add("ladies")
        if verb.english.base == "put on":
            barred.add("headgear")  # German has other verbs for it
        return self.lexeme([n for n in tagged(*verb.objects) if not n.tags & barred])

    def thing(
        self, noun: Noun, subject: NounPhrase, negated: bool = False, keep_definite: bool = False, may_own: bool = True
    ) -> NounPhrase:
        """A noun with a determiner, perhaps an adjective and a plural."""
        owner = subject.possessive
        if "kin" in noun.tags:
            assert owner
            return noun_phrase(noun, owner)
        adjectives = self.adjective(noun, chance=0.4)
        plural = not noun.mass and "place" not in noun.tags and self.chance(0.2)
        kind = self.random.random()
        if owner and may_own and noun.tags & {"own", "wear"} and kind < 0.35:
            return noun_phrase(noun, owner, adjectives, plural=plural)
        if keep_definite or kind < 0.65 or noun.tags & {"office"}:
            determiner: Determiner = phrase.THIS if self.chance(0.12) else THE
            return noun_phrase(noun, determiner, adjectives, plural=plural)
        return noun_phrase(noun, phrase.NOT_A if negated else A, adjectives, plural=plural)

    def the_place(self, *tags: str, adjective: float = 0.25) -> tuple[Noun, NounPhrase]:
        """A definite place."""
        noun = self.lexeme([n for n in tagged(*tags) if "place" in n.tags])
        return noun, noun_phrase(noun, THE, self.adjective(noun, chance=adjective))

    def location(self, *tags: str) -> Adverbial:
        """in the old park, im alten Park."""
        return phrase.location(*self.the_place(*tags))

    def direction(self, *tags: str) -> Adverbial:
        """to the old park, in den alten Park."""
        return phrase.direction(*self.the_place(*tags, adjective=0.15))


NEW_OBJECT = frozenset({"buy", "rent", "receive", "book", "order"})
"""Verbs whose object is not yet the subject's own."""

DEFINITE_OBJECT = frozenset(
    {"turn on", "turn off", "close", "open", "pay", "sign", "fill in", "tidy up", "collect", "know", "feed", "pick up",
     "clean", "prepare", "try on", "put on", "carry"}
)  # fmt: skip
"""Verbs whose object is something already known."""
