"""Verb forms of both languages, derived from their principal parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Person(IntEnum):
    """Rows of a German conjugation table; the formal Sie uses the last."""

    ICH = 0
    DU = 1
    ER = 2
    WIR = 3
    IHR = 4
    SIE = 5


IRREGULAR_PRESENT = {
    "sein": "bin bist ist sind seid sind",
    "haben": "habe hast hat haben habt haben",
    "werden": "werde wirst wird werden werdet werden",
    "wissen": "weiß weißt weiß wissen wisst wissen",
    "können": "kann kannst kann können könnt können",
    "müssen": "muss musst muss müssen müsst müssen",
    "wollen": "will willst will wollen wollt wollen",
    "dürfen": "darf darfst darf dürfen dürft dürfen",
    "mögen": "mag magst mag mögen mögt mögen",
    "möchten": "möchte möchtest möchte möchten möchtet möchten",
    "sollen": "sollte solltest sollte sollten solltet sollten",
    "tun": "tue tust tut tun tut tun",
}
"""The rows of `möchten` and `sollen` are subjunctive: they translate `would like` and `should`."""

PRETERITE_STEMS = {
    "sein": "war", "haben": "hatte", "können": "konnte", "müssen": "musste", "wollen": "wollte", "dürfen": "durfte",
    "werden": "wurde", "mögen": "mochte",
}  # fmt: skip


@dataclass(frozen=True)
class GermanVerb:
    """A German verb; a separable prefix is stored separately."""

    infinitive: str
    """Without the prefix: `rufen` of anrufen."""
    prefix: str = ""
    changed_stem: str = ""
    """Stem of the second and third person singular of a strong verb, if different: `lies` of lesen."""
    participle: str = ""
    """Past participle, prefix included."""
    auxiliary: str = "haben"

    @property
    def full_infinitive(self) -> str:
        return self.prefix + self.infinitive

    @property
    def zu_infinitive(self) -> str:
        """anzurufen, zu lesen."""
        return f"{self.prefix}zu{self.infinitive}" if self.prefix else f"zu {self.infinitive}"

    @property
    def stem(self) -> str:
        return self.infinitive.removesuffix("n").removesuffix("e")

    def present(self, person: Person) -> str:
        """The finite form, without the prefix."""
        if self.infinitive in IRREGULAR_PRESENT:
            return IRREGULAR_PRESENT[self.infinitive].split()[person]
        if person in (Person.WIR, Person.SIE):
            return self.infinitive
        if person is Person.ICH:
            # feiern -> ich feiere, but sammeln -> ich sammle
            return self.stem[:-2] + "le" if self.infinitive.endswith("eln") else self.stem + "e"
        if self.changed_stem and person in (Person.DU, Person.ER):
            return self._changed(person)
        link = "e" if needs_link(self.stem) else ""
        if person is Person.DU:
            return self.stem + link + ("t" if self.stem.endswith(("s", "ß", "z", "x")) else "st")
        return self.stem + link + "t"

    def _changed(self, person: Person) -> str:
        if person is Person.DU:
            return self.changed_stem + ("t" if self.changed_stem.endswith(("s", "ß", "z")) else "st")
        return self.changed_stem + ("" if self.changed_stem.endswith("t") else "t")

    def preterite(self, person: Person) -> str:
        """Only for verbs that use it in speech: sein, haben, werden, mögen and the modals."""
        stem = PRETERITE_STEMS[self.infinitive]
        endings = ("", "st", "", "en", "t", "en") if stem == "war" else ("", "st", "", "n", "t", "n")
        return stem + endings[person]

    @property
    def imperative(self) -> str:
        """Informal singular, without the prefix: lies, kauf, öffne. It keeps only a stem change to i or ie."""
        if self.changed_stem and "ä" not in self.changed_stem and "i" in self.changed_stem:
            return self.changed_stem
        return self.stem + ("e" if needs_link(self.stem) else "")


def needs_link(stem: str) -> bool:
    """Whether the endings -t and -st need a linking e: arbeitet, öffnet."""
    if stem.endswith(("t", "d")):
        return True
    return stem[-1] in "nm" and stem[-2] not in "aeiouäöühlrnm"


@dataclass(frozen=True)
class EnglishVerb:
    """An English verb; in a phrasal verb only the first word is inflected."""

    base: str
    past: str
    participle: str
    gerund: str = ""
    """Only if the spelling rule of `progressive` would be wrong (a doubled consonant)."""

    def third_person(self) -> str:
        head, space, rest = self.base.partition(" ")
        if head in {"have", "be"}:
            return {"have": "has", "be": "is"}[head] + space + rest
        if head.endswith(("s", "x", "z", "ch", "sh", "o")):
            return f"{head}es{space}{rest}"
        if head.endswith("y") and head[-2] not in "aeiou":
            return f"{head[:-1]}ies{space}{rest}"
        return f"{head}s{space}{rest}"

    def progressive(self) -> str:
        if self.gerund:
            return self.gerund
        head, space, rest = self.base.partition(" ")
        if head.endswith("e") and not head.endswith("ee") and head != "be":
            head = head[:-1]
        return f"{head}ing{space}{rest}"
