"""The verbs, grouped by syntactic frame."""

from __future__ import annotations

from data_prep.phrasebook.lexeme import Verb, read_verbs

TRANSITIVE = read_verbs("""
read, read, read | lesen lies gelesen | read
write, wrote, written | schreiben - geschrieben | write
buy, bought, bought | kaufen - gekauft | buy eat gift
sell, sold, sold, selling | verkaufen - verkauft | own
look for, looked for, looked for | suchen - gesucht | lose small
find, found, found | finden - gefunden | lose small
lose, lost, lost | verlieren - verloren | lose
forget, forgot, forgotten, forgetting | vergessen vergiss vergessen | lose small
repair, repaired, repaired | reparieren - repariert | repair
need, needed, needed | brauchen - gebraucht | own
bring, brought, brought | bringen - gebracht | eat drink dish gift
drink, drank, drunk | trinken - getrunken | drink
eat, ate, eaten | essen iss gegessen | eat
cook, cooked, cooked | kochen - gekocht | cook
bake, baked, baked | backen - gebacken | bake
order, ordered, ordered | bestellen - bestellt | order drink
wash, washed, washed | waschen wäsch gewaschen | wash
wear, wore, worn | tragen träg getragen | wear
try on, tried on, tried on | an+probieren - anprobiert | wear
put on, put on, put on, putting on | an+ziehen - angezogen | wear
open, opened, opened | öffnen - geöffnet | open
close, closed, closed | schließen - geschlossen | open
turn on, turned on, turned on | ein+schalten - eingeschaltet | switch
turn off, turned off, turned off | aus+schalten - ausgeschaltet | switch
fill in, filled in, filled in | aus+füllen - ausgefüllt | fill
sign, signed, signed | unterschreiben - unterschrieben | sign
pay, paid, paid | bezahlen - bezahlt | pay
book, booked, booked | buchen - gebucht | book
watch, watched, watched | sehen sieh gesehen | watch
visit, visited, visited | besuchen - besucht | visit kin
photograph, photographed, photographed | fotografieren - fotografiert | building animal
paint, painted, painted | malen - gemalt | paint
pack, packed, packed | ein+packen - eingepackt | wear small
carry, carried, carried | tragen träg getragen | heavy
clean, cleaned, cleaned | putzen - geputzt | clean
tidy up, tidied up, tidied up | auf+räumen - aufgeräumt | room
collect, collected, collected | ab+holen - abgeholt | post pack
pick up, picked up, picked up | ab+holen - abgeholt | kin
call, called, called | an+rufen - angerufen | kin job
invite, invited, invited | ein+laden läd eingeladen | kin
meet, met, met, meeting | treffen triff getroffen | kin job general
know, knew, known | kennen - gekannt | kin job visit office
help, helped, helped | helfen hilf geholfen | -
thank, thanked, thanked | danken - gedankt | -
rent, rented, rented | mieten - gemietet | dwelling vehicle
plant, planted, planted | pflanzen - gepflanzt | plant
feed, fed, fed, feeding | füttern - gefüttert | animal
prepare, prepared, prepared | vor+bereiten - vorbereitet | work
receive, received, received | bekommen - bekommen | post
""")

TO_HELP, TO_THANK = (next(v for v in TRANSITIVE if v.english.base == word) for word in ("help", "thank"))
"""Verbs that are transitive in English but take a dative in German."""

DITRANSITIVE = read_verbs("""
give, gave, given | geben gib gegeben | own gift lend
show, showed, shown | zeigen - gezeigt | own show good
send, sent, sent | schicken - geschickt | post gift
lend, lent, lent | leihen - geliehen | lend
sell, sold, sold | verkaufen - verkauft | own
explain, explained, explained | erklären - erklärt | -
""")[:-1]

EVERYDAY = read_verbs("""
see, saw, seen | sehen sieh gesehen | any
like, liked, liked | mögen - gemocht | any
love, loved, loved | lieben - geliebt | kin animal eat drink sound
want, wanted, wanted | wollen - gewollt | own eat drink everyday
have, had, had | haben - gehabt | own eat drink small everyday
take, took, taken | nehmen nimm genommen | own eat drink small
need, needed, needed | brauchen - gebraucht | any
hear, heard, heard | hören - gehört | kin general animal sound instrument
understand, understood, understood | verstehen - verstanden | kin job general
miss, missed, missed | vermissen - vermisst | kin animal
know, knew, known | kennen - gekannt | kin job visit office general place
look for, looked for, looked for | suchen - gesucht | any
find, found, found | finden - gefunden | any
use, used, used | benutzen - benutzt | device dish vehicle
hold, held, held | halten hält gehalten | small animal
draw, drew, drawn | zeichnen - gezeichnet | animal building plant
kiss, kissed, kissed | küssen - geküsst | kin
ask, asked, asked | fragen - gefragt | kin job general
""")
"""Verbs for short sentences; the tag `any` allows any concrete noun."""

DO = read_verbs("do, did, done | machen - gemacht | -")[0]

