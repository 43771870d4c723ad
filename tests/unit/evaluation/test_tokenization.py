"""Measures divide text as its language does, and say so."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from sacrebleu.metrics.bleu import BLEU

from nmt.errors import UserError
from nmt.evaluation.gleu import corpus_gleu
from nmt.evaluation.scores import scores
from nmt.evaluation.tokenization import Tokenization, tokenizer_name

ZH = ["我们明天去北京看朋友。", "他昨天没有来。", "这只猫很大，那只狗很小。"]
JA = ["私は明日東京へ行きます。", "彼は昨日来なかった。"]
TH = ["ฉันจะไปกรุงเทพพรุ่งนี้", "เขาไม่ได้มาเมื่อวาน"]
DE = ["Wir fahren morgen nach Berlin.", "Er kam gestern nicht."]
MECAB = "ja-mecab" if find_spec("MeCab") else "char"


@pytest.mark.parametrize(
    ("language", "references", "name"),
    [
        ("zh", [], "zh"),
        ("zh-TW", [], "zh"),
        ("zh_simplified", [], "zh"),
        ("cmn", [], "zh"),
        ("Chinese", [], "zh"),
        ("ja", [], MECAB),
        ("tha", [], "char"),
        ("de", DE, "13a"),
        ("", ZH, "zh"),
        ("", JA, MECAB),
        ("", TH, "char"),
        ("", DE, "13a"),
        ("", [], "13a"),
        ("xx", [*DE, "Er sagte 你好."], "13a"),
    ],
)
def test_the_tokenizer_follows_the_language_or_else_the_text(language: str, references: list[str], name: str) -> None:
    assert tokenizer_name("auto", language, references) == name


def test_a_choice_stands() -> None:
    assert tokenizer_name("char", "zh", ZH) == "char"
    assert tokenizer_name("13a", "zh", ZH) == "13a"


@pytest.mark.skipif(find_spec("MeCab") is not None, reason="MeCab is installed")
def test_what_is_not_installed_is_named_with_what_brings_it() -> None:
    with pytest.raises(UserError, match=r"ja-mecab: expected the Python module MeCab, got none.*nmt-toolkit\[ja\]"):
        tokenizer_name("ja-mecab", "ja", JA)


@pytest.mark.parametrize(("lines", "name"), [(ZH, "zh"), (JA, "char"), (TH, "char")])
def test_identical_text_scores_100_and_the_signature_says_how(lines: list[str], name: Tokenization) -> None:
    assert scores(lines, [lines]).bleu.value == 0.0  # one word a line
    found = scores(lines, [lines], tokenizer=name)
    assert found.bleu.value == pytest.approx(100)
    assert found.bleu.value == BLEU(tokenize=name).corpus_score(lines, [lines]).score
    assert f"tok:{name}" in found.bleu.signature
    assert f"tok:{name}" in found.gleu.signature
    assert found.ter.value == 0.0


def test_gleu_and_ter_see_a_part_of_a_line_without_blanks() -> None:
    wrong = [line.replace("猫", "狗") for line in ZH]
    assert corpus_gleu(wrong, [ZH]) < corpus_gleu(wrong, [ZH], "zh") < 100
    assert scores(wrong, [ZH], tokenizer="zh").ter.value < scores(wrong, [ZH]).ter.value


def test_a_bleu_that_says_nothing_is_said() -> None:
    assert "tokenize" in scores(ZH, [ZH]).concern()
    words = ["kaufte", "lief", "sang"]
    assert "tokenize" in scores(words, [words]).concern()
    assert scores(DE, [DE]).concern() == ""
    assert scores(["völlig anders"] * 2, [DE]).concern() == ""  # an honest zero
