"""SentencePiece: what goes in comes out, and the same input always gives the same model."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nmt.errors import UserError
from nmt.text import clean_line
from nmt.tokenizer import SPECIAL, TokenizerPair, load_tokenizers, save_tokenizers
from nmt.tokenizer.sentencepiece import SentencePieceOptions, SentencePieceTokenizer, _training_lines

SYLLABLES = "ba ker lin mo stra vel un ding ta heit schö ra".split()
WORDS = ["".join(syllables) for length in (1, 2, 3) for syllables in itertools.product(SYLLABLES, repeat=length)]
RANDOM = random.Random(0)
SOURCE = ["The " + " ".join(RANDOM.choices(WORDS, k=6)) + "." for _ in range(400)]
TARGET = [line.replace("The", "Das").replace("a", "u").replace("k", "x") for line in SOURCE]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("texts")
    for name, lines in (("source", SOURCE), ("target", TARGET)):
        (directory / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return directory / "source", directory / "target"


Train = Callable[..., TokenizerPair]


@pytest.fixture(scope="module")
def train(texts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains with these options on the texts; the same options only once."""
    trained: dict[str, TokenizerPair] = {}

    def run(**options: Any) -> TokenizerPair:
        key = json.dumps(options, sort_keys=True)
        if key not in trained:
            options = {"vocabulary_size": 320, **options}
            trained[key] = SentencePieceOptions(**options).train(*texts, tmp_path_factory.mktemp("tokenizer"))
        return trained[key]

    return run


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
@given(st.text(st.characters() | st.sampled_from("▁▅\u2047 the<unk></s><0x0A>\ufffd\ufeff\u200b")))
def test_detokenisation_is_exact(train: Train, algorithm: str, line: str) -> None:
    tokenizer = train(algorithm=algorithm).source
    cleaned = clean_line(line)
    ids = tokenizer.encode(cleaned)
    assert tokenizer.decode(ids) == cleaned
    assert all(SPECIAL.eos < i < tokenizer.vocabulary_size for i in ids)
    assert len(tokenizer.pieces(ids)) == len(ids)
    assert bool(ids) == bool(cleaned)


@given(st.lists(st.integers(0, 319)))
def test_decoding_gives_one_clean_line_whatever_the_ids(train: Train, ids: list[int]) -> None:
    tokenizer = train(algorithm="bpe").source
    text = tokenizer.decode(ids)
    assert len(text.splitlines()) <= 1
    assert text == tokenizer.decode([i for i in ids if i > SPECIAL.eos])
    text.encode()


