"""Example sentences to try with a freshly trained phrasebook model."""

from __future__ import annotations

from data_prep.phrasebook.lexeme import entries

_TOPICS = """
greetings | Good evening, Ms Berger! | Guten Abend, Frau Berger!
people | My sister is twenty-two years old. | Meine Schwester ist zweiundzwanzig Jahre alt.
needs | Can you help me, please? | Können Sie mir bitte helfen?
directions | Where is the station? | Wo ist der Bahnhof?
restaurant | I would like a coffee, please. | Ich hätte gern einen Kaffee, bitte.
shopping | How much is the red jacket? | Was kostet die rote Jacke?
time | When does the concert start? | Wann beginnt das Konzert?
weather | It is very cold today. | Es ist heute sehr kalt.
health | My head hurts. | Mein Kopf tut weh.
travel | A ticket to Berlin, please! | Eine Fahrkarte nach Berlin, bitte!
any of its words | The old man doesn't see the dog. | Der alte Mann sieht den Hund nicht.
longer sentences | If it rains tomorrow, we will stay at home. | Wenn es morgen regnet, werden wir zu Hause bleiben.
"""


def topics(language: str) -> dict[str, str]:
    """An example sentence for each topic, in English (`en`) or German (`de`)."""
    return {topic: english if language == "en" else german for topic, english, german in entries(_TOPICS)}
