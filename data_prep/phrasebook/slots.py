"""Fillers for the slots of phrasebook expressions, each with the German forms that these need."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from data_prep.phrasebook import modifiers, nouns, numerals, phrase
from data_prep.phrasebook.declension import Case, Gender
from data_prep.phrasebook.draw import Draw
from data_prep.phrasebook.lexeme import Adverbial, Noun
from data_prep.phrasebook.names import COUNTRIES
from data_prep.phrasebook.phrase import FORMAL, THE, Determiner, I, NounPhrase, noun_phrase

Filling = dict[str, str]
"""English under `en`, German under the name of the form; the default form is under the empty string."""

LANGUAGES = modifiers.adverbials("""
German | Deutsch
English | Englisch
French | Französisch
Italian | Italienisch
Spanish | Spanisch
Polish | Polnisch
Turkish | Türkisch
Japanese | Japanisch
Swedish | Schwedisch
Greek | Griechisch
""")
AILMENTS = modifiers.adverbials("""
a headache | Kopfschmerzen
a toothache | Zahnschmerzen
a stomach ache | Bauchschmerzen
a backache | Rückenschmerzen
a sore throat | Halsschmerzen
a fever | Fieber
a cold | Schnupfen
a cough | Husten
the flu | Grippe
""")
ALLERGENS = modifiers.adverbials("""
nuts | Nüsse
milk | Milch
eggs | Eier
fish | Fisch
cats | Katzen
dogs | Hunde
dust | Staub
flowers | Blumen
""")
COLOURS = modifiers.adverbials("""
red | Rot
blue | Blau
green | Grün
black | Schwarz
white | Weiß
yellow | Gelb
brown | Braun
grey | Grau
""")
WARES = nouns.tagged("buy")
POSSESSIONS = tuple(n for n in nouns.tagged("own") if "animal" not in n.tags)
SMALL = tuple(n for n in nouns.tagged("small", "lose", "dish", "stand") if "buy" in n.tags or "lose" in n.tags)
BEVERAGES = nouns.tagged("drink")
DISHES = tuple(n for n in nouns.tagged("order") if n.german.plural)
MASS_FOOD = tuple(n for n in nouns.FOOD if n.mass and "eat" in n.tags) + tuple(map(nouns.named, ("sugar", "salt")))
BODY_SINGULAR = nouns.BODY
BODY_PLURAL = tuple(nouns.named(name) for name in "arm leg hand foot finger knee eye ear tooth".split())


def _forms(found: NounPhrase) -> Filling:
    nominative, accusative, dative, _ = found.german
    return {"en": found.english, "": nominative, "accusative": accusative, "dative": dative}


def _substance(pool: Sequence[Noun]) -> Callable[[Draw], Filling]:
    """Bread, Brot; with a negative form: kein Brot."""

    def fill(draw: Draw) -> Filling:
        noun = draw.lexeme(pool)
        return {**_forms(noun_phrase(noun, phrase.A)), "no": noun_phrase(noun, phrase.NO).german[Case.ACCUSATIVE]}

    return fill


def _noun(
    pool: Sequence[Noun], determiner: Determiner | None, *, plural: bool = False, adjective: float = 0.15
) -> Callable[[Draw], Filling]:
    def fill(draw: Draw) -> Filling:
        noun = draw.lexeme([n for n in pool if n.german.plural] if plural else pool)
        owner = determiner or draw.one((I, I, phrase.HE, phrase.SHE, phrase.WE)).possessive
        assert owner
        return _forms(noun_phrase(noun, owner, draw.adjective(noun, chance=adjective), plural=plural))

    return fill


def _countable(noun: Noun) -> Noun:
    """A drink as a countable noun: a coffee, ein Kaffee."""
    return replace(noun, tags=noun.tags - {"mass"})


def _drink(draw: Draw) -> Filling:
    noun = draw.lexeme([n for n in BEVERAGES if n.english != "milk"])
    glass = _countable(noun)
    filled = _forms(noun_phrase(glass, phrase.A, draw.adjective(noun, chance=0.1)))
    return {**filled, "another": noun_phrase(glass, phrase.A).german[Case.ACCUSATIVE]}


def _another(draw: Draw) -> Filling:
    noun = draw.lexeme([n for n in BEVERAGES if n.english != "milk"])
    return {"en": noun.english, "another": noun_phrase(_countable(noun), phrase.A).german[Case.ACCUSATIVE]}


def _place(draw: Draw) -> Filling:
    noun = draw.lexeme(nouns.tagged("public"))
    found = noun_phrase(noun, THE, draw.adjective(noun, chance=0.15))
    at, to = found.after("an", Case.DATIVE), found.after("zu", Case.DATIVE)
    return {**_forms(found), "at": at, "to": to}


def _same(pair: tuple[str, str]) -> Filling:
    return {"en": pair[0], "": pair[1]}


def _country(draw: Draw) -> Filling:
    english, to, out_of = draw.one(COUNTRIES)
    return {"en": english, "to": to, "from": out_of}


def _title(draw: Draw) -> Filling:
    found = phrase.titled(draw.surname(), woman=draw.chance(0.5))
    return _same((found.english, found.german[0]))


def _job(draw: Draw) -> Filling:
    english, man, woman = draw.one(nouns.PROFESSIONS)
    return {"en": f"{phrase.article(english)} {english}", "": man, "woman": woman}


def _clock(draw: Draw) -> Filling:
    return _same(numerals.clock(draw.random))


def _number(draw: Draw) -> Filling:
    if draw.chance(0.4):
        figures = str(draw.random.randint(2, 60))
        return _same((figures, figures))
    return _same(numerals.count(draw.random, 2, 60))


def _relative(*sexes: str) -> Callable[[Draw], Filling]:
    def fill(draw: Draw) -> Filling:
        owner = draw.one((I, I, FORMAL, phrase.HE, phrase.SHE, phrase.WE)).possessive
        assert owner
        pool = [n for n in nouns.KIN if "single" not in n.tags and n.tags & set(sexes)]
        return _forms(noun_phrase(draw.lexeme(pool), owner))

    return fill


def _first_name(*genders: Gender) -> Callable[[Draw], Filling]:
    def fill(draw: Draw) -> Filling:
        name, gender = draw.first_name()
        while gender not in genders:
            name, gender = draw.first_name()
        return _same((name, name))

    return fill


def _full_name(draw: Draw) -> Filling:
    name = f"{draw.first_name()[0]} {draw.surname()}"
    return _same((name, name))


def _adverbial(pool: Sequence[Adverbial]) -> Callable[[Draw], Filling]:
    def fill(draw: Draw) -> Filling:
        chosen = draw.one(pool)
        return _same((chosen.english, chosen.german))

    return fill


def _wares(draw: Draw) -> Filling:
    noun = draw.lexeme([n for n in WARES if n.german.plural])
    determiner = draw.one((THE, phrase.THIS))
    return _forms(noun_phrase(noun, determiner, draw.adjective(noun, chance=0.15), plural=True))


SLOTS: dict[str, Callable[[Draw], Filling]] = {
    "name": _first_name(Gender.FEMININE, Gender.MASCULINE),
    "woman": _first_name(Gender.FEMININE),
    "man": _first_name(Gender.MASCULINE),
    "full name": _full_name,
    "title": _title,
    "relative": _relative("male", "female"),
    "male relative": _relative("male"),
    "female relative": _relative("female"),
    "job": _job,
    "city": lambda draw: _same(draw.city()),
    "country": _country,
    "language": _adverbial(LANGUAGES[:5]),
    "other language": _adverbial(LANGUAGES[5:]),
    "weekday": _adverbial(modifiers.WEEKDAYS),
    "month": _adverbial(modifiers.MONTHS),
    "clock": _clock,
    "number": _number,
    "price": lambda draw: _same(numerals.price(draw.random, 2, 90)),
    "thing": _noun(SMALL, THE),
    "some thing": _noun(WARES, phrase.A, adjective=0.3),
    "things": _noun(WARES, phrase.A, plural=True),
    "my thing": _noun(POSSESSIONS, I.possessive),
    "my things": _noun(POSSESSIONS, I.possessive, plural=True),
    "your thing": _noun(POSSESSIONS, FORMAL.possessive, adjective=0.0),
    "ware": lambda draw: _noun(WARES, draw.one((THE, phrase.THIS)))(draw),
    "wares": _wares,
    "place": _place,
    "other place": _place,
    "a place": _noun(tuple(n for n in nouns.tagged("public") if n.german.plural), phrase.A),
    "a dish": _noun(DISHES, phrase.A),
    "the dish": _noun(tuple(n for n in nouns.FOOD if n.tags & {"order", "drink", "eat"}), THE, adjective=0.0),
    "a drink": _drink,
    "drink": _another,
    "food": _substance(MASS_FOOD),
    "beverage": _substance(BEVERAGES),
    "fruits": _noun(nouns.tagged("fruit"), phrase.A, plural=True),
    "event": _noun(nouns.tagged("start"), THE, adjective=0.0),
    "colour": _adverbial(COLOURS),
    "body part": _noun(BODY_SINGULAR, None, adjective=0.0),
    "body parts": _noun(BODY_PLURAL, None, plural=True, adjective=0.0),
    "ailment": _adverbial(AILMENTS),
    "allergen": _adverbial(ALLERGENS),
}
_SLOT = re.compile(r"\{([a-z ]+)(?::([a-z]+))?\}")


def filled(template: tuple[str, str], draw: Draw) -> tuple[str, str]:
    """Both sides of a template with their slots filled; each slot has the same filler on both sides."""
    english, german = template
    fillings: dict[str, Filling] = {}
    for name, _ in _SLOT.findall(english):
        fillings.setdefault(name, SLOTS[name](draw))
    return (
        _SLOT.sub(lambda found: fillings[found[1]]["en"], english),
        _SLOT.sub(lambda found: fillings[found[1]][found[2] or ""], german),
    )
