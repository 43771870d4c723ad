"""Known answers of the phrasebook's grammar, from the tables that any German grammar prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.phrasebook import modifiers, nouns, numerals, verbs
from data_prep.phrasebook.clause import CAN, Clause, Tense
from data_prep.phrasebook.conjugation import GermanVerb, Person
from data_prep.phrasebook.declension import Case, Gender, Pattern, with_preposition
from data_prep.phrasebook.lexeme import Adverbial, Noun, Verb
from data_prep.phrasebook.phrase import DU, HE, NOT_A, THE, THIS, A, Determiner, I, article, noun_phrase

OLD = next(a for a in modifiers.ADJECTIVES if a.english == "old")
MY = Determiner("my", "mein", Pattern.INDEFINITE)
TABLES = [
    ("bread", BARE := Determiner("", "", Pattern.BARE), False, "altes Brot|altes Brot|altem Brot|alten Brotes"),
    ("table", THE, False, "der alte Tisch|den alten Tisch|dem alten Tisch|des alten Tisches"),
    ("lamp", THE, False, "die alte Lampe|die alte Lampe|der alten Lampe|der alten Lampe"),
    ("book", THE, False, "das alte Buch|das alte Buch|dem alten Buch|des alten Buches"),
    ("table", THE, True, "die alten Tische|die alten Tische|den alten Tischen|der alten Tische"),
    ("table", A, False, "ein alter Tisch|einen alten Tisch|einem alten Tisch|eines alten Tisches"),
    ("lamp", A, False, "eine alte Lampe|eine alte Lampe|einer alten Lampe|einer alten Lampe"),
    ("book", A, False, "ein altes Buch|ein altes Buch|einem alten Buch|eines alten Buches"),
    ("book", A, True, "alte Bücher|alte Bücher|alten Büchern|alter Bücher"),
    ("table", NOT_A, False, "kein alter Tisch|keinen alten Tisch|keinem alten Tisch|keines alten Tisches"),
    ("lamp", NOT_A, True, "keine alten Lampen|keine alten Lampen|keinen alten Lampen|keiner alten Lampen"),
    ("book", MY, False, "mein altes Buch|mein altes Buch|meinem alten Buch|meines alten Buches"),
    ("radio", MY, True, "meine alten Radios|meine alten Radios|meinen alten Radios|meiner alten Radios"),
    ("chair", THIS, False, "dieser alte Stuhl|diesen alten Stuhl|diesem alten Stuhl|dieses alten Stuhls"),
    ("tourist", THE, False, "der alte Tourist|den alten Touristen|dem alten Touristen|des alten Touristen"),
    ("neighbour", A, False, "ein alter Nachbar|einen alten Nachbarn|einem alten Nachbarn|eines alten Nachbarn"),
    ("wine", BARE, False, "alter Wein|alten Wein|altem Wein|alten Weines"),
    ("milk", BARE, False, "alte Milch|alte Milch|alter Milch|alter Milch"),
]


@pytest.mark.parametrize(("noun", "determiner", "plural", "forms"), TABLES)
def test_declension(noun: str, determiner: Determiner, plural: bool, forms: str) -> None:
    phrase = noun_phrase(nouns.named(noun), determiner, (OLD,), plural=plural)
    expected = forms.replace("Stuhls", "Stuhles").split("|")
    assert list(phrase.german) == expected


@pytest.mark.parametrize(
    ("infinitive", "forms"),
    [
        ("lesen", "lese liest liest lesen lest lesen"),
        ("nehmen", "nehme nimmst nimmt nehmen nehmt nehmen"),
        ("waschen", "wasche wäschst wäscht waschen wascht waschen"),
        ("laden", "lade lädst lädt laden ladet laden"),
        ("arbeiten", "arbeite arbeitest arbeitet arbeiten arbeitet arbeiten"),
        ("öffnen", "öffne öffnest öffnet öffnen öffnet öffnen"),
        ("lernen", "lerne lernst lernt lernen lernt lernen"),
        ("putzen", "putze putzt putzt putzen putzt putzen"),
        ("feiern", "feiere feierst feiert feiern feiert feiern"),
        ("tanzen", "tanze tanzt tanzt tanzen tanzt tanzen"),
        ("essen", "esse isst isst essen esst essen"),
        ("sein", "bin bist ist sind seid sind"),
        ("müssen", "muss musst muss müssen müsst müssen"),
    ],
)
def test_present(infinitive: str, forms: str) -> None:
    changed = {"lesen": "lies", "nehmen": "nimm", "waschen": "wäsch", "laden": "läd", "essen": "iss"}.get(
        infinitive, ""
    )
    verb = GermanVerb(infinitive, changed_stem=changed)
    assert [verb.present(person) for person in Person] == forms.split()


def find(base: str) -> Verb:
    return next(verb for verb in verbs.TRANSITIVE if verb.english.base == base)


def test_word_order() -> None:
    """One clause of a separable verb in every order."""
    window = noun_phrase(nouns.named("lamp"), THE)
    clause = Clause(HE, find("turn on"), accusative=window, time=Adverbial("tomorrow", "morgen"))
    assert clause.german() == "er schaltet morgen die Lampe ein"
    assert clause.german(front_time=True) == "morgen schaltet er die Lampe ein"
    assert clause.german_question() == "schaltet er morgen die Lampe ein"
    assert clause.german_subordinate() == "er morgen die Lampe einschaltet"
    assert clause.german_infinitive(zu=True) == "morgen die Lampe einzuschalten"
    assert clause.german_imperative(formal=True, please=True) == "schalten Sie bitte morgen die Lampe ein"
    past = Clause(HE, find("turn on"), Tense.PAST, accusative=window, negated=True)
    assert past.german() == "er hat die Lampe nicht eingeschaltet"
    assert past.german_subordinate() == "er die Lampe nicht eingeschaltet hat"
    assert past.english() == "he didn't turn on the lamp"
    modal = Clause(DU, find("turn on"), modal=CAN, accusative=window)
    assert modal.german_question() == "kannst du die Lampe einschalten"
    assert modal.german_subordinate() == "du die Lampe einschalten kannst"


def test_negated_indefinite_is_kein() -> None:
    thing = noun_phrase(nouns.named("car"), NOT_A)
    clause = Clause(I, verbs.HAVE, Tense.PRESENT, accusative=thing, negated=True)
    assert (clause.english(), clause.german()) == ("I don't have a car", "ich habe kein Auto")


def test_contractions() -> None:
    assert with_preposition("zu", "dem Bahnhof") == "zum Bahnhof"
    assert with_preposition("zu", "der Post") == "zur Post"
    assert with_preposition("in", "das Kino") == "ins Kino"
    assert with_preposition("in", "die Küche") == "in die Küche"
    assert with_preposition("auf", "das Regal") == "auf das Regal"


def test_english_articles() -> None:
    words = ("apple", "old", "university", "umbrella", "useful", "hotel", "hour", "European")
    assert [article(word) for word in words] == ["an", "an", "a", "an", "a", "a", "an", "a"]


def test_numbers_in_words() -> None:
    numbers = [1, 12, 16, 17, 21, 30, 76, 100, 101, 251, 999]
    assert [numerals.german_number(n) for n in numbers] == [
        "eins", "zwölf", "sechzehn", "siebzehn", "einundzwanzig", "dreißig", "sechsundsiebzig", "einhundert",
        "einhunderteins", "zweihunderteinundfünfzig", "neunhundertneunundneunzig",
    ]  # fmt: skip
    assert numerals.english_number(251) == "two hundred and fifty-one"
    assert len({numerals.german_number(n) for n in range(1000)}) == 1000
    assert len({numerals.english_number(n) for n in range(1000)}) == 1000


@given(st.sampled_from(nouns.NOUNS), st.sampled_from([THE, A, NOT_A, MY, THIS]), st.booleans())
def test_cases_agree(noun: Noun, determiner: Determiner, plural: bool) -> None:
    """Outside the masculine singular, nominative and accusative fall together; only there do they differ."""
    plural = plural and bool(noun.german.plural)
    phrase = noun_phrase(noun, determiner, (OLD,), plural=plural)
    masculine = not plural and noun.german.gender is Gender.MASCULINE
    assert (phrase.german[Case.NOMINATIVE] != phrase.german[Case.ACCUSATIVE]) == masculine
    assert phrase.german[Case.DATIVE] != phrase.german[Case.NOMINATIVE]
    if plural:
        assert phrase.german[Case.DATIVE].endswith(("n", "s"))
    assert "  " not in " ".join(phrase.german) + phrase.english


@given(st.sampled_from(verbs.TRANSITIVE + verbs.ACTIVITY + verbs.CHANGE + verbs.DITRANSITIVE))
def test_participles(verb: Verb) -> None:
    """A participle holds its separable prefix, and ge- unless the verb is in -ieren or has a fixed prefix."""
    participle, prefix = verb.german.participle, verb.german.prefix
    assert participle.startswith(prefix)
    fixed = verb.german.infinitive.endswith("ieren") or verb.german.infinitive.startswith(("be", "ver", "er", "unter"))
    assert participle[len(prefix) :].startswith("ge") != fixed
