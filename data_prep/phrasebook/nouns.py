"""The nouns. Tags determine which verbs and adjectives a noun can be combined with."""

from __future__ import annotations

from functools import cache

from data_prep.phrasebook.lexeme import Noun, read_nouns

THINGS = read_nouns("""
book | das Buch | Bücher | read small lie colour new own lend good
newspaper | die Zeitung | Zeitungen | read small lie new
magazine | die Zeitschrift | Zeitschriften | read small lie new own lend
novel | der Roman | Romane | read lie new own lend good
letter | der Brief | Briefe | read write small lie post
postcard | die Postkarte | Postkarten | read write small lie post good
email/emails | die E-Mail | E-Mails | read write post
report | der Bericht | Berichte | read write lie post work
menu | die Speisekarte=Speisekarte | Speisekarten | read lie
key | der Schlüssel | Schlüssel | small lie lose own
wallet | die Brieftasche | Brieftaschen | small lie lose own new colour
purse | der Geldbeutel | Geldbeutel | small lie lose own new colour
umbrella | der Regenschirm | Regenschirme | small lose own new colour lend buy
bag | die Tasche | Taschen | small stand lose own new colour heavy buy good
suitcase | der Koffer | Koffer | stand lose own new colour heavy pack buy
backpack | der Rucksack | Rucksäcke | stand lose own new colour heavy pack buy
box/boxes | die Kiste | Kisten | stand heavy colour pack
parcel | das Paket | Pakete | lie heavy post pack
present | das Geschenk | Geschenke | lie pack gift buy good
watch/watches | die Uhr | Uhren | small lie lose own new gift repair buy good
ring | der Ring=Ringes | Ringe | small lie lose own gift buy good
camera | die Kamera | Kameras | small lie lose own new device repair lend gift buy good
phone | das Telefon | Telefone | device own new repair buy
computer | der Computer | Computer | device own new repair lend switch buy
lamp | die Lampe | Lampen | stand own new device repair switch colour furniture buy good
radio/radios | das Radio=Radios | Radios | stand own new device repair switch buy
television | der Fernseher | Fernseher | stand own new device repair switch buy
heating | die Heizung | | switch
washing machine | die Waschmaschine | Waschmaschinen | own new device repair switch buy
fridge | der Kühlschrank | Kühlschränke | stand own new device repair furniture buy
bicycle | das Fahrrad | Fahrräder | stand own new vehicle repair lend colour gift buy good wash
car | das Auto=Autos | Autos | stand own new vehicle repair lend colour buy good wash
motorcycle | das Motorrad | Motorräder | stand own new vehicle repair lend colour buy wash
table | der Tisch | Tische | stand own new furniture colour heavy buy good surface
chair | der Stuhl | Stühle | stand own new furniture colour buy good repair
cupboard | der Schrank | Schränke | stand own new furniture colour heavy buy good
bed | das Bett | Betten | stand own new furniture heavy buy good
armchair | der Sessel | Sessel | stand own new furniture colour heavy buy good
shelf/shelves | das Regal | Regale | stand own new furniture heavy buy surface
mirror | der Spiegel | Spiegel | hang own new furniture buy good
carpet | der Teppich | Teppiche | lie own new furniture colour buy good
picture | das Bild | Bilder | hang own new gift buy good paint
map | die Landkarte | Landkarten | lie read small own new buy
shirt | das Hemd | Hemden | wear own new colour wash buy good
dress/dresses | das Kleid | Kleider | ladies wear own new colour wash buy good
skirt | der Rock | Röcke | ladies wear own new colour wash buy good
coat | der Mantel | Mäntel | wear hang own new colour wash buy good
jacket | die Jacke | Jacken | wear hang own new colour wash buy good lend
hat | der Hut | Hüte | headgear wear hang own new colour buy good small lose
pullover | der Pullover | Pullover | wear own new colour wash buy good lend
scarf/scarves | der Schal=Schals | Schals | headgear wear own new colour wash buy good small gift lose
suit | der Anzug | Anzüge | wear own new colour buy good lend
blouse | die Bluse | Blusen | ladies wear own new colour wash buy good
guitar | die Gitarre | Gitarren | own new instrument repair lend gift buy good
piano/pianos | das Klavier | Klaviere | own new instrument repair buy good heavy stand
violin | die Geige | Geigen | own new instrument repair lend gift buy good
window | das Fenster | Fenster | open clean
door | die Tür | Türen | open colour
gate | das Tor | Tore | open
ticket | die Fahrkarte | Fahrkarten | small lie lose book buy show
passport | der Pass=Passes | Pässe | small lie lose own show
driving licence | der Führerschein | Führerscheine | small lie lose own show
form | das Formular | Formulare | fill sign lie
contract | der Vertrag | Verträge | sign read lie work
bill | die Rechnung | Rechnungen | pay sign lie
application | der Antrag | Anträge | fill sign work
film/films | der Film=Films | Filme | watch good new
match/matches | das Spiel | Spiele | watch good
exhibition | die Ausstellung | Ausstellungen | visit good
cup | die Tasse | Tassen | stand dish colour buy wash
glass/glasses | das Glas | Gläser | stand dish buy wash
plate | der Teller | Teller | stand dish colour buy wash
bottle | die Flasche | Flaschen | stand
pot | der Topf | Töpfe | stand dish new buy wash
knife/knives | das Messer | Messer | lie dish small new buy wash
spoon | der Löffel | Löffel | lie dish small buy wash
fork | die Gabel | Gabeln | lie dish small buy wash
vase | die Vase | Vasen | stand colour gift own new buy good
ball | der Ball | Bälle | lie toy small lose own colour gift buy
doll | die Puppe | Puppen | lie toy lose own gift buy new good
flower | die Blume | Blumen | gift bloom good plant buy
rose | die Rose | Rosen | gift bloom good plant buy
tree | der Baum | Bäume | plant
""")

