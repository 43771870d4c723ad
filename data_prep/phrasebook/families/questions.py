"""Questions and requests."""

from __future__ import annotations

from dataclasses import replace

from data_prep.phrasebook import modifiers, nouns, phrase, verbs
from data_prep.phrasebook.clause import ALLOWED, CAN, HAVE_TO, WANT, Clause, Tense
from data_prep.phrasebook.declension import Case
from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families.statements import Pair, action, motion, when
from data_prep.phrasebook.lexeme import Noun
from data_prep.phrasebook.phrase import DU, FORMAL, THE, WHICH, noun_phrase


def yes_no(draw: Draw) -> Pair:
    """Anna, did you buy the bread yesterday? Mr Weber, are you reading the newspaper?"""
    english, german, subject = draw.addressed()
    if draw.chance(0.3):
        english, german, subject = "", "", draw.person()
    tense = draw.one((Tense.PAST, Tense.PAST, Tense.FUTURE, Tense.PROGRESSIVE))
    clause = action(draw, subject, tense) if draw.chance(0.7) else motion(draw, subject, tense)
    if tense is not Tense.PROGRESSIVE and draw.chance(0.7):
        clause = replace(clause, time=when(draw, clause.verb, tense))
    return f"{english}{clause.english_question()}?", f"{german}{clause.german_question()}?"


def modal_question(draw: Draw) -> Pair:
    """Ms Braun, do you want to book the flight tomorrow?"""
    english, german, subject = draw.addressed()
    clause = action(draw, subject, Tense.FUTURE)
    if clause.verb.english.base in {"lose", "forget", "receive", "find"}:
        raise Rejected
    time = draw.one(modifiers.FUTURE_TIMES) if draw.chance(0.6) else None
    clause = replace(clause, tense=Tense.PRESENT, modal=draw.one((CAN, WANT, HAVE_TO, ALLOWED)), time=time)
    return f"{english}{clause.english_question()}?", f"{german}{clause.german_question()}?"


def wh_question(draw: Draw) -> Pair:
    """When will the doctor call my mother? Why did you sell the car, Anna?"""
    before, vorher, subject = draw.addressed()
    if draw.chance(0.45):
        before, vorher, subject = "", "", draw.person()
    tense = draw.one((Tense.PAST, Tense.FUTURE))
    kind = draw.one(("when", "where", "why", "who"))
    clause = action(draw, subject, tense) if draw.chance(0.75) else motion(draw, subject, tense)
    if kind == "who":
        clause = replace(clause, subject=phrase.WHO, time=when(draw, clause.verb, tense))
        if clause.accusative and any(word in clause.accusative.english.split() for word in ("your", "my")):
            raise Rejected
        return f"{clause.english()}?", f"{clause.german()}?"
    if kind == "where":
        if not clause.accusative or clause.verb.english.base not in {"buy", "find", "lose", "repair", "rent", "meet"}:
            raise Rejected
        clause = replace(clause, place=None)
    if kind == "why":
        clause = replace(clause, time=when(draw, clause.verb, tense) if draw.chance(0.5) else None)
    word = {"when": "wann", "where": "wo", "why": "warum"}[kind]
    return f"{before}{kind} {clause.english_question()}?", f"{vorher}{word} {clause.german_question()}?"


def which_question(draw: Draw) -> Pair:
    """Which dress did your sister buy yesterday? Welches Kleid hat Ihre Schwester gestern gekauft?"""
    before, vorher, subject = draw.addressed()
    if draw.chance(0.4):
        before, vorher, subject = "", "", draw.person()
    choices = {"buy", "read", "order", "repair", "sell", "wash", "sign", "open", "visit", "watch", "eat", "find"}
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in choices])
    noun = draw.lexeme([n for n in nouns.tagged(*verb.objects) if not n.mass and "person" not in n.tags])
    thing = noun_phrase(noun, WHICH, draw.adjective(noun, chance=0.25), plural=draw.chance(0.3))
    tense = Tense.PAST if verb.english.base == "find" else draw.one((Tense.PAST, Tense.FUTURE))
    clause = Clause(subject, verb, tense, accusative=thing, drop_object=True, time=when(draw, verb, tense))
    english = replace(clause, accusative=None).english_question()
    return f"{before}{thing.english} {english}?", f"{vorher}{thing.german[1]} {clause.german_question()}?"


def request(draw: Draw) -> Pair:
    """Anna, please close the window. Mr Weber, please don't forget your passport."""
    english, german, subject = draw.addressed()
    verb = draw.lexeme(
        [v for v in verbs.TRANSITIVE if v.objects and v.english.base not in
         {"know", "lose", "receive", "need", "find", "meet", "wear", "watch", "forget", "sell", "thank", "help"}]
    )  # fmt: skip
    clause = Clause(subject, verb, accusative=draw.object_of(verb, subject))
    if draw.chance(0.4):
        clause = replace(clause, time=draw.one(modifiers.FUTURE_TIMES[:5]))
    imperative = clause.german_imperative(formal=subject is FORMAL, please=True)
    if draw.chance(0.2):
        clause = replace(clause, negated=True)
        if (clause.accusative and " a " in f" {clause.english_infinitive()} ") or not clause.accusative:
            raise Rejected
        if not clause.accusative.english.startswith(("the ", "this ", "your ", "these ")):
            raise Rejected
        imperative = clause.german_imperative(formal=subject is FORMAL, please=True)
        return f"{english}please don't {clause.english_infinitive()}.", f"{german}{imperative}."
    return f"{english}please {clause.english_infinitive()}.", f"{german}{imperative}."


def directions(draw: Draw) -> Pair:
    """Can you tell me where the nearest pharmacy is? Wo ist der Bahnhof?"""
    english, german, subject = draw.addressed()
    place = draw.lexeme(nouns.tagged("public"))
    if draw.chance(0.35) and place.german.plural:
        where = noun_phrase(place, THE, ())
        near = f"{where.german[0].split()[0]} nächste {place.german.singular}"
        name, wo = f"the nearest {place.english}", near
    else:
        where = noun_phrase(place, THE, draw.adjective(place, chance=0.5))
        name, wo = where.english, where.german[0]
    if draw.chance(0.5):
        city, stadt = draw.city()
        name, wo = f"{name} in {city}", f"{wo} in {stadt}"
    ask = "kannst du" if subject is DU else "können Sie"
    know = "weißt du" if subject is DU else "wissen Sie"
    return draw.one(
        (
            (f"{english}where is {name}?", f"{german}wo ist {wo}?"),
            (f"{english}can you tell me where {name} is?", f"{german}{ask} mir sagen, wo {wo} ist?"),
            (f"{english}do you know where {name} is?", f"{german}{know}, wo {wo} ist?"),
            (f"{english}how do I get to {name}?", f"{german}wie komme ich {_to(wo, where, name, place)}?"),
        )
    )


def _to(german: str, where: phrase.NounPhrase, name: str, place: Noun) -> str:
    """zum Bahnhof, zur nächsten Apotheke in Berlin."""
    dative = where.after("zu", Case.DATIVE)
    if name.startswith("the nearest"):
        dative = f"{dative.split()[0]} nächsten {place.german.singular}"
    _, found, city = german.rpartition(" in ")
    return f"{dative} in {city}" if found else dative


FAMILIES = (
    (yes_no, 8), (modal_question, 5), (wh_question, 7), (which_question, 4), (request, 6), (directions, 4),
)  # fmt: skip
