"""Phrasebook expressions, alone or with introductory words."""

from __future__ import annotations

from data_prep.phrasebook.contractions import as_spoken
from data_prep.phrasebook.draw import Draw, Rejected
from data_prep.phrasebook.families import short
from data_prep.phrasebook.families.statements import Pair
from data_prep.phrasebook.phrases import ABOUT_WORDS, FIXED, OPEN
from data_prep.phrasebook.slots import filled

BEFORE_QUESTIONS = (
    ("excuse me, ", "Entschuldigung, "), ("hello, ", "hallo, "), ("sorry, ", "Verzeihung, "), ("and ", "und "),
    ("{title}, ", "{title}, "), ("{title}, ", "{title}, "),
)  # fmt: skip
BEFORE_STATEMENTS = (
    ("yes, ", "ja, "), ("no, ", "nein, "), ("sorry, ", "Verzeihung, "), ("{title}, ", "{title}, "),
    ("{title}, ", "{title}, "),
)  # fmt: skip
BEFORE_CALLS = (("{title}, ", "{title}, "), ("excuse me, ", "Entschuldigung, "))


def expression(draw: Draw) -> Pair:
    """Good evening, Ms Berger! I would like a coffee, please."""
    english, german = filled(draw.one(ABOUT_WORDS if draw.chance(0.6) else OPEN), draw)
    return as_spoken(english, draw.random), german


def introduced(draw: Draw) -> Pair:
    """Excuse me, what time is it? Yes, I am hungry. Mr Weber, can you help me?"""
    template = draw.one(FIXED if draw.chance(0.7) else OPEN)
    if "love" in template[0] or "{name}" in template[0] or "{title}" in template[0] or template[0][-1] not in ".?!":
        raise Rejected
    english, german = filled(template, draw)
    return _behind(as_spoken(english, draw.random), german, draw)


def answered(draw: Draw) -> Pair:
    """Yes, the man sees the dog. No, I am not hungry. And where is your brother?"""
    family = draw.one((short.saying, short.state, short.with_modal, short.quality, short.where_from, short.asking))
    english, german = family(draw)
    if not english.endswith("?"):
        english, german = english + ".", german + "."
    return _behind(english, german, draw)


def _behind(english: str, german: str, draw: Draw) -> Pair:
    kinds = {"?": BEFORE_QUESTIONS, ".": BEFORE_STATEMENTS, "!": BEFORE_CALLS}[english[-1]]
    before, vorher = filled(draw.one(kinds), draw)
    if english.startswith(("yes", "no", "hello", "excuse", "at ", "from ")):
        raise Rejected
    return before + english, vorher + german


FAMILIES = ((expression, 56), (introduced, 40), (answered, 8))