FOOD = read_nouns("""
bread | das Brot | | eat fresh
cheese | der Käse | | eat
meat | das Fleisch | | eat cook fresh
rice | der Reis | | eat cook
butter | die Butter | | eat fresh
ham | der Schinken | | eat
salad | der Salat | Salate | eat cook fresh order
soup | die Suppe | Suppen | eat cook hot order
cake | der Kuchen | Kuchen | sweet eat bake fresh order
pizza | die Pizza | Pizzas | eat bake hot order
egg | das Ei | Eier | eat cook fresh
apple | der Apfel | Äpfel | eat fruit ripe
orange | die Orange | Orangen | eat fruit ripe
banana | die Banane | Bananen | eat fruit ripe
pear | die Birne | Birnen | eat fruit ripe
tomato/tomatoes | die Tomate | Tomaten | eat fruit ripe
potato/potatoes | die Kartoffel | Kartoffeln | eat cook
roll | das Brötchen | Brötchen | eat bake fresh order
sandwich | das Sandwich=Sandwichs | Sandwichs | eat order fresh
sausage | die Wurst | Würste | eat order hot
ice cream | das Eis | | eat
fish/fish | der Fisch | Fische | eat cook fresh order
chicken | das Hähnchen | Hähnchen | eat cook order
chocolate | die Schokolade | | eat
water | das Wasser | | drink cold hot
milk | die Milch | | drink cold hot fresh
coffee | der Kaffee | | drink hot
tea | der Tee | | drink hot
beer | das Bier | | drink cold
wine | der Wein | | drink
apple juice | der Apfelsaft | | drink cold
orange juice | der Orangensaft | | drink cold fresh
""")

ANIMALS = read_nouns(
    """
dog | der Hund | Hunde | own pet
cat | die Katze | Katzen | own pet
horse | das Pferd | Pferde | own
bird | der Vogel | Vögel | own
rabbit | das Kaninchen | Kaninchen | own pet
cow | die Kuh | Kühe |
sheep/sheep | das Schaf | Schafe |
""",
    "animal",
)

KIN = read_nouns(
    """
father | der Vater | Väter | male
mother | die Mutter | Mütter | female
brother | der Bruder | Brüder | male
sister | die Schwester | Schwestern | female
son | der Sohn | Söhne | male
daughter | die Tochter | Töchter | female
uncle | der Onkel | Onkel | male
aunt | die Tante | Tanten | female
grandfather | der Großvater | Großväter | male
grandmother | die Großmutter | Großmütter | female
husband | der Mann | Männer | male single
wife/wives | die Frau | Frauen | female single
friend | der Freund | Freunde | male
neighbour | der Nachbar* | Nachbarn | male
colleague | der Kollege* | Kollegen | male
boss/bosses | der Chef=Chefs | Chefs | male
""",
    "person",
    "kin",
)

