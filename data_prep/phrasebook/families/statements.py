"""Statements: who does what, when and where."""

from __future__ import annotations

from dataclasses import replace

from data_prep.phrasebook import modifiers, nouns, phrase, verbs
from data_prep.phrasebook.clause import (
    ALLOWED,
    CAN,
    HAVE_TO,
    MUST,
    SHOULD,
    WANT,
    WOULD_LIKE,
    Clause,
    Tense,
)
from data_prep.phrasebook.declension import Case
from data_prep.phrasebook.draw import DEFINITE_OBJECT, NEW_OBJECT, Draw, Rejected
from data_prep.phrasebook.lexeme import Adverbial, Noun, Verb
from data_prep.phrasebook.names import COUNTRIES
from data_prep.phrasebook.phrase import THE, NounPhrase, noun_phrase

Pair = tuple[str, str]
STATIVE = frozenset({"need", "know", "find", "lose", "forget", "receive", "have", "bring", "meet", "invite", "book"})
PLACES_OF = {
    "read": ("reading",), "eat": ("eating",), "drink": ("eating",), "order": ("eating",), "cook": ("cooking",),
    "bake": ("cooking",), "lose": ("public",), "find": ("public",), "meet": ("public",), "write": ("reading",),
}  # fmt: skip
HABITS = frozenset(
    {"read", "write", "drink", "eat", "cook", "bake", "wash", "wear", "clean", "visit", "call", "meet",
     "feed", "invite", "tidy up", "watch", "pick up"}
)  # fmt: skip
"""Verbs for habitual actions."""
TIMES = {Tense.PAST: modifiers.PAST_TIMES, Tense.FUTURE: modifiers.FUTURE_TIMES, Tense.PRESENT: modifiers.HABIT_TIMES}


LONG_AGO = frozenset(
    {"buy", "sell", "repair", "rent", "visit", "paint", "plant", "travel", "fly", "meet", "lend", "go"}
)
"""Verbs that go with `last year`; nobody says in which year a lamp was switched on."""


def when(draw: Draw, verb: Verb, tense: Tense) -> Adverbial:
    """A time adverbial that suits tense and verb."""
    times = TIMES[tense]
    if tense is not Tense.PRESENT and verb.english.base not in LONG_AGO:
        times = tuple(t for t in times if not t.english.endswith(LONG_UNITS) and "month" not in t.english)
    if tense is Tense.PRESENT and verb in (verbs.TRAVEL, verbs.FLY):
        times = tuple(t for t in times if "mer" in t.english or "winter" in t.english)
    return draw.one(times)


LONG_UNITS = ("year", "summer", "winter", "weeks", "weeks ago", "a week", "a week ago", "next week", "last week")


def statement(pair: Clause, fronted: bool) -> Pair:
    """A clause as a main clause, optionally with its time in front."""
    return pair.english(fronted), pair.german(fronted)


def action(draw: Draw, subject: NounPhrase, tense: Tense, negated: bool = False) -> Clause:
    """A transitive clause in this tense; the caller adds time and frequency."""
    choices = [v for v in verbs.TRANSITIVE if v.objects]
    if tense is Tense.FUTURE:
        choices = [v for v in choices if v.english.base not in {"lose", "forget", "receive", "find"}]
    if tense is Tense.PROGRESSIVE:
        choices = [v for v in choices if v.english.base not in STATIVE]
    elif tense is Tense.PRESENT and negated:
        choices = [v for v in choices if v.english.base in {"know", "need"}]
    elif tense is Tense.PRESENT:
        choices = [v for v in choices if v.english.base in HABITS]
    else:
        choices = [v for v in choices if v.english.base not in {"know", "need"}]
    verb = draw.lexeme(choices)
    if negated and verb.english.base in {"lose", "receive"}:
        negated = False
    noun = draw.object_noun(verb, subject)
    thing = draw.thing(
        noun,
        subject,
        negated,
        keep_definite=verb.english.base in DEFINITE_OBJECT,
        may_own=verb.english.base not in NEW_OBJECT,
    )
    place = _shop(noun) if verb.english.base == "buy" else PLACES_OF.get(verb.english.base, ())
    where = draw.location(*place) if place and not negated and draw.chance(0.35) else None
    return Clause(subject, verb, tense, accusative=thing, place=where, negated=negated)


