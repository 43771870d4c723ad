"""Numbers, clock times and dates in words and figures."""

from __future__ import annotations

from random import Random

from data_prep.phrasebook.modifiers import MONTHS, WEEKDAYS

ENGLISH = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
GERMAN = """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
siebzehn achtzehn neunzehn""".split()
GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
ENGLISH_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth""".split()
GERMAN_ORDINALS = "erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte elfte zwölfte".split()


def english_number(number: int) -> str:
    """0 to 999 in words: two hundred and forty-two."""
    if number >= 100:
        rest = f" and {english_number(number % 100)}" if number % 100 else ""
        return f"{ENGLISH[number // 100]} hundred{rest}"
    if number < 20:
        return ENGLISH[number]
    tens = ENGLISH_TENS[number // 10 - 2]
    return f"{tens}-{ENGLISH[number % 10]}" if number % 10 else tens


def german_number(number: int) -> str:
    """0 to 999 in words: zweihundertzweiundvierzig."""
    if number >= 100:
        head = "ein" if number < 200 else GERMAN[number // 100]
        return f"{head}hundert{german_number(number % 100) if number % 100 else ''}"
    if number < 20:
        return GERMAN[number]
    tens = GERMAN_TENS[number // 10 - 2]
    unit = "ein" if number % 10 == 1 else GERMAN[number % 10]
    return f"{unit}und{tens}" if number % 10 else tens


def count(random: Random, lowest: int = 2, highest: int = 99) -> tuple[str, str]:
    """A number in words; small ones are more frequent."""
    top = highest if random.random() < 0.5 else min(highest, 12)
    number = random.randint(lowest, top)
    return english_number(number), german_number(number)


def clock(random: Random) -> tuple[str, str]:
    """A time of day, as after `at` and `um`: half past nine, halb zehn; 14:35, 14:35 Uhr."""
    if random.random() < 0.45:
        figures = f"{random.randint(6, 23)}:{random.randrange(0, 60, 5):02d}"
        return figures, f"{figures} Uhr"
    hour = random.randint(1, 12)
    following = hour % 12 + 1
    return random.choice(
        (
            (f"{ENGLISH[hour]} o'clock", f"{'ein' if hour == 1 else GERMAN[hour]} Uhr"),
            (f"half past {ENGLISH[hour]}", f"halb {GERMAN[following]}"),
            (f"a quarter past {ENGLISH[hour]}", f"Viertel nach {GERMAN[hour]}"),
            (f"a quarter to {ENGLISH[hour]}", f"Viertel vor {GERMAN[hour]}"),
            (f"ten past {ENGLISH[hour]}", f"zehn nach {GERMAN[hour]}"),
            (f"twenty to {ENGLISH[hour]}", f"zwanzig vor {GERMAN[hour]}"),
        )
    )


def date(random: Random) -> tuple[str, str]:
    """A date with its preposition: on 3 May, am 3. Mai; on the third of May, am dritten Mai."""
    month = random.randrange(12)
    english, german = MONTHS[month].english, MONTHS[month].german
    kind = random.random()
    if kind < 0.3:
        day = random.randrange(12)
        return f"on the {ENGLISH_ORDINALS[day]} of {english}", f"am {GERMAN_ORDINALS[day]}n {german}"
    number = random.randint(1, 30 if month != 1 else 28)
    if kind < 0.65:
        return f"on {number} {english}", f"am {number}. {german}"
    weekday = random.choice(WEEKDAYS)
    return f"on {weekday.english}, {number} {english}", f"am {weekday.german}, dem {number}. {german}"


def birth_date(random: Random) -> tuple[str, str]:
    """A date with a year and its preposition: on 3 May 1985, am 3. Mai 1985."""
    month, year = random.choice(MONTHS), random.randint(1935, 2012)
    day = random.randint(1, 28)
    return f"on {day} {month.english} {year}", f"am {day}. {month.german} {year}"


def price(random: Random, low: int, high: int) -> tuple[str, str]:
    """An amount in euros: 12.50 euros, 12,50 Euro; whole amounts also in words."""
    kind = random.random()
    euros = random.randint(low, high)
    if kind < 0.4:
        cents = random.choice((10, 20, 25, 40, 50, 60, 75, 80, 90, 95, 99))
        return f"{euros}.{cents} euros", f"{euros},{cents} Euro"
    if kind < 0.7 and 2 <= euros <= 999:
        return f"{english_number(euros)} euros", f"{german_number(euros)} Euro"
    return (f"{euros} euros", f"{euros} Euro") if euros > 1 else ("one euro", "einen Euro")