PEOPLE = read_nouns(
    """
man/men | der Mann | Männer | male general
woman/women | die Frau | Frauen | female general
boy | der Junge* | Jungen | male young general
girl | das Mädchen | Mädchen | female young general
child/children | das Kind | Kinder | young general
teacher | der Lehrer | Lehrer | male job
doctor | der Arzt | Ärzte | male job
nurse | die Krankenschwester | Krankenschwestern | female job
student | der Student* | Studenten | male
lawyer | der Anwalt | Anwälte | male job
engineer | der Ingenieur | Ingenieure | male job
baker | der Bäcker | Bäcker | male job
cook | der Koch | Köche | male job
waitress/waitresses | die Kellnerin | Kellnerinnen | female job
policeman/policemen | der Polizist* | Polizisten | male job
journalist | der Journalist* | Journalisten | male job
actress/actresses | die Schauspielerin | Schauspielerinnen | female job
singer | der Sänger | Sänger | male job
gardener | der Gärtner | Gärtner | male job
farmer | der Bauer* | Bauern | male job
tourist | der Tourist* | Touristen | male general
customer | der Kunde* | Kunden | male
guest | der Gast=Gastes | Gäste | male
patient | der Patient* | Patienten | male
mayor | der Bürgermeister | Bürgermeister | male office
guide | der Reiseleiter | Reiseleiter | male job
secretary | die Sekretärin | Sekretärinnen | female job
""",
    "person",
)

PROFESSIONS: tuple[tuple[str, str, str], ...] = (
    ("teacher", "Lehrer", "Lehrerin"), ("doctor", "Arzt", "Ärztin"), ("lawyer", "Anwalt", "Anwältin"),
    ("engineer", "Ingenieur", "Ingenieurin"), ("baker", "Bäcker", "Bäckerin"), ("cook", "Koch", "Köchin"),
    ("journalist", "Journalist", "Journalistin"), ("gardener", "Gärtner", "Gärtnerin"),
    ("singer", "Sänger", "Sängerin"), ("architect", "Architekt", "Architektin"),
    ("pharmacist", "Apotheker", "Apothekerin"), ("dentist", "Zahnarzt", "Zahnärztin"),
    ("tailor", "Schneider", "Schneiderin"), ("photographer", "Fotograf", "Fotografin"),
    ("pilot", "Pilot", "Pilotin"), ("hairdresser", "Friseur", "Friseurin"),
)  # fmt: skip
"""English, then German for a man and for a woman."""

PLACES = read_nouns(
    """
park | der Park=Parks | Parks | in:in/to public reading
garden | der Garten | Gärten | in:in/into home reading working
kitchen | die Küche | Küchen | in:in/into home cooking room
living room | das Wohnzimmer | Wohnzimmer | in:in/into home reading room
bedroom | das Schlafzimmer | Schlafzimmer | in:in/into home reading room
cellar | der Keller | Keller | in:in/into home room
office | das Büro=Büros | Büros | in:in/to working room
school | die Schule | Schulen | in:in/to building
library | die Bibliothek | Bibliotheken | in:in/to reading building public
museum | das Museum | Museen | in:in/to building public visit
theatre | das Theater | Theater | in:in/to building public
cinema | das Kino=Kinos | Kinos | in:in/to building public
restaurant | das Restaurant=Restaurants | Restaurants | in:in/to eating building public
café/cafés | das Café=Cafés | Cafés | in:in/to eating reading building public
hotel | das Hotel=Hotels | Hotels | in:in/to building public
hospital | das Krankenhaus | Krankenhäuser | in:in/to building
church/churches | die Kirche | Kirchen | in:in/into building visit
supermarket | der Supermarkt | Supermärkte | in:in/to shop groceries building public
department store | das Kaufhaus | Kaufhäuser | in:in/to shop goods building public
pharmacy | die Apotheke | Apotheken | in:in/to building public
bakery | die Bäckerei | Bäckereien | in:in/to building public
swimming pool | das Schwimmbad | Schwimmbäder | in:in/to public
city centre | das Stadtzentrum=Stadtzentrums | | in:in/to public
village | das Dorf | Dörfer | in:in/to
market | der Markt=Marktes | Märkte | auf:at/to shop groceries public
station | der Bahnhof | Bahnhöfe | an:at/to public building
airport | der Flughafen | Flughäfen | an:at/to public
bus stop | die Bushaltestelle | Bushaltestellen | an:at/to public
beach/beaches | der Strand=Strandes | Strände | an:on/to reading
university | die Universität | Universitäten | an:at/to building working
bank | die Bank | Banken | in:in/to building public
post office | die Post | | auf:at/to public
bridge | die Brücke | Brücken | auf:on/to building visit
castle | das Schloss=Schlosses | Schlösser | in:in/to building visit
house | das Haus | Häuser | in:in/into building new dwelling
flat | die Wohnung | Wohnungen | in:in/into new dwelling
town hall | das Rathaus | Rathäuser | in:in/to building public
factory | die Fabrik | Fabriken | in:in/to building working
""",
    "place",
)

