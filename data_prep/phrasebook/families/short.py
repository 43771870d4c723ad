"""Short everyday sentences: free combinations of subject, verb, object, time, place, tense, negation and question."""

from __future__ import annotations

from dataclasses import replace

from data_prep.phrasebook import modifiers, nouns, phrase, verbs
from data_prep.phrasebook.clause import ALLOWED, CAN, HAVE_TO, MUST, SHOULD, WANT, WOULD_LIKE, Clause, Tense
from data_prep.phrasebook.contractions import as_spoken
from data_prep.phrasebook.declension import Gender
from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families.free import (
    CONCRETE,
    MOVEMENTS,
    STATES_OF_MIND,
    a_tense,
    anybody,
    being_active,
    doing,
    giving,
    living,
    moment,
    some_action,
    spot,
)
from data_prep.phrasebook.families.statements import Pair
from data_prep.phrasebook.lexeme import Adverbial, Noun
from data_prep.phrasebook.names import COUNTRIES
from data_prep.phrasebook.phrase import FORMAL, THE, NounPhrase, noun_phrase

MODALS = (CAN, CAN, WANT, HAVE_TO, MUST, SHOULD, ALLOWED, WOULD_LIKE)
STATES = modifiers.adverbials("""
hungry | hungrig
thirsty | durstig
tired | müde
ill | krank
healthy | gesund
happy | glücklich
sad | traurig
angry | wütend
nervous | nervös
busy | beschäftigt
ready | fertig
alone | allein
married | verheiratet
sure | sicher
at home | zu Hause
here | hier
there | dort
back | zurück
in town | in der Stadt
on holiday | im Urlaub
at work | bei der Arbeit
late | zu spät
""")
WITH_DEGREE = frozenset("hungry thirsty tired ill happy sad angry nervous busy".split())
DEGREES = (("very ", "sehr "), ("so ", "so "), ("too ", "zu "), ("really ", "wirklich "))
WEATHER = modifiers.adverbials("""
cold | kalt
warm | warm
hot | heiß
sunny | sonnig
windy | windig
cloudy | bewölkt
foggy | neblig
cool | kühl
late | spät
early | früh
dark | dunkel
easy | leicht
difficult | schwierig
important | wichtig
free | kostenlos
far | weit
""")


def short(clause: Clause, draw: Draw, fronted: bool = False) -> Pair:
    """The clause as a statement, in English with or without contractions."""
    return as_spoken(clause.english(fronted), draw.random), clause.german(fronted)


def asked(clause: Clause, draw: Draw, before: str = "", vorher: str = "") -> Pair:
    """The clause as a question, optionally after a question word."""
    english = f"{before} {clause.english_question()}?".strip()
    return as_spoken(english, draw.random), f"{vorher} {clause.german_question()}?".strip()


def _finished(draw: Draw, clause: Clause) -> Clause:
    """The clause with a time or frequency added."""
    if clause.tense is Tense.PRESENT and not clause.negated and draw.chance(0.2):
        return replace(clause, frequency=draw.one(modifiers.FREQUENCIES))
    return replace(clause, time=moment(draw, clause.tense, clause.verb))


def saying(draw: Draw) -> Pair:
    """The man sees the dog. He comes back tomorrow. I don't have any money."""
    clause = _finished(draw, some_action(draw, anybody(draw), draw.chance(0.25)))
    return short(clause, draw, fronted=draw.chance(0.15))


def done(draw: Draw) -> Pair:
    """I have already eaten. She hasn't found the key yet."""
    negated = draw.chance(0.5)
    clause = draw.one((doing, being_active))(draw, anybody(draw), False)
    if clause.verb.english.base in STATES_OF_MIND - {"find", "lose", "forget", "see", "hear"}:
        raise Rejected
    if clause.accusative and not clause.accusative.english.startswith(("the ", "my ", "his ", "her ", "our ", "this ")):
        clause = replace(clause, accusative=noun_phrase(draw.lexeme(nouns.THINGS), THE))
    frequency = None if negated else modifiers.ALREADY
    return short(replace(clause, tense=Tense.PERFECT, negated=negated, frequency=frequency, place=None), draw)


def asking(draw: Draw) -> Pair:
    """Do you see the dog? Is he coming tomorrow? Didn't she buy the bread?"""
    clause = some_action(draw, anybody(draw), draw.chance(0.12))
    return asked(replace(clause, time=moment(draw, clause.tense, clause.verb)), draw)