ACTIVITY = read_verbs("""
work, worked, worked | arbeiten - gearbeitet | work garden kitchen
sleep, slept, slept | schlafen schläf geschlafen | bedroom living garden
dance, danced, danced | tanzen - getanzt | kitchen living hotel
sing, sang, sung | singen - gesungen | church theatre garden
wait, waited, waited | warten - gewartet | station airport bus hotel
study, studied, studied | lernen - gelernt | library office bedroom
have breakfast, had breakfast, had breakfast, having breakfast | frühstücken - gefrühstückt | kitchen garden hotel
celebrate, celebrated, celebrated | feiern - gefeiert | restaurant garden living
cook, cooked, cooked | kochen - gekocht | kitchen
play, played, played | spielen - gespielt | garden park living
swim, swam, swum, swimming | schwimmen - geschwommen sein | swimming
smoke, smoked, smoked | rauchen - geraucht | garden
stay, stayed, stayed | bleiben - geblieben sein | hotel bedroom village
go shopping, went shopping, gone shopping | ein+kaufen - eingekauft | supermarket market department
""")

CHANGE = read_verbs("""
get up, got up, got up, getting up | auf+stehen - aufgestanden sein | -
wake up, woke up, woken up | auf+wachen - aufgewacht sein | -
fall asleep, fell asleep, fallen asleep | ein+schlafen schläf eingeschlafen sein | -
come back, came back, come back | zurück+kommen - zurückgekommen sein | -
arrive, arrived, arrived | an+kommen - angekommen sein | -
leave, left, left, leaving | ab+fahren fähr abgefahren sein | -
leave early, left early, left early | gehen - gegangen sein | -
""")[:-1]

GO_ON_FOOT, GO_BY_VEHICLE, TRAVEL, FLY, RUN, COME, LIVE, RAIN, SNOW = read_verbs("""
go, went, gone | gehen - gegangen sein | -
go, went, gone | fahren fähr gefahren sein | -
travel, travelled, travelled, travelling | reisen - gereist sein | -
fly, flew, flown | fliegen - geflogen sein | -
run, ran, run, running | laufen läuf gelaufen sein | -
come, came, come | kommen - gekommen sein | -
live, lived, lived | wohnen - gewohnt | -
rain, rained, rained | regnen - geregnet | -
snow, snowed, snowed | schneien - geschneit | -
""")

LIE, STAND, HANG, LAY, PLACE_UPRIGHT, HANG_UP = read_verbs("""
lie, lay, lain, lying | liegen - gelegen | lie
stand, stood, stood | stehen - gestanden | stand
hang, hung, hung | hängen - gehangen | hang
lay, laid, laid | legen - gelegt | lie
put, put, put, putting | stellen - gestellt | stand
hang, hung, hung | hängen - gehängt | hang
""")

BE, HAVE, KNOW_FACT, BELIEVE, HOPE, SAY, ASK, SAY_TO_BE, COST, BEGIN, WORK_AS, LAST, CLOSE_FOR_DAY = read_verbs("""
be, was, been | sein - gewesen sein | -
have, had, had | haben - gehabt | -
know, knew, known | wissen - gewusst | -
think, thought, thought | glauben - geglaubt | -
hope, hoped, hoped | hoffen - gehofft | -
say, said, said | sagen - gesagt | -
ask, asked, asked | fragen - gefragt | -
mean, meant, meant | meinen - gemeint | -
cost, cost, cost | kosten - gekostet | buy
start, started, started | beginnen - begonnen | start
work, worked, worked | arbeiten - gearbeitet | -
last, lasted, lasted | dauern - gedauert | start
close, closed, closed | schließen - geschlossen | public
""")

PREPOSITIONAL: tuple[tuple[Verb, str, str, bool, frozenset[str]], ...] = tuple(
    (read_verbs(line)[0], preposition, german, dative, frozenset(tags.split()))
    for line, preposition, german, dative, tags in (
        ("wait, waited, waited | warten - gewartet | -", "for", "auf", False, "kin job depart"),
        ("think, thought, thought | denken - gedacht | -", "about", "an", False, "kin event"),
        ("laugh, laughed, laughed | lachen - gelacht | -", "about", "über", False, "watch"),
        ("talk, talked, talked | sprechen sprich gesprochen | -", "to", "mit", True, "kin job"),
        ("talk, talked, talked | sprechen sprich gesprochen | -", "about", "über", False, "watch event work"),
        ("dream, dreamt, dreamt | träumen - geträumt | -", "of", "von", True, "travel dwelling"),
        ("take care, took care, taken care | kümmern - gekümmert | -", "of", "um", False, "kin pet"),
        ("play, played, played | spielen - gespielt | -", "with", "mit", True, "pet toy"),
        ("dance, danced, danced | tanzen - getanzt | -", "with", "mit", True, "kin"),
        ("pay, paid, paid | bezahlen - bezahlt | -", "for", "für", False, "skip"),
    )
    if german != "um" and tags != "skip"
)
"""Verb, English and German preposition, whether the latter takes the dative, and the tags of its object."""

POSTURES = read_verbs("""
cry, cried, cried | weinen - geweint | -
smile, smiled, smiled | lächeln - gelächelt | -
sit, sat, sat, sitting | sitzen - gesessen | -
""")

_BY_BASE = {
    verb.english.base: verb
    for verb in (*(verb for verb, *_ in PREPOSITIONAL), *TRANSITIVE, *CHANGE, *ACTIVITY, *POSTURES, RUN, COME)
} | {"go": GO_ON_FOOT}

BY_ONESELF = tuple(
    _BY_BASE[base.strip()]
    for base in (
        "sleep, work, dance, sing, laugh, cry, smile, wait, play, swim, run, eat, drink, read, write, cook, smoke, "
        "study, stay, sit, come, go, come back, arrive, leave, get up, wake up, fall asleep, help, pay"
    ).split(",")
)
"""Verbs that can be used without an object, whatever their other frames."""