def _shop(noun: Noun) -> tuple[str, ...]:
    """The tag of places where such a thing is sold."""
    if noun.tags & {"eat", "drink"}:
        return ("groceries",)
    return ("goods",) if noun.tags & {"wear", "dish", "toy", "furniture", "small"} else ()


def transitive(draw: Draw) -> Pair:
    """Mr Weber bought a red bag at the market yesterday."""
    tense = draw.one((Tense.PAST, Tense.PAST, Tense.PRESENT, Tense.FUTURE, Tense.PROGRESSIVE))
    clause = action(draw, draw.subject(), tense, negated=tense is not Tense.PROGRESSIVE and draw.chance(0.2))
    if tense is Tense.PROGRESSIVE:
        return statement(clause, False)
    if tense is Tense.PRESENT and not clause.negated and draw.chance(0.5):
        return statement(replace(clause, frequency=draw.one(modifiers.FREQUENCIES)), False)
    if (clause.negated and tense is Tense.PRESENT) or not draw.chance(0.85):
        return statement(clause, False)
    return statement(replace(clause, time=when(draw, clause.verb, tense)), draw.chance(0.4))


def perfect(draw: Draw) -> Pair:
    """We have already packed the suitcase. She hasn't paid the bill yet."""
    subject, negated = draw.subject(), draw.chance(0.5)
    verb = draw.lexeme(
        [v for v in verbs.TRANSITIVE if v.objects and v.english.base not in STATIVE | {"wear", "watch", "carry"}]
    )
    thing = draw.thing(draw.object_noun(verb, subject), subject, keep_definite=True)
    frequency = None if negated else modifiers.ALREADY
    return statement(
        Clause(subject, verb, Tense.PERFECT, accusative=thing, negated=negated, frequency=frequency), False
    )


def modal(draw: Draw) -> Pair:
    """My brother has to repair his bicycle tomorrow."""
    subject = draw.subject()
    chosen = draw.one((CAN, WANT, HAVE_TO, HAVE_TO, MUST, SHOULD, ALLOWED, WOULD_LIKE))
    past = chosen in (CAN, WANT, HAVE_TO) and draw.chance(0.35)
    negated = chosen not in (MUST, WOULD_LIKE) and draw.chance(0.25)
    clause = action(draw, subject, Tense.FUTURE, negated)
    if clause.verb.english.base in {"lose", "forget", "receive"}:
        raise Rejected
    time = when(draw, clause.verb, Tense.PAST if past else Tense.FUTURE) if draw.chance(0.75) else None
    clause = replace(clause, tense=Tense.PAST if past else Tense.PRESENT, modal=chosen, time=time)
    return statement(clause, draw.chance(0.35))


def giving(draw: Draw) -> Pair:
    """He gave his sister a ring last week."""
    subject, verb = draw.subject(), draw.lexeme(verbs.DITRANSITIVE)
    thing = draw.object_of(verb, subject)
    owner = subject.possessive
    assert owner
    if draw.chance(0.25):
        # Neither `we sold me` nor the ambiguous `he gave him`.
        others = (phrase.HE, phrase.SHE, phrase.THEY) if subject in (phrase.I, phrase.WE) else (phrase.I, phrase.WE)
        receiver = draw.one(others)
    else:
        receiver = noun_phrase(draw.lexeme([n for n in nouns.KIN if "single" not in n.tags]), owner)
    tense = draw.one((Tense.PAST, Tense.PAST, Tense.FUTURE))
    time = when(draw, verb, tense) if draw.chance(0.8) else None
    return statement(Clause(subject, verb, tense, dative=receiver, accusative=thing, time=time), draw.chance(0.3))


