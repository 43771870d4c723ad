"""Clauses with a free choice of subject, verb, object, place, time and tense."""

from __future__ import annotations

from data_prep.phrasebook import modifiers, nouns, numerals, phrase, verbs
from data_prep.phrasebook.clause import Clause, Tense
from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.lexeme import Adverbial, Verb
from data_prep.phrasebook.phrase import FORMAL, THE, NounPhrase, noun_phrase

CONCRETE = tuple(
    noun
    for noun in (
        *nouns.THINGS, *nouns.FOOD, *nouns.ANIMALS, *nouns.KIN, *nouns.PEOPLE, *nouns.PLACES, *nouns.TRANSPORT,
        *nouns.EVERYDAY,
    )
    if "single" not in noun.tags
)  # fmt: skip
SUBJECTS = (phrase.I, phrase.I, FORMAL, FORMAL, phrase.HE, phrase.SHE, phrase.WE, phrase.THEY)
WITH_OBJECT = (*verbs.EVERYDAY, *(verb for verb in verbs.TRANSITIVE if verb.objects))
STATES_OF_MIND = frozenset(
    {"see", "like", "love", "want", "have", "need", "hear", "understand", "miss", "know", "find", "lose", "forget"}
)
"""Verbs without a progressive form."""
MOVEMENTS = frozenset({"come", "go", "come back", "arrive", "leave"})

SPOTS = modifiers.adverbials("here | hier\nthere | dort\nat home | zu Hause\noutside | draußen\nupstairs | oben")


def anybody(draw: Draw) -> NounPhrase:
    """Any agent: a pronoun, a name, a relative, a person named by occupation or an animal."""
    kind = draw.random.random()
    if kind < 0.5:
        return draw.one(SUBJECTS)
    if kind < 0.8:
        return draw.person()
    pool = nouns.ANIMALS if kind < 0.9 else nouns.PEOPLE
    noun = draw.lexeme([n for n in pool if "office" not in n.tags])
    determiner = draw.one((THE, THE, THE, phrase.A, phrase.THIS))
    return noun_phrase(noun, determiner, draw.adjective(noun, chance=0.15), plural=draw.chance(0.2))


def anything(draw: Draw, verb: Verb, subject: NounPhrase, negated: bool) -> NounPhrase:
    """An object for the verb: a noun that it allows, occasionally any noun, or a pronoun."""
    person = verb.objects & {"any", "kin", "general", "job"}
    if person and draw.chance(0.2):
        others = [p for p in (*SUBJECTS[1:], phrase.IT) if p.person is not subject.person]
        return draw.one(others)
    open_choice = "any" in verb.objects or draw.chance(0.08)
    everyday = draw.chance(0.3) and verb.objects & {"any", "everyday"}
    allowed = nouns.EVERYDAY if everyday else [n for n in CONCRETE if open_choice or n.tags & verb.objects]
    noun = draw.lexeme(allowed)
    plain = draw.thing(noun, subject, negated, may_own=True)
    return plain if plain.english != subject.english else noun_phrase(noun, phrase.THIS)


def spot(draw: Draw) -> Adverbial:
    """A place where something happens."""
    kind = draw.random.random()
    if kind < 0.35:
        return draw.one(SPOTS)
    if kind < 0.5:
        english, german = draw.city()
        return Adverbial(f"in {english}", f"in {german}")
    return draw.location("public", "home", "working", "building")


def goal(draw: Draw, verb: Verb) -> Adverbial | None:
    """A destination for a verb of motion, or none."""
    kind = draw.random.random()
    if kind < 0.3 or verb.english.base in {"come back", "leave", "arrive"}:
        return None
    if kind < 0.45:
        return Adverbial("home", "nach Hause")
    if kind < 0.55 and verb.english.base == "come":
        return Adverbial("here", "hierher")
    if kind < 0.7 and verb.english.base == "come":
        english, german = draw.city()
        return Adverbial(f"to {english}", f"nach {german}")
    return draw.direction("public", "home")


