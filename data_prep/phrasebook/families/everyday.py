"""Numbers, times, prices, introductions, comparisons and short news."""

from __future__ import annotations

from data_prep.phrasebook import modifiers, nouns, numerals, phrase, verbs
from data_prep.phrasebook.clause import WOULD_LIKE, Clause, Tense
from data_prep.phrasebook.conjugation import Person
from data_prep.phrasebook.declension import Case, Gender, with_preposition
from data_prep.phrasebook.draw import RELATIVES, Draw, Rejected
from data_prep.phrasebook.families.statements import Pair
from data_prep.phrasebook.lexeme import Adverbial
from data_prep.phrasebook.names import COUNTRIES
from data_prep.phrasebook.phrase import THE, NounPhrase, noun_phrase


def timetable(draw: Draw) -> Pair:
    """The train to Munich leaves at half past nine tomorrow."""
    noun = draw.lexeme(nouns.tagged("depart"))
    train = noun_phrase(noun, THE)
    (city, stadt), (at, um) = draw.city(), numerals.clock(draw.random)
    day = draw.one(modifiers.FUTURE_TIMES[:1] + modifiers.FUTURE_TIMES[-5:])
    if draw.chance(0.5):
        draw.use(verbs.CHANGE[5])
        return (
            f"{train.english} to {city} leaves at {at} {day.english}",
            f"{train.german[0]} nach {stadt} fährt {day.german} um {um} ab",
        )
    return (
        f"{train.english} from {city} arrives at {at} {day.english}",
        f"{train.german[0]} aus {stadt} kommt {day.german} um {um} an",
    )


def daily(draw: Draw) -> Pair:
    """We got up at a quarter to seven yesterday."""
    verb = draw.lexeme(verbs.CHANGE)
    at, um = numerals.clock(draw.random)
    tense = draw.one((Tense.PAST, Tense.FUTURE, Tense.PRESENT))
    if tense is Tense.FUTURE and verb.english.base in {"fall asleep", "wake up"}:
        raise Rejected
    day = draw.one(
        {Tense.PAST: modifiers.PAST_TIMES[:2] + modifiers.PAST_TIMES[-7:], Tense.FUTURE: modifiers.FUTURE_TIMES[:2],
         Tense.PRESENT: modifiers.HABIT_TIMES[:1] + modifiers.HABIT_TIMES[4:8]}[tense]
    )  # fmt: skip
    time = Adverbial(f"at {at} {day.english}", f"{day.german} um {um}")
    clause = Clause(draw.subject(), verb, tense, time=time)
    return clause.english(), clause.german()


def event(draw: Draw) -> Pair:
    """The concert in Berlin starts at eight o'clock on Friday, 3 May."""
    noun = draw.lexeme([n for n in nouns.tagged("start") if "place" not in n.tags])
    thing = noun_phrase(noun, THE, draw.adjective(noun, chance=0.2))
    (at, um), (day, tag) = numerals.clock(draw.random), numerals.date(draw.random)
    draw.use(verbs.BEGIN)
    english, german = thing.english, thing.german[0]
    if draw.chance(0.5):
        city, stadt = draw.city()
        english, german = f"{english} in {city}", f"{german} in {stadt}"
    if draw.chance(0.5):
        return f"{english} starts {day} at {at}", f"{german} beginnt {tag} um {um}"
    return f"{english} is {day}", f"{german} ist {tag}"


def price(draw: Draw) -> Pair:
    """The red bag costs 12.50 euros. How much do these shoes cost?"""
    noun = draw.lexeme([n for n in nouns.tagged("buy", "order", "fruit") if "kin" not in n.tags])
    dear = bool(noun.tags & {"furniture", "device", "wear", "instrument", "vehicle"})
    euros, euro = numerals.price(draw.random, 20 if dear else 2, 900 if dear else 30)
    plural = draw.chance(0.3)
    thing = noun_phrase(noun, draw.one((THE, THE, phrase.THIS)), draw.adjective(noun, chance=0.6), plural=plural)
    cost, kosten = ("cost", "kosten") if plural else ("costs", "kostet")
    draw.use(verbs.COST)
    if draw.chance(0.25):
        do = "do" if plural else "does"
        city, stadt = draw.city()
        return f"how much {do} {thing.english} cost in {city}?", f"wie viel {kosten} {thing.german[0]} in {stadt}?"
    return f"{thing.english} {cost} {euros}", f"{thing.german[0]} {kosten} {euro}"


