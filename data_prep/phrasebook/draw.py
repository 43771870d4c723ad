"""Random choices for one sentence, with a record of the lexemes it uses."""

from __future__ import annotations

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


class Keyed(Protocol):
    """A lexeme."""

    @property
    def key(self) -> str: ...


KeyedChoice = TypeVar("KeyedChoice", bound=Keyed)
JOBS = tuple(noun for noun in PEOPLE if noun.tags & {"job", "general"} or noun.english in {"guest", "customer"})
RELATIVES = tuple(noun for noun in KIN if "single" not in noun.tags)


class Draw:
    """The generator's state while it makes one sentence."""

    def __init__(self, random: Random, names: Names) -> None:
        self.random = random
        self.names = names
        self.lexemes: set[str] = set()
        self.uses_name = False

    def one(self, choices: Sequence[Choice]) -> Choice:
        """One of them, each as likely."""
        return self.random.choice(choices)

    def lexeme(self, choices: Sequence[KeyedChoice]) -> KeyedChoice:
        """One of them, and a note that the sentence contains it."""
        chosen = self.random.choice(choices)
        self.lexemes.add(chosen.key)
        return chosen

    def use(self, *lexemes: Keyed) -> None:
        """Notes lexemes that were not drawn."""
        self.lexemes.update(lexeme.key for lexeme in lexemes)

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.random.random() < probability

    # Names ----------------------------------------------------------------------------------------------

    def first_name(self) -> tuple[str, Gender]:
        """A first name and its bearer's gender."""
        self.uses_name = True
        if self.chance(0.5):
            return self.one(self.names.women), Gender.FEMININE
        return self.one(self.names.men), Gender.MASCULINE

    def surname(self) -> str:
        self.uses_name = True
        return self.one(self.names.surnames)

    def city(self) -> tuple[str, str]:
        """English and German."""
        self.uses_name = True
        return self.one(self.names.cities)

    def street(self) -> str:
        self.uses_name = True
        return self.one(self.names.streets)

    # Phrases --------------------------------------------------------------------------------------------

    def person(self) -> NounPhrase:
        """A subject that is not a pronoun: a name, a relative or somebody by trade."""
        kind = self.random.random()
        if kind < 0.3:
            name, gender = self.first_name()
            return phrase.named(name, gender=gender)
        if kind < 0.45:
            return phrase.titled(self.surname(), woman=self.chance(0.5))
        if kind < 0.75:
            owner = self.one((I, I, WE)).possessive
            assert owner
            plural = self.chance(0.15)
            noun = self.lexeme(RELATIVES if plural else KIN)
            plural = plural and noun.english not in {"father", "mother", "boss"}
            return noun_phrase(noun, owner, plural=plural)
        return noun_phrase(self.lexeme(JOBS), THE, plural=self.chance(0.25))

    def subject(self) -> NounPhrase:
        """Anybody that a statement can be about."""
        if self.chance(0.5):
            return self.one((I, I, HE, SHE, WE, WE, THEY))
        return self.person()

    def addressed(self) -> tuple[str, str, NounPhrase]:
        """Somebody spoken to: the English and German words before the clause, and the pronoun.

        The English decides the German: a first name means du; a title, or no name at all, means Sie.
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
        noun = self.lexeme([n for n in tagged(*verb.objects) if "single" not in n.tags])
        return self.thing(noun, subject, negated, keep_definite=verb.english.base in DEFINITE_OBJECT)

    def thing(self, noun: Noun, subject: NounPhrase, negated: bool = False, keep_definite: bool = False) -> NounPhrase:
        """A noun with a determiner, perhaps an adjective and a plural."""
        owner = subject.possessive
        if "kin" in noun.tags:
            assert owner
            return noun_phrase(noun, owner)
        adjectives = self.adjective(noun, chance=0.4)
        plural = not noun.mass and "place" not in noun.tags and self.chance(0.2)
        kind = self.random.random()
        if owner and noun.tags & {"own", "wear"} and kind < 0.35:
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


DEFINITE_OBJECT = frozenset(
    {"turn on", "turn off", "close", "open", "pay", "sign", "fill in", "tidy up", "collect", "know", "feed", "pick up",
     "clean", "prepare", "try on", "put on", "carry"}
)  # fmt: skip
"""Verbs whose object is something already known."""
