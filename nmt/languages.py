"""Languages by code and name, and the languages of files as told from their names."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

_NAMES = """
aa Afar, ab Abkhazian, af Afrikaans, ak Akan, am Amharic, an Aragonese, ar Arabic, as Assamese, av Avaric, ay Aymara,
az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian, bi Bislama, bm Bambara, bn Bengali, bo Tibetan, br Breton,
bs Bosnian, ca Catalan, ce Chechen, co Corsican, cs Czech, cv Chuvash, cy Welsh, da Danish, de German, dv Maldivian,
dz Dzongkha, ee Ewe, el Greek, en English, eo Esperanto, es Spanish, et Estonian, eu Basque, fa Persian, ff Fulah,
fi Finnish, fj Fijian, fo Faroese, fr French, fy Frisian, ga Irish, gd Gaelic, gl Galician, gn Guarani, gu Gujarati,
gv Manx, ha Hausa, he Hebrew, hi Hindi, hr Croatian, ht Haitian, hu Hungarian, hy Armenian, ia Interlingua,
id Indonesian, ie Interlingue, ig Igbo, io Ido, is Icelandic, it Italian, iu Inuktitut, ja Japanese, jv Javanese,
ka Georgian, kg Kongo, ki Kikuyu, kk Kazakh, kl Kalaallisut, km Khmer, kn Kannada, ko Korean, ks Kashmiri, ku Kurdish,
kv Komi, kw Cornish, ky Kyrgyz, la Latin, lb Luxembourgish, lg Ganda, li Limburgish, ln Lingala, lo Lao, lt Lithuanian,
lv Latvian, mg Malagasy, mh Marshallese, mi Maori, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay,
mt Maltese, my Burmese, nb Bokmål, ne Nepali, nl Dutch, nn Nynorsk, no Norwegian, nv Navajo, ny Chichewa, oc Occitan,
om Oromo, or Odia, os Ossetian, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, qu Quechua, rm Romansh, rn Rundi,
ro Romanian, ru Russian, rw Kinyarwanda, sa Sanskrit, sc Sardinian, sd Sindhi, se Sami, sg Sango, sh Serbo-Croatian,
si Sinhala, sk Slovak, sl Slovenian, sm Samoan, sn Shona, so Somali, sq Albanian, sr Serbian, ss Swati, st Sotho,
su Sundanese, sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, ti Tigrinya, tk Turkmen, tl Tagalog,
tn Tswana, to Tongan, tr Turkish, ts Tsonga, tt Tatar, tw Twi, ty Tahitian, ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek,
ve Venda, vi Vietnamese, vo Volapük, wa Walloon, wo Wolof, xh Xhosa, yi Yiddish, yo Yoruba, za Zhuang, zh Chinese,
zu Zulu
"""
_LONGER = """
afr af, amh am, ara ar, arb ar, aze az, bel be, ben bn, bos bs, bul bg, cat ca, ces cs, cze cs, cym cy, dan da, deu de,
dut nl, ell el, eng en, est et, eus eu, fas fa, fin fi, fra fr, fre fr, ger de, gle ga, glg gl, gre el, guj gu, hau ha,
heb he, hin hi, hrv hr, hun hu, hye hy, ibo ig, ice is, ind id, isl is, ita it, jpn ja, kan kn, kat ka, kaz kk, khm km,
kor ko, lao lo, lat la, lav lv, lit lt, mal ml, mar mr, mkd mk, mlt mt, mon mn, msa ms, mya my, nep ne, nld nl, nor no,
nob nb, nno nn, pan pa, per fa, pes fa, pol pl, por pt, pus ps, ron ro, rum ro, rus ru, sin si, slk sk, slo sk, slv sl,
som so, spa es, sqi sq, srp sr, swa sw, swe sv, tam ta, tel te, tgl tl, tha th, tur tr, ukr uk, urd ur, uzb uz, vie vi,
xho xh, yor yo, zho zh, chi zh, zul zu
"""
_BY_CODE = dict(entry.split(maxsplit=1) for entry in " ".join(_NAMES.split()).split(", "))
_SHORT = dict(entry.split() for entry in _LONGER.split(","))
_BY_NAME = {name.lower(): code for code, name in _BY_CODE.items()}
_REGION = re.compile(r"(?P<code>[A-Za-z]{2,3})[-_](?P<region>[A-Z]{2}|[A-Z][a-z]{3})")
"""A code with a country or a script: pt-BR, zh_Hans, eng_Latn."""
_PACKED = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)


def language_name(code: str) -> str:
    """The English name of a language, or its code if it is unknown."""
    return _BY_CODE.get(base_code(code), code)


def base_code(code: str) -> str:
    """The code without country or script: pt of pt-BR."""
    return re.split("[-_]", code.lower())[0]


def known_code(word: str) -> str | None:
    """The two-letter code of a language given as two letters (en), three letters (eng) or a name (english).

    A two-letter code keeps its country or script: pt-BR. None if the language is unknown.
    """
    if (found := _REGION.fullmatch(word)) and (code := known_code(found["code"])):
        return word if len(found["code"]) == 2 else code
    lower = word.lower()
    return lower if lower in _BY_CODE else _SHORT.get(lower) or _BY_NAME.get(lower)


def languages_of_pair(source: Path, target: Path) -> tuple[str, str] | None:
    """The languages of two files, from where their names differ: train.en and train.fr, corpus.en-fr.en and …fr.

    If the file names do not tell, the folder names are used: en/train.txt and fr/train.txt. None if neither tells.
    """
    return _differing(_words(source.name), _words(target.name)) or _differing(
        _words(source.parent.name), _words(target.parent.name)
    )


def _differing(ours: list[str], theirs: list[str]) -> tuple[str, str] | None:
    """The last pair of different languages in the words of two names."""
    if len(ours) == len(theirs):
        differing = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        found = [(known_code(one), known_code(other)) for one, other in differing]
    else:
        found = [(_last_code(ours), _last_code(theirs))]
    known = [(one, other) for one, other in found if one and other and one != other]
    return known[-1] if known else None


def languages_of_table(path: Path) -> tuple[str, str] | None:
    """The languages of a file of pairs, from its name: pairs.en-fr.tsv, en_fr.tsv. None if it does not tell."""
    codes = [known_code(word) for word in _words(path.name)]
    return next(((one, other) for one, other in pairwise(codes) if one and other and one != other), None)


def common_stem(source: Path, target: Path) -> str:
    """The part that two names share, without language, compression and text suffix: train of train.en.gz, train.fr."""
    ours, theirs = _words(source.name), _words(target.name)
    kept = [word for word in ours if word in theirs and not known_code(word) and word not in ("txt", "tsv", "csv")]
    return "_".join(kept)


def _last_code(words: list[str]) -> str | None:
    return next((code for word in reversed(words) if (code := known_code(word))), None)


def _words(name: str) -> list[str]:
    """The parts of a name; a code with a country stays whole."""
    parts = _PACKED.sub("", name).split(".")
    return [word for part in parts for word in ([part] if known_code(part) else re.split(r"[-_]", part)) if word]