def dative_verb(draw: Draw) -> Pair:
    """The neighbour helped my grandmother. I thanked the doctor yesterday."""
    subject, verb = draw.subject(), draw.one((verbs.TO_HELP, verbs.TO_THANK))
    draw.use(verb)
    noun = draw.lexeme([n for n in nouns.KIN + nouns.PEOPLE if "single" not in n.tags])
    assert subject.possessive
    determiner = subject.possessive if "kin" in noun.tags else THE
    plural = draw.chance(0.3) and noun.english not in {"father", "mother", "mayor", "boss"}
    other = noun_phrase(noun, determiner, draw.adjective(noun, chance=0.3), plural=plural)
    tense = draw.one((Tense.PAST, Tense.FUTURE))
    time = when(draw, verb, tense)
    return statement(Clause(subject, verb, tense, dative=other, time=time, negated=draw.chance(0.15)), draw.chance(0.4))


def prepositional(draw: Draw) -> Pair:
    """She is waiting for her sister. We talked about the film."""
    subject = draw.subject()
    verb, english, german, dative, tags = draw.one(verbs.PREPOSITIONAL)
    draw.use(verb)
    other = draw.thing(draw.lexeme([n for n in nouns.tagged(*tags) if "single" not in n.tags]), subject, False, True)
    where = Adverbial(f"{english} {other.object}", other.after(german, Case.DATIVE if dative else Case.ACCUSATIVE))
    tense = draw.one((Tense.PAST, Tense.PROGRESSIVE, Tense.PRESENT))
    clause = Clause(subject, verb, tense, place=where)
    if tense is Tense.PRESENT:
        return statement(replace(clause, frequency=draw.one(modifiers.FREQUENCIES)), False)
    if tense is Tense.PAST:
        return statement(replace(clause, time=when(draw, verb, tense)), draw.chance(0.4))
    return statement(clause, False)


def activity(draw: Draw, subject: NounPhrase, tense: Tense) -> Clause:
    """An intransitive clause with a place."""
    verb = draw.lexeme(verbs.ACTIVITY)
    place = draw.lexeme([n for n in nouns.PLACES if n.english.split()[0] in _places(verb)])
    where = phrase.location(place, noun_phrase(place, THE, draw.adjective(place, chance=0.25)))
    return Clause(subject, verb, tense, place=where)


def _places(verb: Verb) -> frozenset[str]:
    return verb.objects | ({"office", "factory"} if "work" in verb.objects else set())


def intransitive(draw: Draw) -> Pair:
    """The children played in the garden yesterday."""
    subject = draw.subject()
    tense = draw.one((Tense.PAST, Tense.PAST, Tense.FUTURE, Tense.PROGRESSIVE, Tense.PRESENT))
    clause = activity(draw, subject, tense)
    if tense is Tense.PROGRESSIVE:
        if clause.verb.english.base in {"stay", "go shopping"}:
            raise Rejected
        return statement(clause, False)
    if tense is Tense.PRESENT and draw.chance(0.5):
        return statement(replace(clause, frequency=draw.one(modifiers.FREQUENCIES)), False)
    return statement(replace(clause, time=when(draw, clause.verb, tense)), draw.chance(0.45))


def motion(draw: Draw, subject: NounPhrase, tense: Tense) -> Clause:
    """A clause of motion: on foot to a place in town, by train or bus to another town, or travelling to a country."""
    kind = draw.random.random()
    if kind < 0.4:
        draw.use(verbs.GO_ON_FOOT)
        place = draw.direction("public")
        return Clause(subject, verbs.GO_ON_FOOT, tense, place=place)
    if kind < 0.8:
        english, german = draw.city()
        draw.use(verbs.GO_BY_VEHICLE)
        vehicle = noun_phrase(draw.lexeme([n for n in nouns.TRANSPORT if n.english in {"train", "bus"}]), THE)
        by = Adverbial(f"to {english} by {vehicle.english[4:]}", f"{vehicle.after('mit', Case.DATIVE)} nach {german}")
        return Clause(subject, verbs.GO_BY_VEHICLE, tense, place=by)
    verb = draw.lexeme((verbs.TRAVEL, verbs.FLY))
    english, to, _ = draw.one(COUNTRIES)
    return Clause(subject, verb, tense, place=Adverbial(f"to {english}", to))


