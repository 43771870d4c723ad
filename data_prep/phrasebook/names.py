"""Names of people, towns and streets, some of them held out from training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

from data_prep.phrasebook.nouns import NOUNS, PROFESSIONS

WOMEN = """Anna Maria Julia Laura Lena Sarah Lisa Katharina Sophie Emma Hannah Clara Johanna Charlotte Marie Nina Eva
Sabine Petra Monika Ursula Renate Claudia Susanne Andrea Birgit Karin Heike Stefanie Nicole Sandra Melanie Anja Tanja
Silke Ines Jana Kerstin Martina Angelika Barbara Christina Daniela Elena Franziska Greta Helga Ida Judith Kathrin
Linda Magdalena Nadine Olivia Paula Regina Simone Theresa Vera Wiebke Yvonne Antonia Beate Carla Dora Elisabeth
Frieda Gisela Henriette Irene Josefine Kira Leonie Mira Nora Pauline Rosa Selma Tilda Ulrike Viola Alma Bettina
Cornelia Dorothea Edith Flora Gerda Hilde Isabel Jasmin Lotte Marlene Natalie Ottilie Ronja Svenja Thea""".split()

MEN = """Peter Thomas Michael Andreas Stefan Markus Christian Martin Daniel Paul Felix Jonas Lukas Max Leon Moritz
Jakob David Simon Tobias Florian Sebastian Alexander Philipp Matthias Klaus Jürgen Wolfgang Werner Helmut Dieter
Manfred Gerhard Heinz Günter Horst Karl Otto Fritz Hans Frank Jörg Uwe Ralf Bernd Rainer Holger Sven Lars Jan Dirk
Torsten Oliver Robert Georg Johannes Anton Benjamin Carsten Dominik Emil Fabian Gregor Henrik Ingo Julian Kilian
Lorenz Marco Niklas Oskar Patrick Quentin Richard Samuel Theo Ulrich Viktor Wilhelm Xaver Adrian Bruno Clemens Detlef
Erik Friedrich Gustav Hannes Ivo Joachim Konrad Leopold Marius Norbert Olaf Pascal Rupert Sigmund Till Urban""".split()

SURNAMES = """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf
Schröder Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Werner Krause Lehmann Köhler Maier Huber Mayer
Hermann König Walter Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Vogel Friedrich Keller Günther Frank
Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Schumacher Krämer Vogt
Stein Jäger Sommer Groß Seidel Brandt Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch
Bergmann Sauer Arnold Wolff Pfeiffer""".split()

SURNAME_PARTS = (
    "Acker Birken Buch Eichel Fels Garten Haber Holz Kirch Kessel Linden Mühl Nagel Ober Reben Sand Stein Tannen "
    "Wald Weiden Wiesen Ziegel".split(),
    "bauer berger hofer mann meier müller huber maier bach hauser rieder".split(),
)

CITIES = """Berlin Hamburg Frankfurt Stuttgart Düsseldorf Leipzig Dortmund Essen Bremen Dresden Duisburg Bochum
Bonn Münster Karlsruhe Mannheim Augsburg Wiesbaden Kiel Lübeck Erfurt Rostock Mainz Kassel Potsdam Freiburg
Heidelberg Regensburg Würzburg Ulm Trier Jena Weimar Passau Bamberg Konstanz Salzburg Innsbruck Graz Linz Basel Bern
London Paris Madrid Barcelona Lissabon Oslo Stockholm Amsterdam Budapest""".replace("Lissabon", "Dublin").split()

EXONYMS = {
    "Munich": "München", "Cologne": "Köln", "Vienna": "Wien", "Zurich": "Zürich", "Nuremberg": "Nürnberg",
    "Geneva": "Genf", "Rome": "Rom", "Venice": "Venedig", "Prague": "Prag", "Warsaw": "Warschau", "Milan": "Mailand",
    "Brussels": "Brüssel", "Copenhagen": "Kopenhagen", "Lisbon": "Lissabon", "Hanover": "Hannover",
}  # fmt: skip

COUNTRIES: tuple[tuple[str, str, str], ...] = (
    ("Germany", "nach Deutschland", "aus Deutschland"), ("Austria", "nach Österreich", "aus Österreich"),
    ("France", "nach Frankreich", "aus Frankreich"), ("Italy", "nach Italien", "aus Italien"),
    ("Spain", "nach Spanien", "aus Spanien"), ("Poland", "nach Polen", "aus Polen"),
    ("Greece", "nach Griechenland", "aus Griechenland"), ("Sweden", "nach Schweden", "aus Schweden"),
    ("Norway", "nach Norwegen", "aus Norwegen"), ("Denmark", "nach Dänemark", "aus Dänemark"),
    ("Switzerland", "in die Schweiz", "aus der Schweiz"), ("Turkey", "in die Türkei", "aus der Türkei"),
    ("the Netherlands", "in die Niederlande", "aus den Niederlanden"), ("Japan", "nach Japan", "aus Japan"),
    ("Canada", "nach Kanada", "aus Kanada"), ("the USA", "in die USA", "aus den USA"),
)  # fmt: skip
"""English name, then `to` and `from` in German, where some countries have an article."""

TOWN_PARTS = (
    "Alten Neuen Ober Unter Nieder Stein Linden Eichen Wald Rosen Mühl Kirch Königs Markt Sonnen Birken Buchen Hirsch "
    "Adels Falken Grün Hohen Lauter Schön Winter".split(),
    "bach berg burg dorf feld hausen heim stein tal brunn kirchen au".split(),
)

STREET_PARTS = (
    "Linden Rosen Garten Schul Kirch Mühlen Wald Berg Birken Garten Blumen Park Brunnen Tal Ufer Wiesen Eichen Tulpen "
    "Kastanien Ring Post Markt Schloss Burg Feld Hafen Sonnen Stein Ahorn Buchen".split(),
    "straße weg gasse allee".split(),
)


@dataclass(frozen=True)
class Names:
    """The names that one part of the corpus may use."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    """English and German names."""
    streets: tuple[str, ...]

    def all(self) -> frozenset[str]:
        """All names, as written in either language."""
        cities = [word for pair in self.cities for word in pair]
        return frozenset([*self.women, *self.men, *self.surnames, *cities, *self.streets])


def _compounds(parts: tuple[list[str], list[str]], taken: frozenset[str] = frozenset()) -> list[str]:
    names = [first + second for first, second in product(*parts) if not first.lower().endswith(second)]
    return [name for name in dict.fromkeys(names) if name not in taken]


ALWAYS_KNOWN = frozenset(
    "Berlin Hamburg Essen Dresden Paris London Salzburg Müller Schmidt Lang Klein Wolf Emma Lena Lisa Daniel".split()
)
"""Always in training: names that a new user will try first, and names that are also ordinary words."""


def _split(names: list[str], share: float, shuffle: Random) -> tuple[list[str], list[str]]:
    """Shuffles the names and splits them in two; the second part has about `share` of them."""
    shuffled = list(dict.fromkeys(names))
    shuffle.shuffle(shuffled)
    cut = round(len(shuffled) * (1 - share))
    pinned = [name for name in shuffled[cut:] if name in ALWAYS_KNOWN]
    return shuffled[:cut] + pinned, [name for name in shuffled[cut:] if name not in ALWAYS_KNOWN]


def _vocabulary() -> frozenset[str]:
    """German words that are also surnames: Koch, Bauer, Winter."""
    trades = [word for _, *german in PROFESSIONS for word in german]
    return frozenset([*(noun.german.singular for noun in NOUNS), *trades, "Winter", "Sommer"])


def split_names() -> tuple[Names, Names]:
    """The names for training and validation, and those for the test split only.

    The split is fixed and does not depend on the corpus seed, so test sets of different seeds hold out the
    same names. Names with a different English form stay in training: they are vocabulary, not copies.
    """
    shuffle = Random(7)
    women, new_women = _split(WOMEN, 0.15, shuffle)
    men, new_men = _split(MEN, 0.15, shuffle)
    surnames, new_surnames = _split(SURNAMES + _compounds(SURNAME_PARTS, frozenset(SURNAMES)), 0.2, shuffle)
    cities, new_cities = _split(CITIES + _compounds(TOWN_PARTS), 0.2, shuffle)
    streets, new_streets = _split(_compounds(STREET_PARTS), 0.25, shuffle)
    # A surname may also be a first name, and a town name a surname; names seen in training in any role are excluded.
    seen = frozenset(women + men + surnames + cities + streets) | _vocabulary()

    def unseen(names: list[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in seen)

    pairs = [*EXONYMS.items(), *((city, city) for city in cities)]
    return (
        Names(tuple(women), tuple(men), tuple(surnames), tuple(pairs), tuple(streets)),
        Names(
            unseen(new_women), unseen(new_men), unseen(new_surnames),
            tuple((city, city) for city in unseen(new_cities)), unseen(new_streets),
        ),
    )  # fmt: skip