def with_modal(draw: Draw) -> Pair:
    """Can you help me? I want to sleep. We must go home now."""
    subject, modal = anybody(draw), draw.one(MODALS)
    question = draw.chance(0.4) and modal not in (MUST, WOULD_LIKE)
    past = modal in (CAN, WANT, HAVE_TO) and draw.chance(0.2)
    negated = modal not in (MUST, WOULD_LIKE) and draw.chance(0.25)
    clause = some_action(draw, subject, negated)
    if clause.verb.english.base in {"want", "like", "lose"} or (modal is WANT and clause.verb.english.base == "need"):
        raise Rejected
    time = moment(draw, Tense.PAST if past else Tense.FUTURE, clause.verb) if draw.chance(0.6) else None
    clause = replace(clause, tense=Tense.PAST if past else Tense.PRESENT, modal=modal, time=time)
    return asked(clause, draw) if question else short(clause, draw)


def state(draw: Draw) -> Pair:
    """I am hungry. Were you at home yesterday? He isn't very tired."""
    subject = anybody(draw)
    what = draw.one(STATES)
    if what.english in WITH_DEGREE and draw.chance(0.3):
        degree, grad = draw.one(DEGREES)
        what = Adverbial(degree + what.english, grad + what.german)
    elif what.english in WITH_DEGREE and draw.chance(0.12):
        other = draw.one([s for s in STATES if s.english in WITH_DEGREE and s != what])
        what = Adverbial(f"{what.english} and {other.english}", f"{what.german} und {other.german}")
    return _being(draw, subject, what)


def _being(draw: Draw, subject: NounPhrase, what: Adverbial, passing: bool = True) -> Pair:
    """A form of `be`, in any tense, negated or as a question; future and time only for passing states."""
    draw.use(verbs.BE)
    tense = draw.one((Tense.PRESENT,) * 6 + (Tense.PAST,) * 2 + ((Tense.FUTURE,) if passing else ()))
    clause = Clause(subject, verbs.BE, tense, place=what, negated=draw.chance(0.2))
    if passing and draw.chance(0.3):
        times = {Tense.PRESENT: modifiers.TODAY, Tense.PAST: modifiers.PAST_TIMES, Tense.FUTURE: modifiers.SOON}[tense]
        clause = replace(clause, time=draw.one(times))
    elif passing and tense is Tense.PRESENT and not clause.negated and draw.chance(0.1):
        clause = replace(clause, frequency=draw.one(modifiers.FREQUENCIES))
    return asked(clause, draw) if draw.chance(0.3) else short(clause, draw)


def quality(draw: Draw) -> Pair:
    """The dog is small. My sister is very friendly. Is the coffee hot?"""
    noun = draw.lexeme(nouns.BODY if draw.chance(0.12) else CONCRETE)
    fitting = modifiers.suited(noun.tags, states=True)
    if not fitting:
        raise Rejected
    adjective = draw.lexeme(fitting)
    owner = draw.one((phrase.I, phrase.HE, phrase.SHE, phrase.WE, FORMAL)).possessive
    assert owner
    owned = noun.tags & {"kin", "body"} or (noun.tags & {"own", "wear"} and draw.chance(0.4))
    determiner = owner if owned else draw.one((THE, THE, phrase.THIS))
    subject = noun_phrase(noun, determiner, plural=not noun.mass and draw.chance(0.2))
    degree, grad = draw.one(DEGREES) if draw.chance(0.35) else ("", "")
    return _being(draw, subject, Adverbial(degree + adjective.english, grad + adjective.german), passing=False)


def character(draw: Draw) -> Pair:
    """He is tall. Are you rich? Anna is very clever."""
    adjective = draw.lexeme([a for a in modifiers.ADJECTIVES if a.suits & {"kin"} or a.english in {"old", "young"}])
    degree, grad = draw.one(DEGREES) if draw.chance(0.3) else ("", "")
    what = Adverbial(degree + adjective.english, grad + adjective.german)
    return _being(draw, anybody(draw), what, passing=False)