def going(draw: Draw) -> Pair:
    """Tomorrow, we will go to Cologne by train."""
    tense = draw.one((Tense.PAST, Tense.FUTURE, Tense.PRESENT))
    clause = replace(motion(draw, draw.subject(), tense), negated=draw.chance(0.1))
    return statement(replace(clause, time=when(draw, clause.verb, tense)), draw.chance(0.45))


def position(draw: Draw) -> Pair:
    """The key is lying on the small table. / She hung the coat on the wall."""
    lies, verb, put = draw.one(
        (
            ("lie", verbs.LIE, verbs.LAY),
            ("stand", verbs.STAND, verbs.PLACE_UPRIGHT),
            ("hang", verbs.HANG, verbs.HANG_UP),
        )
    )
    noun = draw.lexeme(
        [n for n in nouns.tagged(lies) if not n.tags & {"furniture", "vehicle", "heavy"} or lies == "hang"]
    )
    if lies == "hang":
        spots = [("door", "beside", "neben"), ("window", "beside", "neben"), ("mirror", "beside", "neben")]
        if noun.english in {"picture", "mirror"}:
            spots = [("window", "beside", "neben"), ("bed", "above", "über"), ("piano", "above", "über")]
        word, preposition, german = draw.one(spots)
        where = nouns.named(word)
        if where is noun:
            raise Rejected
        draw.use(where)
    else:
        where = draw.lexeme(
            [nouns.named(w) for w in ("table", "shelf", "bed", "cupboard", "chair", "armchair", "lamp")]
        )
        options = [("beside", "neben"), ("in front of", "vor"), ("behind", "hinter")]
        if where.english in {"table", "shelf", "chair"}:
            options = [("on", "auf"), ("on", "auf"), ("under", "unter"), ("beside", "neben")]
        preposition, german = draw.one(options)
    other = noun_phrase(where, THE, draw.adjective(where, chance=0.3))
    if draw.chance(0.5):
        thing = draw.thing(noun, phrase.I, keep_definite=True)
        place = Adverbial(f"{preposition} {other.english}", other.after(german, Case.DATIVE))
        draw.use(verb)
        if draw.chance(0.5):
            return statement(Clause(thing, verb, place=place), False)
        clause = Clause(thing, verb, Tense.PAST, place=place, time=draw.one(modifiers.PAST_TIMES[:2]))
        return statement(clause, False)
    subject = draw.subject()
    thing = draw.thing(noun, subject, keep_definite=True)
    place = Adverbial(f"{preposition} {other.english}", other.after(german, Case.ACCUSATIVE))
    draw.use(put)
    tense = draw.one((Tense.PAST, Tense.PAST, Tense.FUTURE))
    return statement(Clause(subject, put, tense, accusative=thing, place=place), False)


def liking(draw: Draw) -> Pair:
    """He likes to read novels in the garden: gern."""
    subject = draw.subject()
    verb = draw.lexeme(
        [v for v in verbs.TRANSITIVE if v.english.base in {"read", "eat", "drink", "bake", "wear", "cook"}]
    )
    noun = draw.lexeme([n for n in nouns.tagged(*verb.objects) if not n.tags & {"work", "post"}])
    adjectives = draw.adjective(noun, chance=0.5)
    if noun.english in {"menu", "letter"} or any(a.english in {"boring", "ugly", "cheap"} for a in adjectives):
        raise Rejected
    thing = noun_phrase(noun, phrase.A, adjectives, plural=not noun.mass)
    place = PLACES_OF.get(verb.english.base)
    where = draw.location(*place) if place and draw.chance(0.5) else None
    time = draw.one(modifiers.HABIT_TIMES[-5:]) if draw.chance(0.4) else None
    return statement(Clause(subject, verb, gladly=True, accusative=thing, place=where, time=time), False)


FAMILIES = (
    (transitive, 16), (perfect, 5), (modal, 10), (giving, 5), (dative_verb, 3), (prepositional, 5), (intransitive, 6),
    (going, 7), (position, 5), (liking, 3),
)  # fmt: skip
