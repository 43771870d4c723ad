"""Sentences with two clauses: the finite verb of a German subordinate clause comes last."""

from __future__ import annotations

from dataclasses import replace

from data_prep.phrasebook import modifiers, nouns, phrase, verbs
from data_prep.phrasebook.clause import HAVE_TO, Clause, Tense
from data_prep.phrasebook.declension import Case, Gender
from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families.statements import Pair, action, activity, motion, when
from data_prep.phrasebook.lexeme import Adverbial, Verb, read_verbs
from data_prep.phrasebook.phrase import THE, NounPhrase, noun_phrase

RELATIVE = {Gender.MASCULINE: ("der", "den", "dem"), Gender.FEMININE: ("die", "die", "der"),
            Gender.NEUTER: ("das", "das", "dem"), Gender.PLURAL: ("die", "die", "denen")}  # fmt: skip
REASONS = modifiers.adverbials("tired | müde\nill | krank\nbusy | beschäftigt")
"""Reasons for not going somewhere."""
WHEREABOUTS = modifiers.adverbials("at home | zu Hause\nback | zurück\nin town | in der Stadt\nhere | hier")


def echo(subject: NounPhrase) -> NounPhrase:
    """The pronoun that refers back to a person in the next clause; in English it shows the sex of a name."""
    if subject.pronoun:
        return subject
    if subject.gender is Gender.PLURAL:
        return phrase.THEY
    assert subject.possessive
    return {"her": phrase.SHE, "his": phrase.HE}.get(subject.possessive.english, phrase.HE)


def because(draw: Draw) -> Pair:
    """She stayed in the hotel because she was ill."""
    subject = _echoable(draw)
    past = draw.chance(0.6)
    tense = Tense.PAST if past else Tense.FUTURE
    cause_tense = Tense.PAST if past else Tense.PRESENT
    kind = draw.random.random()
    if kind < 0.5:
        main = replace(motion(draw, subject, tense), negated=True)
        cause = Clause(echo(subject), verbs.BE, cause_tense, place=draw.one(REASONS))
    elif kind < 0.75:
        cause = Clause(echo(subject), verbs.BE, cause_tense, place=Adverbial("hungry", "hungrig"))
        main = _meal(draw, subject, tense)
    else:
        verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in {"look for", "repair", "wash", "sign"}])
        cause = Clause(
            echo(subject), verb, Tense.PAST if past else Tense.PRESENT, modal=HAVE_TO,
            accusative=draw.object_of(verb, echo(subject)),
        )  # fmt: skip
        main = Clause(subject, verbs.COME, tense, place=Adverbial("home late", "spät nach Hause"))
    return f"{main.english()} because {cause.english()}", f"{main.german()}, weil {cause.german_subordinate()}"


def _meal(draw: Draw, subject: NounPhrase, tense: Tense) -> Clause:
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in {"eat", "order"}])
    noun = draw.lexeme([n for n in nouns.tagged("eat") if "order" in n.tags or "fruit" in n.tags])
    where = draw.location("eating")
    thing = noun_phrase(noun, phrase.A, draw.adjective(noun, chance=0.4))
    return Clause(subject, verb, tense, accusative=thing, place=where)


def _echoable(draw: Draw) -> NounPhrase:
    """A subject whose German pronoun has natural gender, which rules out das Mädchen and das Kind."""
    subject = draw.subject()
    return subject if subject.gender is not Gender.NEUTER else phrase.SHE


def reported(draw: Draw) -> Pair:
    """We know that the mayor has opened the bridge; he asks whether you can repair the radio."""
    subject = draw.subject()
    verb, english, german = draw.one(
        ((verbs.KNOW_FACT, "that", "dass"), (verbs.BELIEVE, "that", "dass"), (verbs.HOPE, "that", "dass"),
         (verbs.ASK, "whether", "ob"), (verbs.SAY, "that", "dass"))
    )  # fmt: skip
    draw.use(verb)
    inner_subject = draw.person()
    tense = draw.one((Tense.PAST, Tense.FUTURE))
    negated = draw.chance(0.15)
    inner = draw.one((action, motion))(draw, inner_subject, tense)
    inner = replace(inner, time=when(draw, inner.verb, tense) if draw.chance(0.6) else None)
    main = Clause(subject, verb, Tense.PRESENT, negated=negated and verb in (verbs.KNOW_FACT, verbs.BELIEVE))
    return f"{main.english()} {english} {inner.english()}", f"{main.german()}, {german} {inner.german_subordinate()}"


