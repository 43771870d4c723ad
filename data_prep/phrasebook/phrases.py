"""Phrasebook expressions by theme, as `english | german`, capitalised as within a sentence.

A `{slot}` is filled by `data_prep.phrasebook.slots`; in German, `{slot:form}` selects another of its forms.
"""

from __future__ import annotations

import re

from data_prep.phrasebook.lexeme import entries

THEMES: dict[str, str] = {
    "greetings": """
hello! | hallo!
hello, {name}! | hallo, {name}!
hello, {title}! | hallo, {title}!
hi, {name}! | hallo, {name}!
good morning! | guten Morgen!
good morning, {name}! | guten Morgen, {name}!
good morning, {title}! | guten Morgen, {title}!
good afternoon! | guten Tag!
good afternoon, {title}! | guten Tag, {title}!
good evening! | guten Abend!
good evening, {name}! | guten Abend, {name}!
good evening, {title}! | guten Abend, {title}!
good night! | gute Nacht!
good night, {name}! | gute Nacht, {name}!
goodbye! | auf Wiedersehen!
goodbye, {title}! | auf Wiedersehen, {title}!
bye, {name}! | tschüss, {name}!
see you later! | bis später!
see you later, {name}! | bis später, {name}!
see you soon! | bis bald!
see you soon, {name}! | bis bald, {name}!
see you tomorrow! | bis morgen!
see you tomorrow, {name}! | bis morgen, {name}!
see you next week! | bis nächste Woche!
see you on {weekday}! | bis {weekday}!
see you at {clock}! | bis {clock}!
welcome! | willkommen!
welcome to {city}! | willkommen in {city}!
how are you? | wie geht es Ihnen?
how are you, {title}? | wie geht es Ihnen, {title}?
how are you, {name}? | wie geht es dir, {name}?
{name}, how are you? | {name}, wie geht es dir?
how are you today? | wie geht es Ihnen heute?
how is {relative}? | wie geht es {relative:dative}?
I am fine. | mir geht es gut.
I am fine, thank you. | mir geht es gut, danke.
very well, thank you. | sehr gut, danke.
and you? | und Ihnen?
pleased to meet you! | freut mich, Sie kennenzulernen!
pleased to meet you, {title}! | freut mich, Sie kennenzulernen, {title}!
thank you! | danke!
thanks! | danke sehr!
thank you, {name}! | danke, {name}!
thank you, {title}! | danke, {title}!
thank you very much! | vielen Dank!
thank you very much, {title}! | vielen Dank, {title}!
thank you for {thing}! | danke für {thing:accusative}!
thank you for your help! | vielen Dank für Ihre Hilfe!
you are welcome! | gern geschehen!
excuse me! | Entschuldigung!
excuse me, {title}! | Entschuldigung, {title}!
I am sorry. | es tut mir leid.
I am very sorry. | es tut mir sehr leid.
I am sorry, {title}. | es tut mir leid, {title}.
no problem! | kein Problem!
never mind! | macht nichts!
please! | bitte!
yes, please! | ja, bitte!
no, thank you! | nein, danke!
yes. | ja.
no. | nein.
of course! | natürlich!
maybe. | vielleicht.
congratulations! | herzlichen Glückwunsch!
congratulations, {title}! | herzlichen Glückwunsch, {title}!
happy birthday! | alles Gute zum Geburtstag!
happy birthday, {name}! | alles Gute zum Geburtstag, {name}!
merry Christmas! | frohe Weihnachten!
happy New Year! | ein frohes neues Jahr!
good luck! | viel Glück!
good luck, {name}! | viel Glück, {name}!
have a nice day! | einen schönen Tag noch!
have a nice weekend! | ein schönes Wochenende!
have a good trip! | gute Reise!
have fun! | viel Spaß!
have fun in {city}! | viel Spaß in {city}!
enjoy your meal! | guten Appetit!
cheers! | prost!
get well soon! | gute Besserung!
get well soon, {name}! | gute Besserung, {name}!
sleep well! | schlafen Sie gut!
come in, please! | kommen Sie bitte herein!
please sit down! | setzen Sie sich bitte!
just a moment, please! | einen Moment, bitte!
""",
    "getting to know people": """
what is your name? | wie heißen Sie?
what is your name, please? | wie heißen Sie, bitte?
my name is {name}. | ich heiße {name}.
my name is {full name}. | ich heiße {full name}.
her name is {woman}. | sie heißt {woman}.
his name is {man}. | er heißt {man}.
I am {name}. | ich bin {name}.
this is {name}. | das ist {name}.
this is {title}. | das ist {title}.
this is {relative}. | das ist {relative}.
that is {relative}. | das ist {relative}.
is this {relative}? | ist das {relative}?
this is {thing}. | das ist {thing}.
that is not {thing}. | das ist nicht {thing}.
where are you from? | woher kommen Sie?
where are you from, {title}? | woher kommen Sie, {title}?
I am from {city}. | ich komme aus {city}.
I am from {country}. | ich komme {country:from}.
we are from {country}. | wir kommen {country:from}.
are you from {country}? | kommen Sie {country:from}?
I live in {city}. | ich wohne in {city}.
we live in {city}. | wir wohnen in {city}.
do you live in {city}? | wohnen Sie in {city}?
where do you live? | wo wohnen Sie?
where does {relative} live? | wo wohnt {relative}?
I am {job}. | ich bin {job}.
he is {job}. | er ist {job}.
she is {job}. | sie ist {job:woman}.
{male relative} is {job}. | {male relative} ist {job}.
{female relative} is {job}. | {female relative} ist {job:woman}.
are you {job}? | sind Sie {job}?
what do you do for a living? | was machen Sie beruflich?
how old are you? | wie alt sind Sie?
how old is {relative}? | wie alt ist {relative}?
I am {number} years old. | ich bin {number} Jahre alt.
he is {number} years old. | er ist {number} Jahre alt.
she is {number} years old. | sie ist {number} Jahre alt.
{relative} is {number} years old. | {relative} ist {number} Jahre alt.
are you married? | sind Sie verheiratet?
do you have children? | haben Sie Kinder?
I have {number} children. | ich habe {number} Kinder.
do you speak {language}? | sprechen Sie {language}?
does {relative} speak {language}? | spricht {relative} {language}?
I speak {language}. | ich spreche {language}.
I speak a little {language}. | ich spreche ein bisschen {language}.
I don't speak {language}. | ich spreche kein {language}.
he speaks {language} and {other language}. | er spricht {language} und {other language}.
she speaks {language} very well. | sie spricht sehr gut {language}.
I am learning {language}. | ich lerne {language}.
we are learning {language}. | wir lernen {language}.
how do you say that in {language}? | wie sagt man das auf {language}?
I don't understand. | ich verstehe das nicht.
do you understand? | verstehen Sie?
I understand. | ich verstehe.
can you repeat that, please? | können Sie das bitte wiederholen?
could you speak more slowly, please? | könnten Sie bitte langsamer sprechen?
what does that mean? | was bedeutet das?
I don't know. | ich weiß es nicht.
I know. | ich weiß.
that is right. | das stimmt.
that is not right. | das stimmt nicht.
I think so. | ich glaube schon.
I hope so. | ich hoffe es.
really? | wirklich?
what is that? | was ist das?
what is this? | was ist denn das?
who is that? | wer ist das?
what happened? | was ist passiert?
I love you. | ich liebe dich.
I love you, {name}. | ich liebe dich, {name}.
I miss you, {name}. | ich vermisse dich, {name}.
I am happy to see you. | ich freue mich, Sie zu sehen.
let's go! | gehen wir!
""",
    "needs": """
help! | Hilfe!
I need help. | ich brauche Hilfe.
we need help. | wir brauchen Hilfe.
can you help me? | können Sie mir helfen?
can you help me, please? | können Sie mir bitte helfen?
can you help me, {title}? | können Sie mir helfen, {title}?
can you help me, {name}? | kannst du mir helfen, {name}?
could you help me, please? | könnten Sie mir bitte helfen?
can I help you? | kann ich Ihnen helfen?
can you give me {thing}, please? | können Sie mir bitte {thing:accusative} geben?
can you show me {thing}, please? | können Sie mir bitte {thing:accusative} zeigen?
where can I find {thing}? | wo finde ich {thing:accusative}?
where can I buy {some thing}? | wo kann ich {some thing:accusative} kaufen?
I have lost {my thing}. | ich habe {my thing:accusative} verloren.
I have forgotten {my thing}. | ich habe {my thing:accusative} vergessen.
somebody has stolen {my thing}. | jemand hat {my thing:accusative} gestohlen.
have you seen {my thing}? | haben Sie {my thing:accusative} gesehen?
I have a question. | ich habe eine Frage.
I have a problem. | ich habe ein Problem.
I have no time. | ich habe keine Zeit.
I have no money. | ich habe kein Geld.
do you have time? | haben Sie Zeit?
do you have time on {weekday}? | haben Sie am {weekday} Zeit?
I am cold. | mir ist kalt.
are you cold? | ist Ihnen kalt?
I am hot. | mir ist heiß.
where is the toilet? | wo ist die Toilette?
where are the toilets, please? | wo sind die Toiletten, bitte?
may I come in? | darf ich hereinkommen?
may I smoke here? | darf ich hier rauchen?
may I use {your thing}? | darf ich {your thing:accusative} benutzen?
may I open the window? | darf ich das Fenster öffnen?
call the police! | rufen Sie die Polizei!
call a doctor, please! | rufen Sie bitte einen Arzt!
call an ambulance! | rufen Sie einen Krankenwagen!
leave me alone! | lassen Sie mich in Ruhe!
stop! | halt!
be careful! | seien Sie vorsichtig!
be quiet, please! | seien Sie bitte leise!
wait a moment, please! | warten Sie bitte einen Moment!
come here, please! | kommen Sie bitte hierher!
""",
    "directions": """
where is {place}? | wo ist {place}?
where is {place}, please? | wo ist bitte {place}?
is there {a place} near here? | gibt es hier in der Nähe {a place:accusative}?
is there {a place} here? | gibt es hier {a place:accusative}?
there is {a place} in {city}. | in {city} gibt es {a place:accusative}.
I am looking for {place}. | ich suche {place:accusative}.
we are looking for {place}. | wir suchen {place:accusative}.
how do I get to {place}? | wie komme ich {place:to}?
how do we get to {place}? | wie kommen wir {place:to}?
is this the way to {place}? | ist das der Weg {place:to}?
how far is it to {place}? | wie weit ist es bis {place:to}?
how far is it to {city}? | wie weit ist es bis nach {city}?
is it far to {place}? | ist es weit bis {place:to}?
is {place} far from here? | ist {place} weit von hier?
it is not far. | es ist nicht weit.
it is over there. | es ist da drüben.
it is on the left. | es ist links.
it is on the right. | es ist rechts.
{place} is on the left. | {place} ist links.
{place} is on the right. | {place} ist rechts.
{place} is next to {other place}. | {place} ist neben {other place:dative}.
{place} is behind {other place}. | {place} ist hinter {other place:dative}.
{place} is opposite {other place}. | {place} ist gegenüber {other place:dative}.
turn left! | biegen Sie links ab!
turn right! | biegen Sie rechts ab!
turn left at {place}. | biegen Sie {place:at} links ab.
turn right at {place}. | biegen Sie {place:at} rechts ab.
go straight on. | gehen Sie geradeaus.
go straight on to {place}. | gehen Sie geradeaus bis {place:to}.
go back to {place}. | gehen Sie {place:to} zurück.
I am lost. | ich habe mich verlaufen.
can you show me that on the map? | können Sie mir das auf der Karte zeigen?
where can I park? | wo kann ich parken?
is {place} open today? | ist {place} heute geöffnet?
is {place} closed on {weekday}? | ist {place} am {weekday} geschlossen?
{place} is closed today. | {place} ist heute geschlossen.
{place} is open. | {place} ist geöffnet.
when does {place} open? | wann öffnet {place}?
when does {place} close? | wann schließt {place}?
{place} opens at {clock}. | {place} öffnet um {clock}.
{place} closes at {clock}. | {place} schließt um {clock}.
""",
    "restaurant": """
a table for {number} people, please! | einen Tisch für {number} Personen, bitte!
I would like to book a table for {number} people. | ich möchte einen Tisch für {number} Personen reservieren.
the menu, please! | die Speisekarte, bitte!
the bill, please! | die Rechnung, bitte!
can I have the menu, please? | kann ich bitte die Speisekarte haben?
can I have {a drink}, please? | kann ich bitte {a drink:accusative} haben?
can I have {a dish}, please? | kann ich bitte {a dish:accusative} haben?
{a drink}, please! | {a drink:accusative}, bitte!
{a dish}, please! | {a dish:accusative}, bitte!
{a drink} and {a dish}, please! | {a drink:accusative} und {a dish:accusative}, bitte!
another {drink}, please! | noch {drink:another}, bitte!
I would like {a drink}. | ich hätte gern {a drink:accusative}.
I would like {a drink}, please. | ich hätte gern {a drink:accusative}, bitte.
I would like {a dish}. | ich hätte gern {a dish:accusative}.
I would like {a dish}, please. | ich hätte gern {a dish:accusative}, bitte.
I would like {a dish} and {a drink}, please. | ich hätte gern {a dish:accusative} und {a drink:accusative}, bitte.
we would like {a dish} and {a drink}. | wir hätten gern {a dish:accusative} und {a drink:accusative}.
I'd like {a drink}, please. | ich hätte gern {a drink:accusative}, bitte.
I'd like {a dish}, please. | ich hätte gern {a dish:accusative}, bitte.
I will have {a dish}. | ich nehme {a dish:accusative}.
I will have {a drink}. | ich nehme {a drink:accusative}.
do you have {food}? | haben Sie {food:accusative}?
do you still have {food}? | haben Sie noch {food:accusative}?
is there {food} too? | gibt es auch {food:accusative}?
with {food}, please! | mit {food:dative}, bitte!
without {food}, please! | ohne {food:accusative}, bitte!
{a drink} with milk and sugar, please! | {a drink:accusative} mit Milch und Zucker, bitte!
what would you like to drink? | was möchten Sie trinken?
what would you like to eat? | was möchten Sie essen?
what do you recommend? | was empfehlen Sie?
I am a vegetarian. | ich bin Vegetarier.
I don't eat {food}. | ich esse {food:no}.
I don't drink {beverage}. | ich trinke {beverage:no}.
is this seat free? | ist dieser Platz frei?
is this table free? | ist dieser Tisch frei?
how is {the dish}? | wie ist {the dish}?
{the dish} is very good. | {the dish} ist sehr gut.
{the dish} was very good. | {the dish} war sehr gut.
{the dish} is cold. | {the dish} ist kalt.
{the dish} tastes good. | {the dish} schmeckt gut.
{the dish} tastes very good. | {the dish} schmeckt sehr gut.
it tastes good. | es schmeckt gut.
it tastes very good. | es schmeckt sehr gut.
that was delicious! | das war köstlich!
I would like to pay, please. | ich möchte bitte bezahlen.
can I pay by card? | kann ich mit Karte bezahlen?
keep the change! | stimmt so!
""",
    "shopping": """
how much is {ware}? | was kostet {ware}?
how much is {the dish}? | was kostet {the dish}?
how much are {wares}? | was kosten {wares}?
how much does that cost? | wie viel kostet das?
how much is that? | was kostet das?
that costs {price}. | das kostet {price}.
that is {price}. | das macht {price}.
that is too expensive. | das ist zu teuer.
{ware} is too expensive. | {ware} ist zu teuer.
{ware} is very cheap. | {ware} ist sehr billig.
{ware} is too small. | {ware} ist zu klein.
{ware} is too big. | {ware} ist zu groß.
do you have {some thing}? | haben Sie {some thing:accusative}?
do you have this in {colour}? | haben Sie das in {colour}?
do you sell {things}? | verkaufen Sie {things:accusative}?
I am looking for {some thing}. | ich suche {some thing:accusative}.
I would like to buy {some thing}. | ich möchte {some thing:accusative} kaufen.
can I try this on? | kann ich das anprobieren?
can I see {ware}? | kann ich {ware:accusative} sehen?
I will take it. | ich nehme es.
I will take {ware}. | ich nehme {ware:accusative}.
I like {ware}. | ich mag {ware:accusative}.
I don't like that. | das gefällt mir nicht.
I like that. | das gefällt mir.
I am just looking. | ich sehe mich nur um.
anything else? | noch etwas?
that is all, thank you. | das ist alles, danke.
do you take credit cards? | nehmen Sie Kreditkarten?
where is the checkout? | wo ist die Kasse?
a kilo of {fruits}, please! | ein Kilo {fruits}, bitte!
{number} {fruits}, please! | {number} {fruits}, bitte!
{number} bottles of {beverage}, please! | {number} Flaschen {beverage}, bitte!
a bottle of {beverage}, please! | eine Flasche {beverage}, bitte!
a glass of {beverage}, please! | ein Glas {beverage}, bitte!
a bigger one, please! | etwas Größeres, bitte!
a smaller one, please! | etwas Kleineres, bitte!
""",
    "time": """
what time is it? | wie spät ist es?
it is {clock}. | es ist {clock}.
it is already {clock}. | es ist schon {clock}.
what day is it today? | welcher Tag ist heute?
today is {weekday}. | heute ist {weekday}.
tomorrow is {weekday}. | morgen ist {weekday}.
is today {weekday}? | ist heute {weekday}?
at {clock} | um {clock}
at what time does {event} start? | um wie viel Uhr beginnt {event}?
when does {event} start? | wann beginnt {event}?
when is {event}? | wann ist {event}?
{event} starts at {clock}. | {event} beginnt um {clock}.
{event} is on {weekday}. | {event} ist am {weekday}.
how long does {event} last? | wie lange dauert {event}?
it lasts {number} hours. | es dauert {number} Stunden.
it lasts {number} minutes. | es dauert {number} Minuten.
I was born in {month}. | ich bin im {month} geboren.
my birthday is in {month}. | mein Geburtstag ist im {month}.
when is your birthday? | wann haben Sie Geburtstag?
see you in {number} minutes! | bis in {number} Minuten!
I will be there in {number} minutes. | ich bin in {number} Minuten da.
I am in a hurry. | ich habe es eilig.
you are late. | Sie sind spät dran.
""",
    "weather": """
what is the weather like? | wie ist das Wetter?
what is the weather like in {city}? | wie ist das Wetter in {city}?
how is the weather in {city}? | wie ist das Wetter in {city}?
what will the weather be like tomorrow? | wie wird das Wetter morgen?
the sun is shining. | die Sonne scheint.
the sun is shining in {city}. | in {city} scheint die Sonne.
the weather is nice. | das Wetter ist schön.
the weather is very nice today. | das Wetter ist heute sehr schön.
the weather is bad. | das Wetter ist schlecht.
the weather in {city} is nice. | das Wetter in {city} ist schön.
the weather in {city} is bad. | das Wetter in {city} ist schlecht.
it is {number} degrees. | es sind {number} Grad.
it is cold in {city}. | in {city} ist es kalt.
it is warm in {city}. | in {city} ist es warm.
it is raining in {city}. | in {city} regnet es.
what a beautiful day! | was für ein schöner Tag!
take an umbrella! | nehmen Sie einen Regenschirm mit!
""",
    "health": """
I feel sick. | mir ist schlecht.
I don't feel well. | mir geht es nicht gut.
I feel better. | mir geht es besser.
what is the matter? | was ist los?
what is wrong with you? | was fehlt Ihnen?
{body part} hurts. | {body part} tut weh.
{body parts} hurt. | {body parts} tun weh.
does {body part} hurt? | tut {body part} weh?
do {body parts} hurt? | tun {body parts} weh?
where does it hurt? | wo tut es weh?
it hurts here. | es tut hier weh.
I have {ailment}. | ich habe {ailment}.
he has {ailment}. | er hat {ailment}.
she has {ailment}. | sie hat {ailment}.
{relative} has {ailment}. | {relative} hat {ailment}.
do you have {ailment}? | haben Sie {ailment}?
I have had {ailment} for {number} days. | ich habe seit {number} Tagen {ailment}.
I need a doctor. | ich brauche einen Arzt.
I have to see a doctor. | ich muss zum Arzt.
I have to go to the dentist. | ich muss zum Zahnarzt.
I am allergic to {allergen}. | ich bin allergisch gegen {allergen}.
{relative} is allergic to {allergen}. | {relative} ist allergisch gegen {allergen}.
are you allergic to {allergen}? | sind Sie allergisch gegen {allergen}?
I have broken my arm. | ich habe mir den Arm gebrochen.
I have broken my leg. | ich habe mir das Bein gebrochen.
take this medicine {number} times a day. | nehmen Sie dieses Medikament {number} Mal am Tag.
do you have something for {ailment}? | haben Sie etwas gegen {ailment}?
I am pregnant. | ich bin schwanger.
it is an emergency. | es ist ein Notfall.
""",
    "travel": """
a ticket to {city}, please! | eine Fahrkarte nach {city}, bitte!
{number} tickets to {city}, please! | {number} Fahrkarten nach {city}, bitte!
a single ticket to {city}, please! | eine einfache Fahrkarte nach {city}, bitte!
a return ticket to {city}, please! | eine Rückfahrkarte nach {city}, bitte!
how much is a ticket to {city}? | was kostet eine Fahrkarte nach {city}?
when does the next train to {city} leave? | wann fährt der nächste Zug nach {city} ab?
when does the next bus to {city} go? | wann fährt der nächste Bus nach {city}?
when do we arrive in {city}? | wann kommen wir in {city} an?
the train to {city} leaves at {clock}. | der Zug nach {city} fährt um {clock} ab.
the train from {city} is late. | der Zug aus {city} hat Verspätung.
the train to {city} is late. | der Zug nach {city} hat Verspätung.
the train is late. | der Zug hat Verspätung.
from which platform? | von welchem Gleis?
from platform {number} | von Gleis {number}
is this the train to {city}? | ist das der Zug nach {city}?
does this bus go to {place}? | fährt dieser Bus {place:to}?
does this train go to {city}? | fährt dieser Zug nach {city}?
which bus goes to {place}? | welcher Bus fährt {place:to}?
which train goes to {city}? | welcher Zug fährt nach {city}?
where do I have to get off? | wo muss ich aussteigen?
where do I have to change? | wo muss ich umsteigen?
I have missed my train. | ich habe meinen Zug verpasst.
I have missed my flight. | ich habe meinen Flug verpasst.
to {place}, please! | {place:to}, bitte!
to {city}, please! | nach {city}, bitte!
stop here, please! | halten Sie bitte hier an!
I would like a single room, please. | ich hätte gern ein Einzelzimmer, bitte.
I would like a double room, please. | ich hätte gern ein Doppelzimmer, bitte.
I would like a room for {number} nights. | ich hätte gern ein Zimmer für {number} Nächte.
I would like a room for {number} people. | ich hätte gern ein Zimmer für {number} Personen.
do you have a room for {number} nights? | haben Sie ein Zimmer für {number} Nächte?
do you have a free room? | haben Sie ein freies Zimmer?
I have booked a room. | ich habe ein Zimmer reserviert.
how much is the room? | was kostet das Zimmer?
how much is the room per night? | was kostet das Zimmer pro Nacht?
is breakfast included? | ist das Frühstück inbegriffen?
is there wifi here? | gibt es hier WLAN?
can I see the room? | kann ich das Zimmer sehen?
the room is too small. | das Zimmer ist zu klein.
the room is very nice. | das Zimmer ist sehr schön.
my room number is {number}. | meine Zimmernummer ist {number}.
here is {my thing}. | hier ist {my thing}.
where is {my thing}? | wo ist {my thing}?
where are {my things}? | wo sind {my things}?
I am here on business. | ich bin geschäftlich hier.
I am on holiday. | ich bin im Urlaub.
I am staying for {number} days. | ich bleibe {number} Tage.
we are staying in {city} for {number} days. | wir bleiben {number} Tage in {city}.
I am going to {city} on {weekday}. | ich fahre am {weekday} nach {city}.
we would like to go to {city}. | wir möchten nach {city} fahren.
I would like to go to {place}. | ich möchte {place:to} gehen.
have you ever been to {city}? | waren Sie schon einmal in {city}?
I have never been to {city}. | ich war noch nie in {city}.
""",
}

TEMPLATES: tuple[tuple[str, str], ...] = tuple(
    (english, german) for text in THEMES.values() for english, german in entries(text)
)
FIXED = tuple(pair for pair in TEMPLATES if "{" not in pair[0])
"""Expressions without a slot, all of which are training sentences."""
OPEN = tuple(pair for pair in TEMPLATES if "{" in pair[0])
_NAMES_AND_NUMBERS = {
    "name", "title", "full name", "woman", "man", "city", "number", "clock", "price", "weekday", "month",
}  # fmt: skip
ABOUT_WORDS = tuple(pair for pair in OPEN if set(re.findall(r"{([a-z ]+)}", pair[0])) - _NAMES_AND_NUMBERS)
"""Expressions with a slot for words, which are harder to learn than names and numbers."""