def profession(draw: Draw) -> Pair:
    """My sister is a doctor. Is he a cook? Anna isn't a teacher: the German noun depends on the person's sex."""
    english, man, woman = draw.one(nouns.PROFESSIONS)
    subject = draw.one((phrase.HE, phrase.SHE)) if draw.chance(0.4) else draw.person()
    if subject.gender is Gender.PLURAL or not subject.possessive:
        raise Rejected
    female = subject.possessive.english == "her"
    negated = draw.chance(0.2)
    german = ("keine " if female else "kein ") * negated + (woman if female else man)
    draw.use(verbs.BE)
    tense = draw.one((Tense.PRESENT, Tense.PRESENT, Tense.PAST))
    affirmed = Clause(subject, verbs.BE, tense, place=Adverbial(f"{phrase.article(english)} {english}", german))
    denied = replace(affirmed, negated=negated)
    if draw.chance(0.3):
        return as_spoken(denied.english_question() + "?", draw.random), affirmed.german_question() + "?"
    return as_spoken(denied.english(), draw.random), affirmed.german()


def weather(draw: Draw) -> Pair:
    """It is cold today. It was very late. Will it rain tomorrow?"""
    if draw.chance(0.35):
        verb = draw.lexeme((verbs.RAIN, verbs.SNOW))
        tense = draw.one((Tense.PRESENT, Tense.PAST, Tense.FUTURE))
        where = spot(draw) if draw.chance(0.3) else None
        clause = Clause(phrase.IT, verb, tense, place=where, negated=draw.chance(0.2))
        clause = replace(clause, time=moment(draw, tense, verb))
        if tense is Tense.PRESENT and (clause.time is None or clause.time in modifiers.TODAY):
            # `it is raining` now, but `it rains` every day
            clause = replace(clause, tense=Tense.PROGRESSIVE, stresses_now=False)
        return asked(clause, draw) if draw.chance(0.3) else short(clause, draw)
    what = draw.one(WEATHER)
    if what.english != "free" and draw.chance(0.4):
        degree, grad = draw.one(DEGREES)
        what = Adverbial(degree + what.english, grad + what.german)
    return _being(draw, phrase.IT, what)


def who(draw: Draw) -> Pair:
    """Who sees the dog? Who is coming tomorrow?"""
    clause = some_action(draw, phrase.WHO, False)
    if any(p and p.pronoun and p.english in ("he", "she") for p in (clause.accusative, clause.dative)):
        raise Rejected
    clause = replace(clause, time=moment(draw, clause.tense, clause.verb))
    return f"{clause.english()}?", f"{clause.german()}?"


def wh(draw: Draw) -> Pair:
    """What do you see? Where is he working? When are they coming? Why is she sad?"""
    subject = anybody(draw)
    word, wort = draw.one(
        (
            ("what", "was"),
            ("what", "was"),
            ("when", "wann"),
            ("why", "warum"),
            ("where", "wo"),
            ("how often", "wie oft"),
        )
    )  # fmt: skip
    if word == "what":
        verb = draw.lexeme((*verbs.EVERYDAY[:4], verbs.DO, verbs.DO, *verbs.TRANSITIVE[:6], verbs.EVERYDAY[6]))
        tense = a_tense(draw, verb)
        clause = Clause(subject, verb, tense, drop_object=True)
        if verb is verbs.DO and tense is Tense.PROGRESSIVE:  # What are you doing? Was machen Sie?
            clause = replace(clause, time=moment(draw, tense, verb), stresses_now=False)
            return f"what {clause.english_question()}?", f"was {clause.german_question()}?"
    else:
        kinds = (doing, being_active, living) if word == "where" else (doing, being_active)
        clause = draw.one(kinds)(draw, subject, False)
        clause = replace(clause, place=None) if word == "where" else clause
        if word == "where" and clause.verb.english.base in MOVEMENTS:
            raise Rejected
    if word in ("what", "why", "where") and draw.chance(0.4):
        clause = replace(clause, time=moment(draw, clause.tense, clause.verb))
    if clause.tense is Tense.PROGRESSIVE and clause.time is None and clause.verb.german.auxiliary == "haben":
        clause = replace(clause, tense=Tense.PRESENT)
    return asked(clause, draw, word, wort)


