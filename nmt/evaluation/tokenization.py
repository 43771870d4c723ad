"""How a measure divides text into words: by the language, since text without blanks has no words for the usual rules.

Imports sacrebleu when a tokenizer is made, so that options can be declared without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from typing import Literal

from nmt.errors import UserError

Tokenization = Literal[
    "auto", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "flores101", "flores200", "spBLEU-1K", "none"
]
"""sacrebleu's tokenizers, and `auto`: the one for the language of the references."""

DEFAULT = "13a"
"""For languages with blanks between words: mteval-v13a's, sacrebleu's own default."""

UNSPACED = ("zh", "ja-mecab", "char")
"""For text without blanks between words."""

_NEEDED = {"ja-mecab": ("MeCab", "ja"), "ko-mecab": ("mecab_ko", "ko")}
"""The module that a tokenizer needs, and the extra of nmt that brings it."""
_FETCHED = ("flores101", "flores200", "spBLEU-1K")
"""Those whose model sacrebleu downloads when it is first used."""

_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "zh": ("zh", "zho", "chi", "cmn", "yue", "wuu", "lzh", "chinese", "cantonese", "mandarin"),
    "ja-mecab": ("ja", "jpn", "jp", "japanese"),
    "ko-mecab": ("ko", "kor", "korean"),
    "char": ("th", "tha", "thai", "lo", "lao", "km", "khm", "khmer", "my", "mya", "bur", "burmese", "bo", "bod", "tib",
             "tibetan", "dz", "dzo"),
}  # fmt: skip
"""Codes of ISO 639-1, -2 and -3, and English names."""

_SCRIPTS = (
    ("ja-mecab", re.compile("[\u3041-\u3096\u30a1-\u30fa]")),
    ("zh", re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("ko-mecab", re.compile("[\uac00-\ud7a3]")),
    ("char", re.compile("[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")),
)
"""Kana tells Japanese from Chinese, so it comes first."""
_LINES_LOOKED_AT = 1000
_SHARE = {"ja-mecab": 0.1}
"""Of the letters that are of such a script from which it is the text's; others half of them."""


def tokenizer_name(choice: Tokenization, language: str, references: Iterable[str]) -> str:
    """sacrebleu's name of the tokenizer for these references.

    Args:
        choice: `auto`, or the tokenizer itself.
        language: code or name of their language; empty where it is not known.
        references: looked at where the language does not tell.

    Raises:
        UserError: a tokenizer was asked for that is not installed.
    """
    if choice != "auto":
        _check_installed(choice)
        return choice
    word = re.split(r"[-_]", language.strip().lower())[0]
    wanted = next((name for name, words in _BY_LANGUAGE.items() if word in words), None) or _by_script(references)
    if wanted in _NEEDED and find_spec(_NEEDED[wanted][0]) is None:
        return "char" if wanted == "ja-mecab" else DEFAULT  # Korean has blanks, if not between all words
    return wanted


@lru_cache
def tokenizer(name: str) -> Callable[[str], str]:
    """What divides a line into words with blanks between them, exactly as sacrebleu's BLEU does.

    Raises:
        UserError: it needs a model that cannot be had.
    """
    from sacrebleu.metrics.bleu import BLEU

    try:
        found: Callable[[str], str] = BLEU(tokenize=name).tokenizer
    except (OSError, RuntimeError, ImportError) as error:
        fix = "sacrebleu downloads its model when it is first used. Offline, choose char."
        got = f"none ({str(error).splitlines()[0][:100] if str(error) else type(error).__name__})"
        raise UserError("tokenizer of the measure", f"{name}'s model", got, fix if name in _FETCHED else "") from None
    return found


def _by_script(references: Iterable[str]) -> str:
    text = "".join(islice(references, _LINES_LOOKED_AT))
    letters = sum(map(str.isalpha, text)) or 1
    for name, script in _SCRIPTS:
        if len(script.findall(text)) >= _SHARE.get(name, 0.5) * letters:
            return name
    return DEFAULT


def _check_installed(name: str) -> None:
    if name in _NEEDED and find_spec(_NEEDED[name][0]) is None:
        module, extra = _NEEDED[name]
        fix = f"`pip install 'nmt-toolkit[{extra}]'` brings it; char needs nothing."
        raise UserError(f"tokenizer {name}", f"the package {module}", "none", fix)
