"""German declension: articles, adjectives and nouns by gender, case and number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Case(IntEnum):
    """The cases, in the order of all tables of endings below."""

    NOMINATIVE = 0
    ACCUSATIVE = 1
    DATIVE = 2
    GENITIVE = 3


class Gender(StrEnum):
    """Agreement classes of articles; the three genders share one plural."""

    MASCULINE = "m"
    FEMININE = "f"
    NEUTER = "n"
    PLURAL = "p"


class Pattern(StrEnum):
    """Inflection pattern of a determiner and of the adjective that follows it."""

    DEFINITE = "der"
    """der, die, das: irregular; adjectives weak."""
    DEMONSTRATIVE = "dieser"
    """dieser, jeder, welcher: strong endings; adjectives weak."""
    INDEFINITE = "ein"
    """ein, kein, mein ...: three forms without an ending; adjectives mixed."""
    BARE = ""
    """No determiner: adjectives strong."""


Endings = dict[Gender, tuple[str, str, str, str]]


def _table(masculine: str, feminine: str, neuter: str, plural: str) -> Endings:
    """Four rows of four endings, nominative to genitive; `-` means no ending."""

    def row(text: str) -> tuple[str, str, str, str]:
        a, b, c, d = (part.replace("-", "") for part in text.split())
        return a, b, c, d

    return {
        Gender.MASCULINE: row(masculine),
        Gender.FEMININE: row(feminine),
        Gender.NEUTER: row(neuter),
        Gender.PLURAL: row(plural),
    }


DEFINITE_ARTICLE = _table("der den dem des", "die die der der", "das das dem des", "die die den der")
DETERMINER_ENDINGS = {
    Pattern.DEMONSTRATIVE: _table("er en em es", "e e er er", "es es em es", "e e en er"),
    Pattern.INDEFINITE: _table("- en em es", "e e er er", "- - em es", "e e en er"),
}
WEAK = _table("e en en en", "e e en en", "e e en en", "en en en en")
ADJECTIVE_ENDINGS = {
    Pattern.DEFINITE: WEAK,
    Pattern.DEMONSTRATIVE: WEAK,
    Pattern.INDEFINITE: _table("er en en en", "e e en en", "es es en en", "en en en en"),
    Pattern.BARE: _table("er en em en", "e e er er", "es es em en", "e e en er"),
}


def determiner(stem: str, pattern: Pattern, gender: Gender, case: Case) -> str:
    """The article, demonstrative or possessive; `ein` and the bare pattern have no plural form."""
    if pattern is Pattern.DEFINITE:
        return DEFINITE_ARTICLE[gender][case]
    if pattern is Pattern.BARE:
        return ""
    return stem + DETERMINER_ENDINGS[pattern][gender][case]


def adjective(stem: str, pattern: Pattern, gender: Gender, case: Case) -> str:
    """An attributive adjective after a determiner of this pattern."""
    return stem + ADJECTIVE_ENDINGS[pattern][gender][case]


def attributive_stem(word: str) -> str:
    """teuer -> teur-, dunkel -> dunkl-, hoch -> hoh-, leise -> leis-; most adjectives are their own stem."""
    if word == "hoch":
        return "hoh"
    if word.endswith(("euer", "auer")):
        return word[:-2] + "r"
    if word.endswith("el"):
        return word[:-2] + "l"
    return word.removesuffix("e")


@dataclass(frozen=True)
class GermanNoun:
    """A noun with its principal parts."""

    singular: str
    gender: Gender
    plural: str
    """Nominative plural; empty if the noun has none."""
    weak: bool = False
    """N-declension: every form except the nominative singular ends in -n or -en."""
    genitive: str = ""
    """Genitive singular if the rule of `inflect` would be wrong."""

    def inflect(self, case: Case, plural: bool = False) -> str:
        """The form in this case."""
        if plural:
            assert self.plural, self.singular
            ends_well = self.plural.endswith(("n", "s"))
            return self.plural + "n" if case is Case.DATIVE and not ends_well else self.plural
        if self.weak and case is not Case.NOMINATIVE:
            return self._weak_form()
        if case is Case.GENITIVE and self.gender is not Gender.FEMININE:
            return self.genitive or self.singular + self._genitive_ending()
        return self.singular

    def _weak_form(self) -> str:
        if self.singular.endswith(("e", "bar", "uer")):
            return self.singular + "n"
        return "Herrn" if self.singular == "Herr" else self.singular + "en"

    def _genitive_ending(self) -> str:
        """-es after a sibilant and on monosyllables that end in a consonant, else -s."""
        if self.singular.endswith(("s", "ß", "x", "z", "sch")):
            return "es"
        if self.singular.endswith(("a", "e", "i", "o", "u", "y")):
            return "s"
        lowered = self.singular.lower()
        for diphthong in ("ei", "ie", "au", "eu", "äu", "ai", "aa", "ee", "oo"):
            lowered = lowered.replace(diphthong, "a")
        return "es" if sum(letter in "aeiouäöüy" for letter in lowered) == 1 else "s"


CONTRACTIONS = {
    ("in", "dem"): "im", ("in", "das"): "ins", ("an", "dem"): "am", ("an", "das"): "ans",
    ("zu", "dem"): "zum", ("zu", "der"): "zur", ("bei", "dem"): "beim", ("von", "dem"): "vom",
}  # fmt: skip


def with_preposition(preposition: str, phrase: str) -> str:
    """`zu` + `dem Bahnhof` -> `zum Bahnhof`: only articles contract, never pronouns or demonstratives."""
    first, _, rest = phrase.partition(" ")
    contracted = CONTRACTIONS.get((preposition, first)) if rest else None
    return f"{contracted} {rest}" if contracted else f"{preposition} {phrase}"