def counting(draw: Draw) -> Pair:
    """We bought forty-two chairs yesterday. There are twenty guests in the hotel."""
    number = numerals.count(draw.random)
    if draw.chance(0.4):
        noun = draw.lexeme([n for n in nouns.tagged("job", "general") if "office" not in n.tags])
        people = noun_phrase(noun, phrase.BARE, draw.adjective(noun, chance=0.3), plural=True, number=number)
        where = draw.location("building", "public")
        return f"there were {people.english} {where.english}", f"{where.german} waren {people.german[0]}"
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in {"buy", "need", "sell", "order", "pack"}])
    pool = [
        n for n in nouns.tagged(*verb.objects) if not n.mass and not n.tags & {"animal", "doc", "device", "vehicle"}
    ]
    noun = draw.lexeme(pool)
    thing = noun_phrase(noun, phrase.BARE, draw.adjective(noun, chance=0.4), plural=True, number=number)
    clause = Clause(draw.subject(), verb, Tense.PAST, accusative=thing, time=draw.one(modifiers.PAST_TIMES))
    return clause.english(), clause.german()


def introduction(draw: Draw) -> Pair:
    """Ms Huber lives in Munich and works as a teacher. Anna Berger was born on 3 May 1985 in Ulm."""
    woman = draw.chance(0.5)
    english_job, man_job, woman_job = draw.one(nouns.PROFESSIONS)
    job, person = (woman_job if woman else man_job), phrase.titled(draw.surname(), woman)
    city, stadt = draw.city()
    draw.use(verbs.LIVE)
    kind = draw.one(("live", "work", "street", "born", "name", "country"))
    english, german, street = person.english, person.german[0], draw.street()
    number = draw.random.randint(1, 120)
    at = with_preposition("in", f"{'dem' if street.endswith('weg') else 'der'} {street}")
    full = f"{draw.first_name()[0]} {draw.surname()}"
    country, _, out_of = draw.one(COUNTRIES)
    day, tag = numerals.birth_date(draw.random)
    pronoun, pronomen = ("she", "sie") if woman else ("he", "er")
    return {
        "live": (f"{english} lives in {city} and works as {phrase.article(english_job)} {english_job}",
                 f"{german} wohnt in {stadt} und arbeitet als {job}"),
        "work": (f"{english} comes from {country} and is {phrase.article(english_job)} {english_job} in {city}",
                 f"{german} kommt {out_of} und ist {job} in {stadt}"),
        "street": (f"{english} lives at {number} {street} in {city}", f"{german} wohnt {at} {number} in {stadt}"),
        "born": (f"{full} was born {day} in {city}", f"{full} wurde {tag} in {stadt} geboren"),
        "name": (f"my name is {full} and I come from {city}", f"ich heiße {full} und komme aus {stadt}"),
        "country": (f"{english} has lived in {city} for {(n := numerals.count(draw.random, 2, 40))[0]} years",
                    f"{german} wohnt seit {n[1]} Jahren in {stadt}"),
    }[kind] if pronoun and pronomen else ("", "")  # fmt: skip


def comparison(draw: Draw) -> Pair:
    """My brother is older than his sister. The blue car is as expensive as the green bicycle."""
    if draw.chance(0.5):
        one, other = draw.person(), draw.person()
        adjective = draw.lexeme(
            [
                a
                for a in modifiers.ADJECTIVES
                if (a.suits & {"kin"} and a.english != "ill") or a.english in ("old", "tall")
            ]
        )
    else:
        first = draw.lexeme(nouns.tagged("wear", "furniture", "vehicle", "building", "instrument", "read"))
        shared = [n for n in nouns.NOUNS if n is not first and n.tags & first.tags & {"wear", "furniture", "vehicle",
                  "building", "instrument", "read"}]  # fmt: skip
        second = draw.lexeme(shared)
        fitting = [a for a in modifiers.suited(first.tags) if a in modifiers.suited(second.tags)]
        adjective = draw.lexeme([a for a in fitting if a.english not in modifiers.COLOURS | {"broken", "empty"}])
        one = noun_phrase(first, draw.one((THE, phrase.THIS)), plural=draw.chance(0.2))
        other = noun_phrase(second, THE, plural=draw.chance(0.2))
    if one.english == other.english:
        raise Rejected
    past = draw.chance(0.25)
    plural = one.person is Person.SIE
    be = ("were" if plural else "was") if past else ("are" if plural else "is")
    sein = ("waren" if plural else "war") if past else ("sind" if plural else "ist")
    if draw.chance(0.65):
        return (
            f"{one.english} {be} {adjective.english_comparative} than {other.english}",
            f"{one.german[0]} {sein} {adjective.comparative} als {other.german[0]}",
        )
    no, nicht = draw.one((("", ""), ("not ", "nicht ")))
    return (
        f"{one.english} {be} {no}as {adjective.english} as {other.english}",
        f"{one.german[0]} {sein} {nicht}so {adjective.german} wie {other.german[0]}",
    )