def conditional(draw: Draw) -> Pair:
    """If it rains tomorrow, we will stay in the hotel. When the sun shines, ..."""
    subject = draw.subject()
    kind = draw.random.random()
    time = draw.one([t for t in modifiers.FUTURE_TIMES if "year" not in t.english and "in " not in t.english])
    if kind < 0.4:
        verb = draw.one((verbs.RAIN, verbs.SNOW))
        condition = Clause(phrase.IT, verb, time=time)
        outcome = activity(draw, subject, Tense.FUTURE)
        if outcome.place and "garden" in outcome.place.english:
            raise Rejected
    else:
        condition = Clause(subject, verbs.BE, place=draw.one(WHEREABOUTS), time=time)
        outcome = action(draw, echo(subject) if subject.gender is not Gender.NEUTER else phrase.WE, Tense.FUTURE)
    return (
        f"if {condition.english()}, {outcome.english()}",
        f"wenn {condition.german_subordinate()}, {outcome.german_question()}",
    )


def trying(draw: Draw) -> Pair:
    """She tried to open the window; he has forgotten to pay the bill: zu and the infinitive last."""
    subject = draw.subject()
    inner = action(draw, subject, Tense.FUTURE)
    if inner.verb.english.base in {"lose", "forget", "receive", "know", "need", "find", "wear", "watch"}:
        raise Rejected
    head: Verb = draw.one(ATTEMPTS)
    draw.use(head)
    time = when(draw, head, Tense.PAST)
    main = Clause(subject, head, Tense.PAST, time=time)
    return (
        f"{main.english(True)} to {inner.english_infinitive()}",
        f"{main.german(True)}, {inner.german_infinitive(zu=True)}",
    )


ATTEMPTS = read_verbs("""
try, tried, tried | versuchen - versucht | -
forget, forgot, forgotten | vergessen vergiss vergessen | -
decide, decided, decided | beschließen - beschlossen | -
promise, promised, promised | versprechen versprich versprochen | -
start, started, started | beginnen - begonnen | -
""")[:4]


def purpose(draw: Draw) -> Pair:
    """He went to the station to buy a ticket: um ... zu."""
    subject = draw.subject()
    draw.use(verbs.GO_ON_FOOT)
    tags, bases = draw.one(
        ((("groceries",), {"buy"}), (("eating",), {"eat", "drink", "order"}), (("reading",), {"read", "write"}))
    )
    place = draw.direction(*tags)
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in bases])
    noun = draw.lexeme(
        [
            n
            for n in nouns.tagged(*verb.objects)
            if n.english != "menu" and ("buy" not in bases or n.tags & {"eat", "drink"})
        ]
    )
    thing = noun_phrase(noun, phrase.A, draw.adjective(noun, chance=0.5))
    inner = Clause(subject, verb, accusative=thing)
    tense = draw.one((Tense.PAST, Tense.FUTURE))
    main = Clause(subject, verbs.GO_ON_FOOT, tense, place=place)
    return (
        f"{main.english()} to {inner.english_infinitive()}",
        f"{main.german()}, um {inner.german_infinitive(zu=True)}",
    )


def relative_subject(draw: Draw) -> Pair:
    """The man who lives in Berlin bought a car; Der Mann, der in Berlin wohnt, hat ..."""
    noun = draw.lexeme([n for n in nouns.PEOPLE if n.tags & {"general", "job"}])
    head = noun_phrase(noun, THE, draw.adjective(noun, chance=0.3), plural=draw.chance(0.25))
    if draw.chance(0.5):
        draw.use(verbs.LIVE)
        english, german = draw.city()
        inner = Clause(head, verbs.LIVE, place=Adverbial(f"in {english}", f"in {german}"))
    else:
        tense = Tense.PAST
        inner = replace(activity(draw, head, tense), time=None)
    main = action(draw, head, draw.one((Tense.PAST, Tense.FUTURE)))
    main = replace(main, place=None)
    who = RELATIVE[head.gender][Case.NOMINATIVE]
    english_inner = inner.english()[len(head.english) :].strip()
    english_main = main.english()[len(head.english) :].strip()
    german_main = main.german()[len(head.german[0]) :].strip()
    return (
        f"{head.english} who {english_inner} {english_main}",
        f"{head.german[0]}, {who} {inner.german_subordinate(subject=False)}, {german_main}",
    )


