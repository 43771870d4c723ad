"""Lexical entries, and the format of word lists."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.phrasebook.conjugation import EnglishVerb, GermanVerb
from data_prep.phrasebook.declension import Gender, GermanNoun, attributive_stem

ARTICLES = {"der": Gender.MASCULINE, "die": Gender.FEMININE, "das": Gender.NEUTER}


@dataclass(frozen=True)
class Noun:
    """A noun in both languages; its `tags` determine what it can be combined with as an object, a place or a head."""

    english: str
    english_plural: str
    german: GermanNoun
    tags: frozenset[str]

    @property
    def key(self) -> str:
        return f"noun:{self.english}"

    @property
    def forms(self) -> tuple[str, ...]:
        """All English forms."""
        return self.english, self.english_plural

    @property
    def mass(self) -> bool:
        return "mass" in self.tags


@dataclass(frozen=True)
class Verb:
    """A verb in both languages and the tags of nouns that can be its object."""

    english: EnglishVerb
    german: GermanVerb
    objects: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return f"verb:{self.english.base}"

    @property
    def forms(self) -> tuple[str, ...]:
        """All English forms."""
        verb = self.english
        irregular = ("am", "are", "was", "were", "isn't", "aren't", "wasn't", "weren't") if verb.base == "be" else ()
        return verb.base, verb.past, verb.participle, verb.third_person(), verb.progressive(), *irregular


@dataclass(frozen=True)
class Adjective:
    """An adjective in both languages, with its degrees and the tags of nouns that it can describe."""

    english: str
    english_comparative: str
    english_superlative: str
    german: str
    comparative: str
    superlative: str
    """Its stem: ältest-."""
    suits: frozenset[str]

    @property
    def key(self) -> str:
        return f"adjective:{self.english}"

    @property
    def forms(self) -> tuple[str, ...]:
        """All English forms."""
        return self.english, self.english_comparative, self.english_superlative

    @property
    def stem(self) -> str:
        return attributive_stem(self.german)


@dataclass(frozen=True)
class Adverbial:
    """A fixed expression of time, place or manner."""

    english: str
    german: str


def entries(text: str) -> list[list[str]]:
    """The non-empty lines of a word list, split at `|`, with the fields stripped."""
    return [[field.strip() for field in line.split("|")] for line in text.splitlines() if line.strip()]


def english_plural(singular: str) -> str:
    """The regular plural; word lists give irregular ones."""
    if singular.endswith(("s", "x", "z", "ch", "sh")):
        return singular + "es"
    if singular.endswith("y") and singular[-2] not in "aeiou":
        return singular[:-1] + "ies"
    return singular + "s"


def read_nouns(text: str, *more_tags: str) -> tuple[Noun, ...]:
    """Lines `english[/plural] | article Noun[*][=genitive] | Plural | tags`; `*` marks the n-declension."""
    nouns = []
    for english, german, plural, tags in entries(text):
        singular, _, irregular = english.partition("/")
        article, _, word = german.partition(" ")
        word, _, genitive = word.partition("=")
        tag_set = frozenset(tags.split()) | set(more_tags) | (set() if plural else {"mass"})
        entry = GermanNoun(word.rstrip("*"), ARTICLES[article], plural, word.endswith("*"), genitive)
        nouns.append(Noun(singular, irregular or english_plural(singular), entry, tag_set))
    return tuple(nouns)


def read_verbs(text: str) -> tuple[Verb, ...]:
    """Lines `base, past, participle[, gerund] | prefix+infinitive changed-stem participle [sein] | object tags`."""
    verbs = []
    for english, german, tags in entries(text):
        infinitive, changed, participle, *auxiliary = german.split()
        prefix, plus, stem = infinitive.partition("+")
        verbs.append(
            Verb(
                EnglishVerb(*(part.strip() for part in english.split(","))),
                GermanVerb(
                    stem if plus else infinitive,
                    prefix if plus else "",
                    "" if changed == "-" else changed,
                    participle,
                    auxiliary[0] if auxiliary else "haben",
                ),
                frozenset(tags.split()) - {"-"},
            )
        )
    return tuple(verbs)


def read_adjectives(text: str) -> tuple[Adjective, ...]:
    """Lines `english[, comparative, superlative] | german [comparative superlative] | tags`; regular forms omitted."""
    adjectives = []
    for english, german, tags in entries(text):
        word, *degrees = english.split(", ")
        more, most = degrees or (f"more {word}", f"most {word}")
        base, *german_degrees = german.split()
        higher, highest = german_degrees or (attributive_stem(base) + "er", base + "st")
        adjectives.append(Adjective(word, more, most, base, higher, highest, frozenset(tags.split())))
    return tuple(adjectives)
