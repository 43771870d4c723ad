"""Questions about a story, which need one, two or three of its facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import Distribution, Example, Synthetic, uniform
from nmt.data.corpus import Text
from nmt.data.pairs import read_pairs
from nmt.data.yardstick import Guess, Yardstick, guesses_of_choices

PEOPLE = ("mary", "john", "sandra", "daniel", "fred", "julie", "bill", "emma", "peter", "anna")
PLACES = ("kitchen", "garden", "office", "hallway", "bedroom", "bathroom", "cellar", "attic", "library", "garage")
OBJECTS = ("apple", "football", "milk", "lamp", "book", "key", "letter", "hat", "cup", "coin")
GOES, TAKES, DROPS = ("went to", "walked to"), ("took", "grabbed"), ("dropped", "left")
"""Equally probable wordings of what people do."""

_FEWEST = {1: 1, 2: 2, 3: 3}
_STATEMENTS = {1: (6, 10), 2: (6, 10), 3: (15, 20)}
"""By the number of facts: the fewest statements that can have them, and the default numbers of statements."""

_Statements = Annotated[int, Field(ge=1, le=1000)]


class Questions(Synthetic):
    """A story about people who move between places, take objects and drop them, and a question about a place.

    `mary went to the kitchen . mary took the apple . john walked to the garden . where is the apple ?` has the answer
    `kitchen`. With one fact, the question is where a person is: the person's last move tells. With two, it is where an
    object is: who took it or dropped it last, and where this person was. With three, it is where an object was before
    it came to a place where it was once: who took it last before, where this person was, and that he then went to the
    place. All else in the story distracts. Such are the first three tasks of bAbI (Weston et al. 2015); world, wording
    and lengths are our own.

    All places are equally probable: without reading the input, one of `places` answers is right, 16.7 % by default.
    Two strategies read it without understanding: the place mentioned last is right in 40 % of the stories with one
    fact, 34 % with two and 23 % with three, the place mentioned most often in 38 %, 41 % and 43 % (neither takes the
    place of the question). Their perplexities are those of the accuracy that they have on the same lines. The optimum
    is exact match 100 %, perplexity 1.
    """

    kind: Literal["questions"] = "questions"
    facts: Literal[1, 2, 3] = 2
    """Number of statements that the answer follows from. 1: where a person is. 2: where an object is. 3: where an
    object was before it was at a given place."""
    statements: tuple[_Statements, _Statements] | None = None
    """Fewest and most statements of a story; null: 6 and 10, with three facts 15 and 20. Each has up to six tokens."""
    people: Annotated[int, Field(ge=1, le=len(PEOPLE))] = 4
    """Number of different people."""
    places: Annotated[int, Field(ge=2, le=len(PLACES))] = 6
    """Number of different places."""
    objects: Annotated[int, Field(ge=1, le=len(OBJECTS))] = 3
    """Number of different objects."""
    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Number of training questions."""

    @model_validator(mode="after")
    def _statements_have_the_facts(self) -> Self:
        fewest, most = self._numbers
        if fewest > most:
            raise ValueError(f"statements must be the fewest, then the most, not {[fewest, most]}")
        if fewest < _FEWEST[self.facts]:
            raise ValueError(f"{fewest} statements cannot have facts={self.facts}: raise the fewest statements")
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """A story of which the number of statements is drawn first, and one of the questions that it answers."""
        statements = random.randint(*self._numbers)
        while True:
            story = Story(PEOPLE[: self.people], PLACES[: self.places], OBJECTS[: self.objects])
            for _ in range(statements):
                story.act(random)
            if questions := list(story.questions(self.facts)):
                question, answer = random.choice(questions)
                return Example([*story.words, *question.split()], [answer])

    def blind(self) -> Sequence[Distribution]:
        """Each place."""
        return [uniform(PLACES[: self.places])]

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """Three strategies that need no understanding, and the optimum."""
        blind, optimum = super().yardsticks(test)
        pairs = list(read_pairs(test))
        return (
            blind,
            Yardstick("trivial: last place mentioned", self._guesses(pairs, _last)),
            Yardstick("trivial: place mentioned most often", self._guesses(pairs, _most_frequent)),
            optimum,
        )

    def _guesses(self, pairs: Sequence[tuple[str, str]], choose: Callable[[list[str]], str]) -> tuple[Guess, ...]:
        """The guesses of a strategy that chooses among the places mentioned, except that of the question."""
        chosen = [choose(_mentioned(source)) for source, _ in pairs]
        return guesses_of_choices(chosen, [answer for _, answer in pairs], self.places)

    @property
    def _numbers(self) -> tuple[int, int]:
        return self.statements or _STATEMENTS[self.facts]


@dataclass
class Story:
    """A world, and what has been told of it."""

    people: Sequence[str]
    places: Sequence[str]
    objects: Sequence[str]
    words: list[str] = field(default_factory=list)
    """The statements so far."""
    whereabouts: dict[str, str] = field(default_factory=dict)
    """The place of each person who has moved."""
    holders: dict[str, str] = field(default_factory=dict)
    """The person who holds an object."""
    journeys: dict[str, list[str]] = field(default_factory=dict)
    """The places of an object since somebody first took it, the last one at the end."""

    def act(self, random: Random) -> None:
        """Lets one person move, take an object that is there, or drop one; moves are half of all."""
        person = random.choice(self.people)
        here = self.whereabouts.get(person)
        takes = [one for one in self.objects if one not in self.holders and self.journeys.get(one, [here])[-1] == here]
        drops = [one for one in self.objects if self.holders.get(one) == person]
        choices = [kind for kind, possible in ((TAKES, takes), (DROPS, drops)) if possible]
        if here is None or not choices or random.random() < 0.5:
            self._move(random, person)
        elif (kind := random.choice(choices)) is TAKES:
            taken = random.choice(takes)
            self.holders[taken] = person
            self.journeys.setdefault(taken, [here])
            self._tell(person, random.choice(kind), taken)
        else:
            dropped = random.choice(drops)
            del self.holders[dropped]
            self._tell(person, random.choice(kind), dropped)

    def _move(self, random: Random, person: str) -> None:
        place = random.choice([one for one in self.places if one != self.whereabouts.get(person)])
        self.whereabouts[person] = place
        for carried, holder in self.holders.items():
            if holder == person:
                self.journeys[carried].append(place)
        self._tell(person, random.choice(GOES), place)

    def _tell(self, person: str, verb: str, what: str) -> None:
        self.words += [person, *verb.split(), "the", what, "."]

    def questions(self, facts: int) -> Iterator[tuple[str, str]]:
        """The questions that this many facts of the story answer, and their answers."""
        if facts == 1:
            yield from ((f"where is {person} ?", place) for person, place in self.whereabouts.items())
        for one, journey in self.journeys.items():
            if facts == 2:
                yield f"where is the {one} ?", journey[-1]
            if facts == 3:
                for before, place in pairwise(journey):
                    if journey.count(place) == 1:
                        yield f"where was the {one} before the {place} ?", before


def _mentioned(source: str) -> list[str]:
    """The places of a story, in order, without that of its question."""
    *words, asked, _ = source.split()
    return [word for word in words if word in PLACES and word != asked]


def _last(places: list[str]) -> str:
    return places[-1]


def _most_frequent(places: list[str]) -> str:
    """The first of those that are mentioned most often."""
    return max(places, key=places.count)
