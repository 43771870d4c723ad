"""Noun phrases in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.phrasebook.conjugation import Person
from data_prep.phrasebook.declension import Case, Gender, Pattern, adjective, determiner, with_preposition
from data_prep.phrasebook.lexeme import Adjective, Adverbial, Noun


@dataclass(frozen=True)
class Determiner:
    """A determiner in both languages."""

    english: str
    stem: str
    pattern: Pattern


THE = Determiner("the", "", Pattern.DEFINITE)
A = Determiner("a", "ein", Pattern.INDEFINITE)
NOT_A = Determiner("any", "kein", Pattern.INDEFINITE)
"""German `kein`; English negates the verb instead and uses `a` or `any`."""
NO = Determiner("no", "kein", Pattern.INDEFINITE)
THIS = Determiner("this", "dies", Pattern.DEMONSTRATIVE)
EVERY = Determiner("every", "jed", Pattern.DEMONSTRATIVE)
WHICH = Determiner("which", "welch", Pattern.DEMONSTRATIVE)
BARE = Determiner("", "", Pattern.BARE)


@dataclass(frozen=True)
class NounPhrase:
    """A phrase that can be a subject or an object."""

    english: str
    german: tuple[str, str, str, str]
    """Forms by case."""
    person: Person = Person.ER
    """Person of the verb that agrees with it."""
    english_object: str = ""
    """Object form of a pronoun."""
    gender: Gender = Gender.NEUTER
    possessive: Determiner | None = None
    """Possessive determiner that refers to the phrase: `his`, `ihr`."""
    pronoun: bool = False
    negative: bool = False
    """Whether it carries the negation of its clause."""

    @property
    def object(self) -> str:
        return self.english_object or self.english

    def after(self, preposition: str, case: Case) -> str:
        """The German phrase after a preposition, contracted with the article."""
        return with_preposition(preposition, self.german[case])


def _pronoun(
    english: str, english_object: str, german: str, person: Person, gender: Gender, owner: tuple[str, str]
) -> NounPhrase:
    nominative, accusative, dative = german.split()
    possessive = Determiner(owner[0], owner[1], Pattern.INDEFINITE)
    forms = (nominative, accusative, dative, "")
    return NounPhrase(english, forms, person, english_object, gender, possessive, pronoun=True)


I = _pronoun("I", "me", "ich mich mir", Person.ICH, Gender.MASCULINE, ("my", "mein"))  # noqa: E741
DU = _pronoun("you", "you", "du dich dir", Person.DU, Gender.MASCULINE, ("your", "dein"))
HE = _pronoun("he", "him", "er ihn ihm", Person.ER, Gender.MASCULINE, ("his", "sein"))
SHE = _pronoun("she", "her", "sie sie ihr", Person.ER, Gender.FEMININE, ("her", "ihr"))
IT = _pronoun("it", "it", "es es ihm", Person.ER, Gender.NEUTER, ("its", "sein"))
WE = _pronoun("we", "us", "wir uns uns", Person.WIR, Gender.PLURAL, ("our", "unser"))
THEY = _pronoun("they", "them", "sie sie ihnen", Person.SIE, Gender.PLURAL, ("their", "ihr"))
FORMAL = _pronoun("you", "you", "Sie Sie Ihnen", Person.SIE, Gender.PLURAL, ("your", "Ihr"))
WHO = _pronoun("who", "whom", "wer wen wem", Person.ER, Gender.MASCULINE, ("his", "sein"))
PERSONAL = {Gender.MASCULINE: HE, Gender.FEMININE: SHE, Gender.NEUTER: IT, Gender.PLURAL: THEY}


def pronoun_for(phrase: NounPhrase) -> NounPhrase:
    """`it` or `them` for a thing, with the gender of the German noun."""
    german = PERSONAL[phrase.gender]
    english = THEY if phrase.gender is Gender.PLURAL else IT
    return NounPhrase(
        english.english, german.german, german.person, english.english_object, phrase.gender, pronoun=True
    )


def article(word: str) -> str:
    """`a` or `an`, by the sound that follows."""
    lowered = word.lower()
    if lowered.startswith(("uni", "use", "euro", "one")):
        return "a"
    return "an" if lowered[0] in "aeiou" or lowered.startswith(("hour", "honest")) else "a"


def noun_phrase(
    noun: Noun, with_determiner: Determiner, adjectives: tuple[Adjective, ...] = (), *, plural: bool = False,
    number: tuple[str, str] | None = None, degree: str = "",
) -> NounPhrase:  # fmt: skip
    """Builds both sides. `number` comes between determiner and adjective; `degree` may be `superlative`.

    An indefinite plural or mass noun has no article in either language.
    """
    gender = Gender.PLURAL if plural else noun.german.gender
    chosen = BARE if with_determiner is A and (plural or noun.mass) else with_determiner
    words = [a.english_superlative if degree else a.english for a in adjectives]
    english_words = [*([number[0]] if number else []), *words, noun.english_plural if plural else noun.english]
    english = _english_determiner(chosen, plural or noun.mass, english_words[0], plural)

    def german(case: Case) -> str:
        stems = [a.superlative if degree else a.stem for a in adjectives]
        parts = [
            determiner(chosen.stem, chosen.pattern, gender, case),
            number[1] if number else "",
            *(adjective(stem, chosen.pattern, gender, case) for stem in stems),
            noun.german.inflect(case, plural),
        ]
        return " ".join(filter(None, parts))

    owner = SHE if "female" in noun.tags else HE if "male" in noun.tags else PERSONAL[gender]
    return NounPhrase(
        " ".join(filter(None, [english, *english_words])),
        (german(Case.NOMINATIVE), german(Case.ACCUSATIVE), german(Case.DATIVE), german(Case.GENITIVE)),
        Person.SIE if plural else Person.ER,
        gender=gender,
        possessive=THEY.possessive if plural else owner.possessive,
        negative=chosen.stem == "kein",
    )  # fmt: skip


def _english_determiner(chosen: Determiner, uncountable: bool, following: str, plural: bool) -> str:
    if chosen is A or (chosen is NOT_A and not uncountable):
        return article(following)
    return "these" if chosen is THIS and plural else chosen.english


def named(name: str, german: str = "", gender: Gender = Gender.MASCULINE) -> NounPhrase:
    """A proper name: the same in all cases except the genitive, which takes -s, or an apostrophe after a sibilant."""
    german = german or name
    genitive = german + ("’" if german.endswith(("s", "ß", "x", "z")) else "s")
    owner = PERSONAL[gender]
    return NounPhrase(name, (german, german, german, genitive), gender=gender, possessive=owner.possessive)


def titled(surname: str, woman: bool) -> NounPhrase:
    """Mr Weber, Herr Weber; only Herr is inflected."""
    if woman:
        return named(f"Ms {surname}", f"Frau {surname}", Gender.FEMININE)
    oblique = f"Herrn {surname}"
    return NounPhrase(
        f"Mr {surname}", (f"Herr {surname}", oblique, oblique, f"{oblique}s"), gender=Gender.MASCULINE,
        possessive=HE.possessive,
    )  # fmt: skip


def place_preposition(place: Noun) -> tuple[str, str, str]:
    """English prepositions of location and direction and the German two-way preposition: `in`, `into`, `in`."""
    tag = next(tag for tag in sorted(place.tags) if tag.startswith(("in:", "an:", "auf:")))
    german, _, english = tag.partition(":")
    where, _, where_to = english.partition("/")
    return where, where_to, german


def location(place: Noun, phrase: NounPhrase) -> Adverbial:
    """in the kitchen, in der Küche: the two-way preposition with the dative."""
    english, _, german = place_preposition(place)
    return Adverbial(f"{english} {phrase.english}", phrase.after(german, Case.DATIVE))


def direction(place: Noun, phrase: NounPhrase) -> Adverbial:
    """into the kitchen, in die Küche: `in` with the accusative, or `zu` for places that do not take `in`."""
    _, english, german = place_preposition(place)
    if german == "in":
        return Adverbial(f"{english} {phrase.english}", phrase.after("in", Case.ACCUSATIVE))
    return Adverbial(f"{english} {phrase.english}", phrase.after("zu", Case.DATIVE))