EVENTS = read_nouns("""
concert | das Konzert | Konzerte | event start
meeting | die Besprechung | Besprechungen | event start work
lesson | der Unterricht | | event start
party | die Party | Partys | event start
journey | die Reise | Reisen | event travel
flight | der Flug=Fluges | Flüge | event travel book
interview | das Interview=Interviews | Interviews | event work
performance | die Vorstellung | Vorstellungen | event start
exam | die Prüfung | Prüfungen | event start
storm | der Sturm=Sturmes | Stürme | weather
rain | der Regen | | weather
weather | das Wetter | | weather forecast
snow | der Schnee | | weather
fog | der Nebel | | weather
strike | der Streik=Streiks | Streiks | trouble
accident | der Unfall | Unfälle | trouble
traffic jam | der Stau=Staus | Staus | trouble
heat | die Hitze | | weather
""")

PARTS = read_nouns("""
roof/roofs | das Dach | Dächer | of:building
entrance | der Eingang | Eingänge | of:building
history | die Geschichte | | of:building of:place
colour | die Farbe | Farben | of:colour
price | der Preis | Preise | of:buy
weight | das Gewicht | Gewichte | of:heavy
owner | der Besitzer | Besitzer | of:own of:building
beginning | der Anfang | Anfänge | of:watch
end | das Ende=Endes | Enden | of:watch
director | der Direktor | Direktoren | of:building
""")

TRANSPORT = read_nouns("""
train | der Zug=Zuges | Züge | depart rail ride
bus/buses | der Bus=Busses | Busse | depart ride
tram | die Straßenbahn | Straßenbahnen | ride
underground | die U-Bahn | | ride
ship | das Schiff | Schiffe | ride
taxi/taxis | das Taxi=Taxis | Taxis | ride
""")

EVERYDAY = read_nouns(
    """
money | das Geld | |
music | die Musik | | sound
song | das Lied | Lieder | sound
pen | der Stift | Stifte |
room | das Zimmer | Zimmer |
seat | der Platz | Plätze |
question | die Frage | Fragen |
problem | das Problem | Probleme |
idea | die Idee | Ideen |
sugar | der Zucker | |
salt | das Salz | |
breakfast | das Frühstück | |
lunch | das Mittagessen | |
dinner | das Abendessen | |
medicine | das Medikament | Medikamente |
luggage | das Gepäck | |
sea | das Meer | Meere |
mountain | der Berg | Berge |
river | der Fluss=Flusses | Flüsse |
lake | der See=Sees | Seen |
star | der Stern | Sterne |
""",
    "everyday",
)
"""Additional nouns for short sentences."""

BODY = read_nouns(
    """
head | der Kopf | Köpfe |
arm | der Arm | Arme |
leg | das Bein | Beine |
hand | die Hand | Hände |
foot/feet | der Fuß | Füße |
finger | der Finger | Finger |
knee | das Knie=Knies | Knie |
back | der Rücken | Rücken |
stomach | der Bauch | Bäuche |
throat | der Hals | Hälse |
eye | das Auge | Augen |
ear | das Ohr | Ohren |
tooth/teeth | der Zahn | Zähne |
""",
    "body",
)

NOUNS: tuple[Noun, ...] = (
    *THINGS, *FOOD, *ANIMALS, *KIN, *PEOPLE, *PLACES, *EVENTS, *PARTS, *TRANSPORT, *EVERYDAY, *BODY,
)  # fmt: skip


@cache
def tagged(*tags: str) -> tuple[Noun, ...]:
    """All nouns with any of these tags, in the order of the lists."""
    wanted = frozenset(tags)
    return tuple(noun for noun in NOUNS if noun.tags & wanted)


def named(english: str) -> Noun:
    """The noun with this English singular; the first one if there are several."""
    return next(noun for noun in NOUNS if noun.english == english)