def superlative(draw: Draw) -> Pair:
    """The oldest church in Vienna is very beautiful: die älteste Kirche."""
    noun = draw.lexeme([n for n in nouns.tagged("building") if n.german.plural])
    adjective = draw.lexeme(
        [a for a in modifiers.suited(noun.tags) if a.english not in {"quiet", "long", "short", "ugly"}]
    )
    thing = noun_phrase(noun, THE, (adjective,), degree="superlative")
    city, stadt = draw.city()
    if draw.chance(0.5):
        subject = draw.subject()
        draw.use(visit := next(v for v in verbs.TRANSITIVE if v.english.base == "visit"))
        where = Adverbial(f"in {city}", f"in {stadt}")
        time = draw.one(modifiers.PAST_TIMES)
        clause = Clause(subject, visit, Tense.PAST, accusative=thing, place=where, time=time)
        return clause.english(), clause.german()
    near = draw.lexeme([n for n in nouns.tagged("building") if n is not noun])
    other = noun_phrase(near, THE)
    behind, hinter = draw.one((("behind", "hinter"), ("in front of", "vor"), ("next to", "neben"), ("near", "bei")))
    if hinter == "bei":
        behind, hinter = "behind", "hinter"
    return (
        f"{thing.english} in {city} is {behind} {other.english}",
        f"{thing.german[0]} in {stadt} steht {other.after(hinter, Case.DATIVE)}",
    )


def genitive(draw: Draw) -> Pair:
    """The roof of the old church; because of the heavy rain."""
    if draw.chance(0.45):
        noun = draw.lexeme(nouns.tagged("weather", "trouble"))
        cause = noun_phrase(noun, THE, draw.adjective(noun, chance=0.5))
        clause = Clause(draw.subject(), verbs.GO_BY_VEHICLE, Tense.PAST)
        english, german = draw.city()
        word, wegen = draw.one((("because of", "wegen"), ("despite", "trotz")))
        negated = wegen == "wegen"
        draw.use(verbs.TRAVEL)
        clause = Clause(
            clause.subject, verbs.TRAVEL, Tense.PAST, place=Adverbial(f"to {english}", f"nach {german}"),
            negated=negated, time=Adverbial(f"{word} {cause.english}", f"{wegen} {cause.german[Case.GENITIVE]}"),
        )  # fmt: skip
        front = draw.chance(0.5)
        return clause.english(front), clause.german(front)
    part = draw.lexeme(nouns.PARTS)
    tag = draw.one(sorted(t.partition(":")[2] for t in part.tags if t.startswith("of:")))
    whole_noun = draw.lexeme([n for n in nouns.tagged(tag) if not n.mass and n.english != "town hall"])
    whole = noun_phrase(whole_noun, THE, draw.adjective(whole_noun, chance=0.4))
    thing = noun_phrase(part, THE)
    english = f"{thing.english} of {whole.english}"
    forms = tuple(f"{form} {whole.german[Case.GENITIVE]}" for form in thing.german)
    subject = draw.subject()
    head = NounPhrase(english, (forms[0], forms[1], forms[2], forms[3]), gender=thing.gender)
    verb = draw.lexeme([v for v in verbs.TRANSITIVE if v.english.base in PART_VERBS[part.english]])
    tense = {"know": Tense.PRESENT, "forget": Tense.PAST}.get(verb.english.base, draw.one((Tense.PAST, Tense.FUTURE)))
    return (
        clause := Clause(subject, verb, tense, accusative=head, negated=draw.chance(0.3))
    ).english(), clause.german()


PART_VERBS = {
    "roof": {"repair", "photograph"}, "entrance": {"find", "look for"}, "history": {"know"}, "colour": {"forget"},
    "price": {"forget", "know"}, "weight": {"know"}, "owner": {"know", "look for", "meet"},
    "beginning": {"watch"}, "end": {"watch"}, "director": {"know", "meet", "thank_"},
}  # fmt: skip


def news(draw: Draw) -> Pair:
    """The new library in Steinfeld was opened in 1997: the passive."""
    noun = draw.lexeme([n for n in nouns.tagged("building") if n.german.plural])
    adjectives = draw.adjective(noun, chance=0.6)
    if any(a.english in {"new", "quiet", "ugly"} for a in adjectives):
        raise Rejected
    thing = noun_phrase(noun, THE, adjectives)
    (city, stadt), year = draw.city(), draw.random.randint(1925, 2019)
    english, german = draw.one((("built", "gebaut"), ("opened", "eröffnet"), ("renovated", "renoviert"),
                                ("destroyed", "zerstört")))  # fmt: skip
    if draw.chance(0.5):
        return (
            f"{thing.english} in {city} was {english} in {year}",
            f"{thing.german[0]} in {stadt} wurde {year} {german}",
        )
    day, tag = numerals.date(draw.random)
    draw.use(nouns.named("mayor"))
    name = draw.surname()
    return (
        f"Mayor {name} opened {thing.english} in {city} {day}",
        f"Bürgermeister {name} hat {tag} {thing.german[1]} in {stadt} eröffnet",
    )


