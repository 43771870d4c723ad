"""Adjectives, and fixed expressions of time and frequency."""

from __future__ import annotations

from functools import cache

from data_prep.phrasebook.lexeme import Adjective, Adverbial, entries, read_adjectives

ADJECTIVES = read_adjectives("""
old, older, oldest | alt älter ältest | building own person animal vehicle furniture instrument device read
new, newer, newest | neu neuer neuest | new building
young, younger, youngest | jung jünger jüngst | general job pet
big, bigger, biggest | groß größer größt | building furniture pet stand vase place plant body
small, smaller, smallest | klein kleiner kleinst | building furniture pet stand gift plant body
expensive | teuer | buy own gift
cheap, cheaper, cheapest | billig | buy wear
beautiful | schön schöner schönst | good building plant body
ugly, uglier, ugliest | hässlich hässlicher hässlichst | furniture wear building
red | rot röter rötest | colour bloom
blue | blau blauer blauest | colour
green | grün grüner grünst | colour
black | schwarz schwärzer schwärzest | colour pet wear
white | weiß weißer weißest | colour bloom wear
yellow | gelb gelber gelbst | colour bloom
brown | braun brauner braunst | colour pet
grey | grau grauer grauest | colour pet
heavy, heavier, heaviest | schwer schwerer schwerst | heavy
interesting | interessant interessanter interessantest | read watch
boring | langweilig | read watch start
exciting | spannend spannender spannendst | watch travel
long, longer, longest | lang länger längst | write wear start travel
short, shorter, shortest | kurz kürzer kürzest | write start travel
important | wichtig | post work sign
fresh, fresher, freshest | frisch frischer frischest | fresh
ripe, riper, ripest | reif reifer reifst | ripe
hot, hotter, hottest | heiß heißer heißest | hot
cold, colder, coldest | kalt kälter kältest | cold body
sweet, sweeter, sweetest | süß süßer süßest | sweet fruit
tall, taller, tallest | groß größer größt | -
friendly, friendlier, friendliest | freundlich | job kin general
polite | höflich | job kin general
hard-working | fleißig | kin job general
famous | berühmt berühmter berühmtest | visit job
tired | müde müder müdest | kin general
happy, happier, happiest | glücklich | kin
nervous | nervös nervöser nervösest | kin general
bad, worse, worst | schlecht schlechter schlechtest | forecast watch
modern | modern moderner modernst | building furniture device dwelling
comfortable | bequem bequemer bequemst | furniture vehicle
elegant | elegant eleganter elegantest | wear
warm, warmer, warmest | warm wärmer wärmst | wear
broken | kaputt kaputter kaputtest | repair
quiet, quieter, quietest | ruhig | dwelling place
dangerous | gefährlich | vehicle animal
clean, cleaner, cleanest | sauber sauberer sauberst | dish wear room
dirty, dirtier, dirtiest | schmutzig | dish wear wash body
empty, emptier, emptiest | leer leerer leerst | box room
good, better, best | gut besser best | good eat watch read
nice, nicer, nicest | nett netter nettest | kin general job
strong, stronger, strongest | stark stärker stärkst | kin general
rich, richer, richest | reich reicher reichst | kin general
poor, poorer, poorest | arm ärmer ärmst | kin general
clever, cleverer, cleverest | klug klüger klügst | kin general job
unexpected | unerwartet unerwarteter unerwartetst | trouble
""")

PREDICATIVE_ONLY = frozenset({"broken", "happy", "tired", "nervous", "dirty", "empty"})
"""Adjectives for a state: natural in a predicate, odd as attributes of an object of buying or selling."""

EXCESSIVE = frozenset(
    "big small expensive long short heavy old hot cold boring dangerous warm dirty quiet sweet difficult".split()
)
"""Adjectives that combine with `too`."""

COLOURS = frozenset({"red", "blue", "green", "black", "white", "yellow", "brown", "grey"})


def adverbials(text: str) -> tuple[Adverbial, ...]:
    """Lines `english | german`."""
    return tuple(Adverbial(english, german) for english, german in entries(text))


PAST_TIMES = adverbials("""
yesterday | gestern
the day before yesterday | vorgestern
last week | letzte Woche
last month | letzten Monat
last year | letztes Jahr
last Monday | letzten Montag
last Friday | letzten Freitag
last summer | letzten Sommer
last winter | letzten Winter
two days ago | vor zwei Tagen
three weeks ago | vor drei Wochen
a week ago | vor einer Woche
an hour ago | vor einer Stunde
a month ago | vor einem Monat
this morning | heute Morgen
yesterday morning | gestern Morgen
yesterday evening | gestern Abend
on Monday | am Montag
on Tuesday | am Dienstag
on Wednesday | am Mittwoch
on Thursday | am Donnerstag
on Friday | am Freitag
on Saturday | am Samstag
on Sunday | am Sonntag
""")

FUTURE_TIMES = adverbials("""
tomorrow | morgen
the day after tomorrow | übermorgen
tomorrow morning | morgen früh
tomorrow evening | morgen Abend
this evening | heute Abend
next week | nächste Woche
next month | nächsten Monat
next year | nächstes Jahr
next Monday | nächsten Montag
next Friday | nächsten Freitag
next summer | nächsten Sommer
in two weeks | in zwei Wochen
in three days | in drei Tagen
in an hour | in einer Stunde
in a week | in einer Woche
on Monday | am Montag
on Tuesday | am Dienstag
on Thursday | am Donnerstag
on Saturday | am Samstag
on Sunday | am Sonntag
""")

TODAY = adverbials("""
today | heute
now | jetzt
this week | diese Woche
this afternoon | heute Nachmittag
tonight | heute Nacht
at the moment | im Moment
""")

SOON = adverbials("""
soon | bald
later | später
today | heute
tonight | heute Nacht
this weekend | dieses Wochenende
in a minute | gleich
tomorrow afternoon | morgen Nachmittag
""")

HABIT_TIMES = adverbials("""
every day | jeden Tag
every morning | jeden Morgen
every evening | jeden Abend
every week | jede Woche
every Monday | jeden Montag
every Wednesday | jeden Mittwoch
every Saturday | jeden Samstag
every Sunday | jeden Sonntag
every summer | jeden Sommer
at the weekend | am Wochenende
in the morning | am Morgen
in the evening | am Abend
in the afternoon | am Nachmittag
in summer | im Sommer
in winter | im Winter
""")

FREQUENCIES = adverbials("""
often | oft
always | immer
sometimes | manchmal
rarely | selten
usually | meistens
never | nie
""")

ALREADY, YET, CURRENTLY = adverbials("already | schon\nyet | noch\nnow | gerade")

MONTHS = adverbials("""
January | Januar
February | Februar
March | März
April | April
May | Mai
June | Juni
July | Juli
August | August
September | September
October | Oktober
November | November
December | Dezember
""")

WEEKDAYS = adverbials("""
Monday | Montag
Tuesday | Dienstag
Wednesday | Mittwoch
Thursday | Donnerstag
Friday | Freitag
Saturday | Samstag
Sunday | Sonntag
""")


@cache
def suited(tags: frozenset[str], states: bool = False) -> tuple[Adjective, ...]:
    """The adjectives for a noun with these tags; those for a state only if `states`."""
    return tuple(a for a in ADJECTIVES if a.suits & tags and (states or a.english not in PREDICATIVE_ONLY))