def moment(draw: Draw, tense: Tense, verb: Verb) -> Adverbial | None:
    """A time for the tense, or none; the present may refer to the future, above all with verbs of motion."""
    if draw.chance(0.4):
        return None
    if draw.chance(0.12):
        at, um = numerals.clock(draw.random)
        return Adverbial(f"at {at}", f"um {um}")
    if tense is Tense.PAST:
        return draw.one(modifiers.PAST_TIMES + modifiers.TODAY[:1])
    if tense is Tense.FUTURE:
        return draw.one(modifiers.FUTURE_TIMES + modifiers.SOON)
    moves = verb.english.base in MOVEMENTS
    if draw.chance(0.7 if moves else 0.25):
        return draw.one(modifiers.FUTURE_TIMES + modifiers.SOON)
    if tense is Tense.PROGRESSIVE:
        return draw.one(modifiers.TODAY)
    return draw.one(modifiers.TODAY if draw.chance(0.4) else modifiers.HABIT_TIMES)


def a_tense(draw: Draw, verb: Verb) -> Tense:
    """A tense that the verb allows; present and past are more frequent."""
    tense = draw.one((Tense.PRESENT,) * 6 + (Tense.PROGRESSIVE,) * 2 + (Tense.PAST,) * 5 + (Tense.FUTURE,) * 2)
    if verb.english.base in STATES_OF_MIND:
        if tense is Tense.PROGRESSIVE:
            return Tense.PRESENT
        if tense is Tense.FUTURE and verb.german.infinitive == "wollen":
            return Tense.PAST
    return tense


def doing(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """Somebody does something with something."""
    verb = draw.lexeme(verbs.EVERYDAY if draw.chance(0.4) else WITH_OBJECT)
    place = spot(draw) if draw.chance(0.12) else None
    return Clause(
        subject, verb, a_tense(draw, verb), accusative=anything(draw, verb, subject, negated), negated=negated,
        place=place,
    )  # fmt: skip


def being_active(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """Somebody sleeps, waits, comes."""
    verb = draw.lexeme(verbs.BY_ONESELF)
    tense = a_tense(draw, verb)
    if verb.english.base in {"come", "go", "run", "come back", "leave", "arrive"}:
        return Clause(subject, verb, tense, negated=negated, place=goal(draw, verb))
    return Clause(subject, verb, tense, negated=negated, place=spot(draw) if draw.chance(0.35) else None)


def living(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """Somebody lives in a town, or in a house."""
    draw.use(verbs.LIVE)
    tense = draw.one((Tense.PRESENT, Tense.PRESENT, Tense.PAST))
    return Clause(subject, verbs.LIVE, tense, negated=negated, place=spot(draw))


def helping(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """Verbs with a dative object in German, most often a pronoun."""
    verb = draw.one((verbs.TO_HELP, verbs.TO_HELP, verbs.TO_THANK))
    draw.use(verb)
    if draw.chance(0.6):
        whom = draw.one([p for p in SUBJECTS if p.person is not subject.person])
    else:
        whom = draw.person()
        if whom.english == subject.english:
            raise Rejected
    tense = draw.one((Tense.PRESENT, Tense.PAST, Tense.FUTURE))
    return Clause(subject, verb, tense, dative=whom, negated=negated)


def giving(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """Somebody gives somebody something."""
    verb = draw.lexeme(verbs.DITRANSITIVE)
    whom = draw.one([p for p in SUBJECTS if p.person is not subject.person])
    noun = draw.object_noun(verb, subject)
    thing = draw.thing(noun, subject, negated)
    return Clause(
        subject, verb, draw.one((Tense.PRESENT, Tense.PAST, Tense.FUTURE)), dative=whom, accusative=thing,
        negated=negated,
    )  # fmt: skip


def some_action(draw: Draw, subject: NounPhrase, negated: bool) -> Clause:
    """A clause of any of the kinds above."""
    kinds = (doing, doing, doing, doing, doing, being_active, being_active, being_active, helping, giving, living)
    return draw.one(kinds)(draw, subject, negated)