def predicate(draw: Draw) -> Pair:
    """The old car was too expensive. My sister isn't nervous."""
    noun = draw.lexeme(nouns.tagged("own", "building", "eat", "drink", "wear", "watch", "start"))
    fitting = modifiers.suited(noun.tags, states=True)
    if len(fitting) < 2:
        raise Rejected
    owner = draw.one((phrase.I, phrase.HE, phrase.SHE, phrase.WE, phrase.THEY)).possessive
    assert owner
    determiner = owner if noun.tags & {"own", "wear"} and draw.chance(0.6) else draw.one((THE, phrase.THIS))
    adjective = draw.lexeme(fitting)
    subject = noun_phrase(noun, determiner, plural=not noun.mass and draw.chance(0.35))
    degrees = [("very ", "sehr "), ("", ""), ("quite ", "ziemlich ")]
    degree = draw.one([*degrees, ("too ", "zu ")] if adjective.english in modifiers.EXCESSIVE else degrees)
    if adjective.english in modifiers.COLOURS | {"broken", "empty"}:
        degree = ("", "")
    complement = Adverbial(degree[0] + adjective.english, degree[1] + adjective.german)
    past, negated = draw.chance(0.5), draw.chance(0.25) and degree[0] in ("", "very ")
    clause = Clause(subject, verbs.BE, Tense.PAST if past else Tense.PRESENT, place=complement, negated=negated)
    return clause.english(), clause.german()


def ordering(draw: Draw) -> Pair:
    """I would like a cup of coffee and a piece of cake, please."""
    drinks = (("a cup of ", "eine Tasse ", ("coffee", "tea")), ("a glass of ", "ein Glas ",
              ("water", "wine", "milk", "apple juice", "orange juice")), ("a bottle of ", "eine Flasche ",
              ("beer", "wine", "water")))  # fmt: skip
    english, german, names = draw.one(drinks)
    drink = draw.lexeme([nouns.named(name) for name in names])
    food = draw.lexeme([n for n in nouns.tagged("order") if "eat" in n.tags])
    dish = noun_phrase(food, phrase.A, draw.adjective(food, chance=0.6))
    who = draw.one((phrase.I, phrase.WE))
    one = NounPhrase(
        f"{english}{drink.english} and {dish.english}",
        (f"{german}{drink.german.singular} und {dish.german[0]}",
         f"{german}{drink.german.singular} und {dish.german[1]}", "", ""),
    )  # fmt: skip
    want = next(v for v in verbs.TRANSITIVE if v.english.base == "order")
    draw.use(want)
    clause = Clause(who, want, modal=WOULD_LIKE, accusative=one)
    return clause.english(), clause.german()


def family(draw: Draw) -> Pair:
    """My sister has a dog and two cats. His brother doesn't have a car."""
    noun = draw.lexeme(RELATIVES)
    owner = draw.one((phrase.I, phrase.HE, phrase.SHE, phrase.WE)).possessive
    assert owner
    subject = noun_phrase(noun, owner)
    draw.use(verbs.HAVE)
    first, second = draw.lexeme(nouns.tagged("pet", "vehicle")), draw.lexeme(nouns.tagged("pet", "instrument"))
    tense = draw.one((Tense.PRESENT, Tense.PAST))
    if draw.chance(0.4) or first is second:
        thing = noun_phrase(first, phrase.NOT_A, draw.adjective(first, chance=0.4))
        clause = Clause(subject, verbs.HAVE, tense, accusative=thing, negated=True)
        return clause.english(), clause.german()
    one = noun_phrase(first, phrase.A, draw.adjective(first, chance=0.4))
    number = numerals.count(draw.random, 2, 5)
    two = noun_phrase(second, phrase.BARE, draw.adjective(second, chance=0.3), plural=True, number=number)
    both = f"{one.german[1]} und {two.german[1]}"
    thing = NounPhrase(f"{one.english} and {two.english}", ("", both, "", ""), gender=Gender.PLURAL)
    clause = Clause(subject, verbs.HAVE, tense, accusative=thing)
    return clause.english(), clause.german()


FAMILIES = (
    (timetable, 4), (daily, 4), (event, 4), (price, 5), (counting, 4), (introduction, 8), (comparison, 5),
    (superlative, 4), (genitive, 5), (news, 4), (predicate, 4), (ordering, 2), (family, 3),
)  # fmt: skip
