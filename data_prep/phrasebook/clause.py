"""Clauses: the same content in English word order and in each of the German word orders."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from data_prep.phrasebook.conjugation import EnglishVerb, GermanVerb, Person
from data_prep.phrasebook.declension import Case
from data_prep.phrasebook.lexeme import Adverbial, Verb
from data_prep.phrasebook.phrase import I, NounPhrase


class Tense(Enum):
    """English tenses, each with its German counterpart in a comment."""

    PRESENT = auto()  # Präsens
    PROGRESSIVE = auto()  # Präsens with `gerade`, except with a time adverbial or a verb of motion
    PAST = auto()  # Perfekt; Präteritum of sein, haben, mögen and the modals
    PERFECT = auto()  # Perfekt with `schon`
    FUTURE = auto()  # werden


@dataclass(frozen=True)
class Modal:
    """A modal verb: an English auxiliary, or an English verb followed by `to`."""

    german: GermanVerb
    auxiliary: str = ""
    past_auxiliary: str = ""
    verb: EnglishVerb | None = None
    adjective: str = ""
    """`allowed` of `be allowed to`."""


CAN = Modal(GermanVerb("können"), "can", "could")
WANT = Modal(GermanVerb("wollen"), verb=EnglishVerb("want", "wanted", "wanted"))
HAVE_TO = Modal(GermanVerb("müssen"), verb=EnglishVerb("have", "had", "had"))
MUST = Modal(GermanVerb("müssen"), "must")
SHOULD = Modal(GermanVerb("sollen"), "should")
ALLOWED = Modal(GermanVerb("dürfen"), adjective="allowed")
WOULD_LIKE = Modal(GermanVerb("möchten"), "would like to")

SEIN, HABEN, WERDEN = GermanVerb("sein"), GermanVerb("haben"), GermanVerb("werden")
CONTRACTED = {
    "can": "can't", "could": "couldn't", "will": "won't", "should": "shouldn't", "do": "don't", "does": "doesn't",
    "did": "didn't", "have": "haven't", "has": "hasn't", "is": "isn't", "are": "aren't", "was": "wasn't",
    "were": "weren't",
}  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """One clause. Constituents that are None or empty are omitted."""

    subject: NounPhrase
    verb: Verb
    tense: Tense = Tense.PRESENT
    modal: Modal | None = None
    accusative: NounPhrase | None = None
    dative: NounPhrase | None = None
    time: Adverbial | None = None
    frequency: Adverbial | None = None
    """often, already: before the English main verb, in the German position of time adverbials."""
    gladly: bool = False
    """Adds `like to` in English, `gern` in German."""
    place: Adverbial | None = None
    """Place, direction, prepositional object or predicate: the last constituent of the German middle field."""
    negated: bool = False
    stresses_now: bool = True
    """Whether German marks the progressive with `gerade`; rain and `What are you doing?` do not need it."""
    drop_object: bool = False
    """The object has been moved to the front in both languages (relative and wh-clauses)."""

    # English ---------------------------------------------------------------------------------------------

    def english(self, front_time: bool = False) -> str:
        """Statement word order."""
        auxiliary, main = self._english_verb(inverted=False)
        first = f"{self.time.english}, " if front_time and self.time else ""
        words = [self.subject.english, auxiliary, self._frequency(), main, *self._english_rest(not front_time)]
        return first + " ".join(filter(None, words))

    def english_question(self) -> str:
        """Question word order: auxiliary first."""
        auxiliary, main = self._english_verb(inverted=True)
        head, _, tail = auxiliary.partition(" ")
        words = [head, self.subject.english, tail, self._frequency(), main, *self._english_rest(True)]
        return " ".join(filter(None, words))

    def english_infinitive(self) -> str:
        """Infinitive without subject and `to`."""
        return " ".join(filter(None, [self.verb.english.base, *self._english_rest(True)]))

    def _frequency(self) -> str:
        return self.frequency.english if self.frequency else ""

    def _english_rest(self, with_time: bool) -> list[str]:
        objects = [phrase.object for phrase in (self.dative, self.accusative) if phrase]
        place = self.place.english if self.place else ""
        time = self.time.english if with_time and self.time else "yet" if self._not_yet() else ""
        return [*objects, place, time]

    def _not_yet(self) -> bool:
        return self.tense is Tense.PERFECT and self.negated and self.time is None

    def _english_verb(self, inverted: bool) -> tuple[str, str]:
        """Auxiliary (empty in a plain statement) and main verb."""
        verb, be = self.verb.english, self.verb.english.base == "be"
        if self.modal:
            return self._english_modal(self.modal, inverted)
        if self.gladly:
            verb = EnglishVerb(f"like to {verb.base}", f"liked to {verb.base}", "")
        needs_auxiliary = inverted or self.negated
        match self.tense:
            case Tense.PROGRESSIVE:
                return self._not(self._be(past=False)), verb.progressive()
            case Tense.PERFECT:
                return self._not("has" if self._third() else "have"), verb.participle
            case Tense.FUTURE:
                return self._not("will"), verb.base
            case Tense.PRESENT | Tense.PAST:
                past = self.tense is Tense.PAST
                if be:
                    return self._not(self._be(past)), ""
                if needs_auxiliary:
                    return self._not("did" if past else "does" if self._third() else "do"), verb.base
                if past:
                    return "", verb.past
                return "", verb.third_person() if self._third() else verb.base

    def _english_modal(self, modal: Modal, inverted: bool) -> tuple[str, str]:
        past, base = self.tense is Tense.PAST, self.verb.english.base
        if modal.auxiliary:
            head, _, tail = (modal.past_auxiliary if past else modal.auxiliary).partition(" ")
            return f"{self._not(head)} {tail}".strip(), base
        if modal.adjective:
            return self._not(self._be(past)), f"{modal.adjective} to {base}"
        assert modal.verb
        if inverted or self.negated:
            return self._not("did" if past else "does" if self._third() else "do"), f"{modal.verb.base} to {base}"
        form = modal.verb.past if past else modal.verb.third_person() if self._third() else modal.verb.base
        return "", f"{form} to {base}"

    def _third(self) -> bool:
        """Whether the English verb takes -s."""
        return self.subject.person is Person.ER

    def _be(self, past: bool) -> str:
        if self.subject is I:
            return "was" if past else "am"
        if self._third():
            return "was" if past else "is"
        return "were" if past else "are"

    def _not(self, auxiliary: str) -> str:
        if not self.negated:
            return auxiliary
        return CONTRACTED.get(auxiliary, f"{auxiliary} not")

    # German ----------------------------------------------------------------------------------------------

    def german(self, front_time: bool = False) -> str:
        """Verb second; with the time in first position, the subject is third."""
        finite, final = self._german_verbs()
        subject = self.subject.german[Case.NOMINATIVE]
        first = [self.time.german, finite, subject] if front_time and self.time else [subject, finite]
        return " ".join([*first, *self._middle(not front_time), *final])

    def german_question(self) -> str:
        """Verb first; also used after a wh-word or a clause in first position."""
        finite, final = self._german_verbs()
        return " ".join([finite, self.subject.german[Case.NOMINATIVE], *self._middle(True), *final])

    def german_subordinate(self, subject: bool = True) -> str:
        """Verb last, without the introducing word; `subject=False` if that word is the subject."""
        finite, final = self._german_verbs()
        simple = self.modal is None and self.tense in (Tense.PRESENT, Tense.PROGRESSIVE)
        end = [self.verb.german.prefix + finite] if simple else [*final, finite]
        start = [self.subject.german[Case.NOMINATIVE]] if subject else []
        return " ".join([*start, *self._middle(True), *end])

    def german_infinitive(self, zu: bool) -> str:
        """Infinitive without subject: das Fenster zu öffnen, das Fenster öffnen."""
        verb = self.verb.german
        return " ".join([*self._middle(True), verb.zu_infinitive if zu else verb.full_infinitive])

    def german_imperative(self, formal: bool, please: bool) -> str:
        """Öffnen Sie bitte das Fenster; mach bitte die Tür auf."""
        verb = self.verb.german
        head = f"{verb.infinitive} Sie" if formal else verb.imperative
        words = [head, *self._pronouns(), "bitte" if please else "", *self._after_pronouns(True), verb.prefix]
        return " ".join(filter(None, words))

    def _takes_gerade(self) -> bool:
        """Er liest gerade; but Er kommt morgen and Er kommt."""
        moves = self.verb.german.auxiliary == "sein"
        return self.tense is Tense.PROGRESSIVE and self.stresses_now and self.time is None and not moves

    def _german_verbs(self) -> tuple[str, list[str]]:
        """The finite verb, and the verbs or prefix at the end of the clause."""
        verb, person = self.verb.german, self.subject.person
        if self.modal:
            german = self.modal.german
            past = self.tense is Tense.PAST
            return (german.preterite(person) if past else german.present(person)), [verb.full_infinitive]
        match self.tense:
            case Tense.PRESENT | Tense.PROGRESSIVE:
                return verb.present(person), [verb.prefix] if verb.prefix else []
            case Tense.FUTURE:
                return WERDEN.present(person), [verb.full_infinitive]
            case Tense.PAST if verb.full_infinitive in ("sein", "haben", "mögen", "wollen"):
                return verb.preterite(person), []
            case Tense.PAST | Tense.PERFECT:
                return (SEIN if verb.auxiliary == "sein" else HABEN).present(person), [verb.participle]

    def _middle(self, with_time: bool) -> list[str]:
        """Pronouns, time, dative, accusative, nicht, place."""
        return [*self._pronouns(), *self._after_pronouns(with_time)]

    def _objects(self) -> list[tuple[NounPhrase, Case]]:
        if self.drop_object:
            return []
        objects = ((self.dative, Case.DATIVE), (self.accusative, Case.ACCUSATIVE))
        return [(phrase, case) for phrase, case in objects if phrase]

    def _pronouns(self) -> list[str]:
        """Accusative before dative: Gib es mir."""
        return [phrase.german[case] for phrase, case in reversed(self._objects()) if phrase.pronoun]

    def _after_pronouns(self, with_time: bool) -> list[str]:
        full = [phrase.german[case] for phrase, case in self._objects() if not phrase.pronoun]
        carried = any(phrase.negative for phrase, _ in self._objects())
        words = [
            self.time.german if with_time and self.time else "",
            self.frequency.german if self.frequency and self.tense is not Tense.PERFECT else "",
            "gerade" if self._takes_gerade() else "",
            "gern" if self.gladly else "",
            *full,
            # schon and noch nicht follow given information: Er hat das Brot schon gekauft.
            self.frequency.german if self.frequency and self.tense is Tense.PERFECT else "",
            "noch" if self._not_yet() else "",
            "nicht" if self.negated and not carried else "",
            self.place.german if self.place else "",
        ]
        return [word for word in words if word]