def test_special_ids(train: Train) -> None:
    tokenizer = train().source
    assert tokenizer.pieces([SPECIAL.pad, SPECIAL.unk, SPECIAL.bos, SPECIAL.eos]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert tokenizer.vocabulary_size == 320
    assert tokenizer.decode([SPECIAL.bos, *tokenizer.encode("The tree"), SPECIAL.eos, SPECIAL.pad]) == "The tree"


def test_joint_and_separate(train: Train) -> None:
    assert train(joint=True).joint
    separate = train(joint=False)
    assert not separate.joint
    assert len(separate.target.encode(TARGET[0])) < len(separate.source.encode(TARGET[0]))


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_training_is_deterministic(
    texts: tuple[Path, Path], tmp_path: Path, algorithm: Literal["unigram", "bpe"], train: Train
) -> None:
    options = SentencePieceOptions(vocabulary_size=320, algorithm=algorithm)
    assert options.train(*texts, tmp_path).source.digest == train(algorithm=algorithm).source.digest


def test_user_defined_symbols_and_normalization(train: Train) -> None:
    tokenizer = train(user_defined_symbols=["<de>"]).source
    assert "<de>" in tokenizer.pieces(tokenizer.encode("a<de>b"))
    folded = train(normalization="nmt_nfkc_cf").source
    assert folded.decode(folded.encode("The ＢＡＫＥＲ")) == "the baker"
    without = train(byte_fallback=False, vocabulary_size=80).source
    assert without.encode("☃")[-1] == SPECIAL.unk
    assert without.decode(without.encode("baker ☃ mo")) == "baker mo"


def plain(*paths: Path) -> list[tuple[Path, Callable[[str], str]]]:
    """Texts that are read as they are."""
    return [(path, str) for path in paths]


def test_a_cap_on_sentences_takes_exactly_that_many(texts: tuple[Path, Path]) -> None:
    total = len(SOURCE) + len(TARGET)
    for most in (1, 7, total - 1, total, total + 5):
        lines = list(_training_lines(plain(*texts), most, seed=3))
        assert len(lines) == min(most, total)
        assert set(lines) <= {*SOURCE, *TARGET}
    half = list(_training_lines(plain(*texts), total // 2, seed=3))
    assert sum(line in set(SOURCE) for line in half) == total // 4
    assert len({tuple(_training_lines(plain(*texts), 10, seed)) for seed in range(5)}) > 1


def test_a_cap_on_sentences_sees_all_of_a_text_that_repeats_itself(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("".join(f"line {i}\n" for i in range(100)) * 100)
    lines = list(_training_lines(plain(tmp_path / "text"), 1000, seed=1))
    assert len(lines) == 1000
    assert len(set(lines)) > 95  # every tenth line would give ten different ones


def test_a_small_corpus_names_the_largest_vocabulary(texts: tuple[Path, Path], tmp_path: Path, capfd: Any) -> None:
    with pytest.raises(UserError, match=r"Set tokenizer\.vocabulary_size to (\d+) or less") as caught:
        SentencePieceOptions(vocabulary_size=8000).train(*texts, tmp_path)
    most = int(caught.value.fix.removesuffix(" or less.").split()[-1])
    pair = SentencePieceOptions(vocabulary_size=most).train(*texts, tmp_path)
    assert pair.source.vocabulary_size == most
    assert capfd.readouterr() == ("", "")  # SentencePiece's own log is silent


def test_text_that_cannot_be_trained_on(texts: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least .* enough for every character"):
        SentencePieceOptions(vocabulary_size=262).train(*texts, tmp_path)
    (tmp_path / "blank").write_text("\n \n")
    with pytest.raises(UserError, match="no line with text"):
        SentencePieceOptions().train(tmp_path / "blank", tmp_path / "blank", tmp_path)
    assert not list(tmp_path.glob("*.model"))


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "bpe", "unigram_alpha": 0.1},
        {"bpe_dropout": 0.1},
        {"unigram_candidates": 5},
        {"user_defined_symbols": ["a", "a"]},
        {"user_defined_symbols": [" a"]},
        {"character_coverage": 0.0},
        {"vocabulary": 8000},
    ],
)
def test_options_without_effect_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SentencePieceOptions(**options)


SAMPLING = [
    {"algorithm": "bpe", "bpe_dropout": 0.3},
    {"unigram_alpha": 0.2},
    {"unigram_alpha": 0.2, "unigram_candidates": 8},
]


@pytest.mark.parametrize("options", SAMPLING)
def test_sampling_is_a_pure_function_of_lines_and_seed(train: Train, options: dict[str, Any]) -> None:
    tokenizer = train(**options).source
    lines = SOURCE[:20]
    first = {seed: tokenizer.encode_sampled(lines, seed) for seed in (0, 1, 2**40 + 1)}
    assert first[0] != first[1]
    elsewhere: dict[int, list[list[int]]] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: elsewhere.update({seed: tokenizer.encode_sampled(lines, seed)}))
        for seed in first
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert elsewhere == first
    assert pickle.loads(pickle.dumps(tokenizer)).encode_sampled(lines, 1) == first[1]
    for sampled in first.values():
        assert [tokenizer.decode(ids) for ids in sampled] == lines
        assert sampled != [tokenizer.encode(line) for line in lines]


def test_sampling_switched_off_is_encoding(train: Train) -> None:
    tokenizer = train().source
    assert tokenizer.encode_sampled(SOURCE[:5], 7) == [tokenizer.encode(line) for line in SOURCE[:5]]


@pytest.mark.parametrize("joint", [True, False])
def test_a_saved_pair_loads_as_it_was(train: Train, joint: bool, tmp_path: Path) -> None:
    pair = train(joint=joint, unigram_alpha=0.2)
    save_tokenizers(pair, tmp_path)
    loaded = load_tokenizers(tmp_path)
    assert loaded.joint == joint
    assert (loaded.source is loaded.target) == joint
    for before, after in ((pair.source, loaded.source), (pair.target, loaded.target)):
        assert after.digest == before.digest
        assert after.options == before.options
        assert after.encode_sampled(SOURCE[:3], 5) == before.encode_sampled(SOURCE[:3], 5)
    expected = {"joint.model"} if joint else {"source.model", "target.model"}
    assert {path.name for path in tmp_path.iterdir()} == {"tokenizer.json", *expected}


def test_another_tokenizer_is_refused(train: Train, tmp_path: Path) -> None:
    save_tokenizers(train(), tmp_path)
    train(algorithm="bpe").source.save(tmp_path / "joint.model")
    with pytest.raises(UserError, match=r"joint\.model.*Restore the original"):
        load_tokenizers(tmp_path)
    (tmp_path / "joint.model").unlink()
    with pytest.raises(UserError, match=r"joint\.model"):
        load_tokenizers(tmp_path)
    for damage in ("", "{}", "[]", '{"format": 2, "models": {}}', '{"format": 1, "models": {"joint": {}}}'):
        (tmp_path / "tokenizer.json").write_text(damage)
        with pytest.raises(UserError, match=r"tokenizer\.json"):
            load_tokenizers(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        load_tokenizers(tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"not a model")
    with pytest.raises(UserError, match="a SentencePiece model"):
        SentencePieceOptions().load(tmp_path / "model")


def test_pickling_keeps_the_model(train: Train) -> None:
    tokenizer = train().source
    assert isinstance(tokenizer, SentencePieceTokenizer)
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.digest == tokenizer.digest
    assert copy.encode(SOURCE[0]) == tokenizer.encode(SOURCE[0])


def test_lines_longer_than_sentencepiece_takes_are_trained_on_in_parts(tmp_path: Path) -> None:
    """It leaves lines of more than 4,192 bytes out, in silence: 1,410 Chinese characters are too many."""
    path = tmp_path / "text"
    path.write_text("短句。\n" * 30 + "我们看见了很长的句子" * 200 + "\n" + "word " * 2000 + "\n", encoding="utf-8")
    parts = list(_training_lines(plain(path), 1000, seed=1))
    assert all(len(part.encode()) <= 4192 for part in parts)
    assert "".join(parts[30:]).replace(" ", "") == "我们看见了很长的句子" * 200 + "word" * 2000
    assert all(part.startswith("word") for part in parts if "word" in part)
    options = SentencePieceOptions(vocabulary_size=280, character_coverage=1.0)
    pair = options.train(path, path, tmp_path / "tokenizer")
    assert "很" in "".join(pair.source.pieces(pair.source.encode("很长")))  # which only the long line has


@pytest.mark.parametrize("symbol", ["</s>", "<unk>", "<pad>", "<s>", "<0x41>", "IS MAN", "a\u00a0b", " x", "\u200b"])
def test_symbols_that_would_never_match_or_are_taken_are_refused(symbol: str) -> None:
    with pytest.raises(ValidationError, match="user_defined_symbols may not"):
        SentencePieceOptions(user_defined_symbols=(symbol,))


def test_typographic_apostrophes_of_the_source_are_plain_ones(texts: tuple[Path, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("".join(line.replace(".", " don’t.") + "\n" for line in SOURCE), encoding="utf-8")
    for joint in (True, False):
        options = SentencePieceOptions(vocabulary_size=350, joint=joint, apostrophes="plain")
        trained = options.train(source, texts[1], tmp_path / f"{joint}")
        for pair in (trained, load_tokenizers(tmp_path / f"{joint}"), pickle.loads(pickle.dumps(trained))):
            assert pair.source.encode("I don’t") == pair.source.encode("I don't")
            assert pair.target.decode(pair.target.encode("l’été l'été")) == "l’été l'été"
            assert pair.joint is joint
        assert "don’t" not in "".join(_training_lines([(source, options.reads)], 10_000, 1))
    kept = SentencePieceOptions(vocabulary_size=350).train(source, texts[1], tmp_path / "kept")
    assert kept.source is kept.target
    assert kept.source.encode("don’t") != kept.source.encode("don't")


def test_a_model_of_other_options_is_refused(texts: tuple[Path, Path], tmp_path: Path) -> None:
    """Its digest may agree: a stranger can write both."""
    path = tmp_path / "joint.model"
    options = SentencePieceOptions(vocabulary_size=300)
    for ids, said in (({"pad_id": 3, "eos_id": 0}, "instead of"), (None, "empty")):
        model = io.BytesIO()
        if ids is not None:
            given: dict[str, Any] = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, **ids}
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(SOURCE), model_writer=model, vocab_size=100, minloglevel=2, **given
            )
        path.write_bytes(model.getvalue())
        with pytest.raises(UserError, match=said):
            options.load(path)
