"""Documents in which a pronoun can be translated only by the sentence before: English `it` is German er, sie or es."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Annotated, Literal

from pydantic import Field

import data_prep.phrasebook
from data_prep.generated import generate_files, source_digest
from data_prep.phrasebook.declension import Case, Gender
from data_prep.phrasebook.lexeme import Noun
from data_prep.phrasebook.modifiers import ADJECTIVES
from data_prep.phrasebook.nouns import NOUNS
from data_prep.phrasebook.phrase import THE, noun_phrase, pronoun_for
from nmt.data.context import documents_of
from nmt.data.corpus import CorpusOptions, RawCorpus, ShowProgress, Text, text_at, unseen
from nmt.data.yardstick import Guess, Yardstick, right_guess
from nmt.digest import file_digest
from nmt.options import Seed
from nmt.text import is_blank, read_lines

LANGUAGES = ("en", "de")
SPLITS = ("training", "validation", "test")
GENDERS = (Gender.MASCULINE, Gender.FEMININE, Gender.NEUTER)

_ATTEMPTS = 100
"""Draws of a document until one is accepted that no other set has."""

Row = tuple[str, str]


@dataclass(frozen=True)
class Frame:
    """A sentence with a gap, and the case of what fills it in German."""

    english: str
    german: str
    case: Case = Case.NOMINATIVE


NAMING = (
    Frame("Here is {}.", "Hier ist {}."),
    Frame("Where is {}?", "Wo ist {}?"),
    Frame("I see {}.", "Ich sehe {}.", Case.ACCUSATIVE),
    Frame("We know {}.", "Wir kennen {}.", Case.ACCUSATIVE),
    Frame("Do you see {}?", "Siehst du {}?", Case.ACCUSATIVE),
    Frame("Tom is talking about {}.", "Tom spricht über {}.", Case.ACCUSATIVE),
)
"""First sentences, which name a thing."""

BETWEEN = (
    ("We have time.", "Wir haben Zeit."),
    ("Today is Monday.", "Heute ist Montag."),
    ("I am tired.", "Ich bin müde."),
    ("You are right.", "Du hast recht."),
    ("Tom is not here.", "Tom ist nicht da."),
    ("The others are coming later.", "Die anderen kommen später."),
)
"""Sentences without a thing or a pronoun for one, between the first and the last."""

_OF_ADJECTIVES = (
    Frame("{} is [].", "{} ist []."),
    Frame("{} is very [].", "{} ist sehr []."),
    Frame("Is {} []?", "Ist {} []?"),
)
_OF_EVERYTHING = (
    Frame("I like {}.", "Ich mag {}.", Case.ACCUSATIVE),
    Frame("Do you know {}?", "Kennst du {}?", Case.ACCUSATIVE),
    Frame("I have forgotten {}.", "Ich habe {} vergessen.", Case.ACCUSATIVE),
)

_PRONOUN = re.compile(r"\b(?:er|sie|es|ihn)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Remark:
    """A last sentence, which says something of `it`, and the things that it can be said of, by gender."""

    frame: Frame
    things: Mapping[Gender, Sequence[Noun]]


Documents = Annotated[int, Field(ge=3, le=300_000, multiple_of=3)]
"""A number of documents, as many of each gender."""


class Pronouns(CorpusOptions):
    """English-German documents whose last sentence says `it` of a thing named in the first.

    `I see the key. It is old.` is `Ich sehe den Schlüssel. Er ist alt.` in German; of a watch it is `Sie ist alt.` The
    sentences come from the phrasebook's grammar.

    In all sets each last sentence occurs in threes, after a masculine, a feminine and a neuter noun: a translation that
    does not depend on the sentences before is right in exactly one of three. All other lines, blank ones included, can
    be right without them, so that exact match is at most 100 (distance + 4/3) / (distance + 2) %: 77.8 % for the
    distance 1. With context, 100 % is possible. No document of validation or test occurs in training, but their words
    do.
    """

    kind: Literal["pronouns"] = "pronouns"
    source: Literal["en"] | None = "en"
    """Language to translate from; null for a language model, which reads the sentences in `target` alone."""
    target: Literal["de"] = "de"
    """Language to translate into, or of a language model's text."""
    distance: Annotated[int, Field(ge=1, le=100)] = 1
    """The pronoun stands this many sentences after its noun; those between are about nothing."""
    training_documents: Documents = 6000
    """Number of training documents."""
    validation_documents: Documents = 90
    """Number of validation documents."""
    test_documents: Documents = 300
    """Number of test documents."""
    seed: Seed = 1
    """Seed of the generator: the same seed gives the same files on every machine."""

    @property
    def has_documents(self) -> bool:
        """Always."""
        return True

    @property
    def topics(self) -> Mapping[str, str]:
        """What it is about, with an example."""
        return {} if self.source is None else {"things named in the sentence before": "Here is the key."}

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Writes `<split>.en` and `<split>.de`, unless the manifest shows that they exist and are intact."""
        made_by = {
            "grammar": source_digest(Path(data_prep.phrasebook.__file__).parent),
            "generator": file_digest(Path(__file__)),
            **self.model_dump(mode="json", exclude={"cleaning", "source", "target"}),
        }
        generate_files(directory, made_by, SPLITS, LANGUAGES, self._splits)
        training, validation, test = (text_at(directory, split, self.languages) for split in SPLITS)
        return RawCorpus(training=(training,), validation=validation, tests={"test": test}, documents=True)

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """The best translation without the sentences before, and the optimum."""
        lines = list(read_lines(test.target))
        blind: list[Guess] = []
        for document in documents_of(lines):
            last = max(number for number, line in enumerate(document) if not is_blank(line))
            blind += [_blind(line) if number == last else _right(line) for number, line in enumerate(document)]
        return (
            Yardstick("trivial: sentences before not read", tuple(blind)),
            Yardstick("optimum", tuple(map(_right, lines))),
        )

    def _splits(self) -> Mapping[str, Iterable[Row]]:
        held: set[tuple[Row, ...]] = set()
        splits: dict[str, Iterable[Row]] = {}
        for split, size in (
            ("test", self.test_documents),
            ("validation", self.validation_documents),
            ("training", self.training_documents),
        ):
            documents = list(self._documents(split, size, held))
            if split != "training":
                held |= set(documents)
            splits[split] = [row for document in documents for row in (*document, ("", ""))]
        return splits

    def _documents(self, split: str, size: int, held: Set[tuple[Row, ...]]) -> Iterator[tuple[Row, ...]]:
        """Documents of a split in threes, which end with the same English sentence."""
        random = Random(f"pronouns {split} {self.seed}")
        for _ in range(size // len(GENDERS)):
            remark = random.choice(random.choice(remarks()))
            for gender in GENDERS:
                document = self._document(random, remark, gender)
                for _ in range(_ATTEMPTS):  # every remark has many more documents than any other set
                    if document not in held:
                        break
                    document = self._document(random, remark, gender)
                yield document

    def _document(self, random: Random, remark: Remark, gender: Gender) -> tuple[Row, ...]:
        first, last = random.choice(NAMING), remark.frame
        thing = noun_phrase(random.choice(remark.things[gender]), THE)
        it = pronoun_for(thing)
        pronoun = it.english if last.case is Case.NOMINATIVE else it.object
        return (
            (first.english.format(thing.english), first.german.format(thing.german[first.case])),
            *random.choices(BETWEEN, k=self.distance - 1),
            (_sentence(last.english.format(pronoun)), _sentence(last.german.format(it.german[last.case]))),
        )


@cache
def remarks() -> tuple[Sequence[Remark], Sequence[Remark]]:
    """The last sentences: those that suit everything, and those that suit some things of each gender."""
    names = Counter(noun.english for noun in NOUNS)
    things = [noun for noun in NOUNS if not noun.mass and "person" not in noun.tags and names[noun.english] == 1]
    of_some = list[Remark]()
    for adjective in ADJECTIVES:
        suited = _by_gender([noun for noun in things if noun.tags & adjective.suits])
        if all(len(suited[gender]) > 1 for gender in GENDERS):
            for frame in _OF_ADJECTIVES:
                filled = (frame.english.replace("[]", adjective.english), frame.german.replace("[]", adjective.german))
                of_some.append(Remark(Frame(*filled, frame.case), suited))
    return [Remark(frame, _by_gender(things)) for frame in _OF_EVERYTHING], of_some


def _by_gender(things: Iterable[Noun]) -> Mapping[Gender, Sequence[Noun]]:
    by_gender: defaultdict[Gender, list[Noun]] = defaultdict(list)
    for noun in things:
        by_gender[noun.german.gender].append(noun)
    return by_gender


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _right(reference: str) -> Guess:
    """Certainty; blank lines are not predicted, only copied."""
    return Guess("", (), 0) if is_blank(reference) else right_guess(reference)


def _blind(reference: str) -> Guess:
    """The reference with a masculine pronoun; the three genders are equally probable."""

    def masculine(pronoun: re.Match[str]) -> str:
        accusative = pronoun.start() > 0 and not reference.startswith("Ist ")
        return "ihn" if accusative else "Er" if pronoun.start() == 0 else "er"

    tokens = reference.split()
    log_probabilities = [-math.log(len(GENDERS)) if _PRONOUN.match(token) else 0.0 for token in tokens]
    answer = _PRONOUN.sub(masculine, reference, count=1)
    return Guess(answer, (*log_probabilities, 0.0), len(tokens) + (answer == reference))