def relative_object(draw: Draw) -> Pair:
    """The bag that I bought yesterday is too small: die Tasche, die ich gestern gekauft habe."""
    subject = draw.subject()
    choices = {"buy", "look for", "find", "lose", "repair", "order", "wash", "read", "bake", "sell", "pack", "rent"}
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in choices])
    noun = draw.lexeme([n for n in nouns.tagged(*verb.objects) if not n.mass])
    likes = draw.chance(0.3)
    adjectives = draw.adjective(noun, chance=0.4) if likes else ()
    head = noun_phrase(noun, THE, adjectives, plural=draw.chance(0.25))
    inner = Clause(subject, verb, Tense.PAST, time=when(draw, verb, Tense.PAST), accusative=head, drop_object=True)
    english = replace(inner, accusative=None).english()
    pronoun = RELATIVE[head.gender][Case.ACCUSATIVE]
    described = modifiers.suited(noun.tags, states=verb.english.base not in {"look for", "lose"})
    be_english, be_german = ("are", "sind") if head.gender is Gender.PLURAL else ("is", "ist")
    german_inner = inner.german_subordinate()
    if likes:
        if noun.tags & {"eat", "drink"} or any(a.english in {"boring", "ugly", "bad"} for a in adjectives):
            raise Rejected
        owner = draw.one((phrase.I, phrase.HE, phrase.SHE, phrase.WE))
        return (
            f"{owner.english} {'likes' if owner.person == 2 else 'like'} {head.english} that {english}",
            f"{_likes(owner, head)}, {pronoun} {german_inner}",
        )
    if not described:
        raise Rejected
    adjective = draw.lexeme(described)
    degrees = [("very ", "sehr "), ("", ""), ("not ", "nicht ")]
    degree = draw.one([*degrees, ("too ", "zu ")] if adjective.english in modifiers.EXCESSIVE else degrees)
    if adjective.english in modifiers.COLOURS | {"broken", "empty"}:
        degree = ("", "")
    return (
        f"{head.english} that {english} {be_english} {degree[0]}{adjective.english}",
        f"{head.german[0]}, {pronoun} {german_inner}, {be_german} {degree[1]}{adjective.german}",
    )


def _likes(owner: NounPhrase, thing: NounPhrase) -> str:
    verb = "gefallen" if thing.gender is Gender.PLURAL else "gefällt"
    return f"{owner.german[Case.DATIVE]} {verb} {thing.german[0]}"


def pronoun_object(draw: Draw) -> Pair:
    """I bought the book, but I haven't read it yet: den Roman ... ihn."""
    subject = draw.one((phrase.I, phrase.HE, phrase.SHE, phrase.WE, phrase.THEY))
    first, second, but = draw.one(
        (
            ("look for", "find", "not"),
            ("pack", "send", "yet"),
            ("order", "eat", "yet"),
            ("buy", "wash", "yet"),
            ("write", "send", "yet"),
        )
    )
    by_name = {v.english.base: v for v in verbs.DITRANSITIVE} | {v.english.base: v for v in verbs.TRANSITIVE}
    one, two = by_name[first], by_name[second]
    draw.use(one, two)
    shared = [n for n in nouns.tagged(*one.objects) if n.tags & two.objects and (first != "buy" or "wear" in n.tags)]
    noun = draw.lexeme(shared)
    thing = noun_phrase(noun, THE, draw.adjective(noun, chance=0.4), plural=not noun.mass and draw.chance(0.3))
    tense = Tense.PERFECT if but == "yet" else Tense.PAST
    start = Clause(subject, one, Tense.PAST, accusative=thing, time=when(draw, one, Tense.PAST))
    follow = Clause(subject, two, tense, accusative=phrase.pronoun_for(thing), negated=True)
    return f"{start.english()}, but {follow.english()}", f"{start.german()}, aber {follow.german()}"


FAMILIES = (
    (because, 6), (reported, 9), (conditional, 5), (trying, 5), (purpose, 4), (relative_subject, 6),
    (relative_object, 6), (pronoun_object, 4),
)  # fmt: skip