def where_from(draw: Draw) -> Pair:
    """Where is my key? Where are you? Why is she sad? Where are you going?"""
    kind = draw.random.random()
    draw.use(verbs.BE)
    if kind < 0.45:
        noun = draw.lexeme(CONCRETE)
        owner = draw.one((phrase.I, FORMAL, phrase.HE, phrase.SHE, phrase.WE)).possessive
        assert owner
        determiner = owner if noun.tags & {"own", "wear", "kin"} and draw.chance(0.6) else THE
        subject = noun_phrase(noun, determiner, plural=not noun.mass and draw.chance(0.25))
    else:
        subject = anybody(draw)
    if kind < 0.65:
        tense = draw.one((Tense.PRESENT, Tense.PRESENT, Tense.PAST))
        return asked(Clause(subject, verbs.BE, tense, drop_object=True), draw, "where", "wo")
    if kind < 0.8:
        return asked(Clause(subject, verbs.BE, place=draw.one(STATES[:12])), draw, "why", "warum")
    draw.use(verbs.GO_ON_FOOT)
    tense = draw.one((Tense.PROGRESSIVE, Tense.PRESENT, Tense.PAST))
    return asked(Clause(subject, verbs.GO_ON_FOOT, tense), draw, "where", "wohin")


def request(draw: Draw) -> Pair:
    """Please wait here. Open the door, please! Give me the key, please."""
    kind = draw.random.random()
    clause = (giving if kind < 0.25 else being_active if kind < 0.5 else doing)(draw, FORMAL, False)
    base = clause.verb.english.base
    if base in STATES_OF_MIND | {"cry", "arrive", "fall asleep", "receive", "lose"} - {"find"}:
        raise Rejected
    if clause.dative and clause.dative not in (phrase.I, phrase.HE, phrase.SHE, phrase.WE, phrase.THEY):
        raise Rejected
    negated = draw.chance(0.12) and not (clause.accusative and clause.accusative.english.split()[0] in {"a", "an"})
    clause = replace(clause, negated=negated, tense=Tense.PRESENT)
    order = ("don't " if negated else "") + clause.english_infinitive()
    please, end = draw.chance(0.75), draw.one((".", "!"))
    first = draw.chance(0.5)
    english = (f"please {order}" if first else f"{order}, please") if please else order
    return english + end, clause.german_imperative(formal=True, please=please) + end


def like_to(draw: Draw) -> Pair:
    """I like to dance. She likes to read books. Do you like to cook?"""
    subject = anybody(draw)
    if draw.chance(0.5):
        verb = draw.lexeme([v for v in verbs.BY_ONESELF[:17] if v.english.base not in {"cry", "wait", "smile"}])
        clause = Clause(subject, verb, gladly=True)
    else:
        verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in {"read", "eat", "drink", "bake", "cook"}])
        noun: Noun = draw.lexeme([n for n in nouns.tagged(*verb.objects) if "work" not in n.tags])
        clause = Clause(subject, verb, gladly=True, accusative=noun_phrase(noun, phrase.A, plural=not noun.mass))
    if draw.chance(0.3):
        english = f"do you like to {replace(clause, subject=FORMAL).english_infinitive()}?"
        return english, replace(clause, subject=FORMAL).german_question() + "?"
    return short(clause, draw)


def from_country(draw: Draw) -> Pair:
    """He comes from Italy. We are flying to Spain tomorrow."""
    subject = anybody(draw)
    english, to, out_of = draw.one(COUNTRIES)
    if draw.chance(0.4):
        draw.use(verbs.COME)
        return short(Clause(subject, verbs.COME, place=Adverbial(f"from {english}", out_of)), draw)
    verb = draw.lexeme((verbs.TRAVEL, verbs.FLY, verbs.GO_BY_VEHICLE))
    tense = draw.one((Tense.PROGRESSIVE, Tense.PAST, Tense.FUTURE))
    if draw.chance(0.5):
        city, stadt = draw.city()
        english, to = city, f"nach {stadt}"
    clause = Clause(subject, verb, tense, place=Adverbial(f"to {english}", to), time=moment(draw, tense, verb))
    return asked(clause, draw) if draw.chance(0.25) else short(clause, draw)


FAMILIES = (
    (saying, 34), (done, 4), (asking, 12), (with_modal, 14), (state, 10), (quality, 8), (character, 4), (profession, 4),
    (weather, 6), (who, 4), (wh, 9), (where_from, 6), (request, 7), (like_to, 3), (from_country, 4),
)  # fmt: skip
