"""The tokenizer of a measure, chosen by language, because the usual rules find no words in text without spaces.

sacrebleu is imported only when a tokenizer is created, so options can be declared without it.
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
"""sacrebleu's tokenizers, and `auto`, which chooses by the language of the references."""

DEFAULT = "13a"
"""The tokenizer of mteval-v13a, for languages with spaces between words; sacrebleu's own default."""

UNSPACED = ("zh", "ja-mecab", "char")
"""Tokenizers for text without spaces between words."""

_NEEDED = {"ja-mecab": ("MeCab", "ja"), "ko-mecab": ("mecab_ko", "ko")}
"""The module that a tokenizer needs, and the extra of nmt that installs it."""
_DOWNLOADED = ("flores101", "flores200", "spBLEU-1K")
"""Tokenizers whose model sacrebleu downloads on first use."""

_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "zh": ("zh", "zho", "chi", "cmn", "yue", "wuu", "lzh", "chinese", "cantonese", "mandarin"),
    "ja-mecab": ("ja", "jpn", "jp", "japanese"),
    "ko-mecab": ("ko", "kor", "korean"),
    "char": ("th", "tha", "thai", "lo", "lao", "km", "khm", "khmer", "my", "mya", "bur", "burmese", "bo", "bod", "tib",
             "tibetan", "dz", "dzo"),
}  # fmt: skip
"""Languages by their codes of ISO 639-1, -2 and -3, and by English names."""

_SCRIPTS = (
    ("ja-mecab", re.compile("[\u3041-\u3096\u30a1-\u30fa]")),
    ("zh", re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("ko-mecab", re.compile("[\uac00-\ud7a3]")),
    ("char", re.compile("[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")),
)
"""Characters that identify a script. Kana distinguishes Japanese from Chinese, so it comes first."""
_SAMPLED_LINES = 1000
_SHARE = {"ja-mecab": 0.1}
"""Share of the letters from which a text counts as written in a script; 0.5 if not listed."""


def tokenizer_name(choice: Tokenization, language: str, references: Iterable[str]) -> str:
    """sacrebleu's name of the tokenizer for these references.

    Args:
        choice: `auto`, or the name of a tokenizer.
        language: code or name of their language; empty if unknown.
        references: examined if the language does not decide.

    Raises:
        UserError: the chosen tokenizer is not installed.
    """
    if choice != "auto":
        _check_installed(choice)
        return choice
    word = re.split(r"[-_]", language.strip().lower())[0]
    wanted = next((name for name, words in _BY_LANGUAGE.items() if word in words), None) or _by_script(references)
    if wanted in _NEEDED and find_spec(_NEEDED[wanted][0]) is None:
        return "char" if wanted == "ja-mecab" else DEFAULT  # Korean has spaces, if not between all words
    return wanted


@lru_cache
def tokenizer(name: str) -> Callable[[str], str]:
    """The function that splits a line into words separated by spaces, exactly as sacrebleu's BLEU does.

    Raises:
        UserError: it needs a model that is not available.
    """
    from sacrebleu.metrics.bleu import BLEU

    try:
        found: Callable[[str], str] = BLEU(tokenize=name).tokenizer
    except (OSError, RuntimeError, ImportError) as error:
        fix = "sacrebleu downloads this model on first use. Without a network, choose char."
        got = f"none ({str(error).splitlines()[0][:100] if str(error) else type(error).__name__})"
        raise UserError(
            "evaluation tokenizer", f"the model of {name}", got, fix if name in _DOWNLOADED else ""
        ) from None
    return found


def _by_script(references: Iterable[str]) -> str:
    text = "".join(islice(references, _SAMPLED_LINES))
    letters = sum(map(str.isalpha, text)) or 1
    for name, script in _SCRIPTS:
        if len(script.findall(text)) >= _SHARE.get(name, 0.5) * letters:
            return name
    return DEFAULT


def _check_installed(name: str) -> None:
    if name in _NEEDED and find_spec(_NEEDED[name][0]) is None:
        module, extra = _NEEDED[name]
        fix = f"Install it with `pip install 'nmt-toolkit[{extra}]'`, or choose char, which needs no package."
        raise UserError(f"tokenizer {name}", f"the Python module {module}", "none", fix)
