"""Models that fairseq's own programs train, imported: raw text in, the text that fairseq-generate writes out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from nmt.cli.import_fairseq import command as import_fairseq
from nmt.cli.translate import command as translate
from tests.parity import fairseq_programs as fairseq

pytestmark = pytest.mark.slow

ADAM = ("--adam-betas", "(0.9, 0.98)")


@dataclass(frozen=True)
class Trained:
    """What fairseq made."""

    data: Path
    """Folder with the dictionaries."""
    checkpoint: Path
    source: Path
    """Raw sentences."""
    text_options: tuple[str, ...]
    """How the text is cut, as `nmt import fairseq` is told; for fairseq's programs too."""
    references: list[str]
    """fairseq-generate's translations."""


@pytest.fixture(scope="module")
def texts(multi30k: Path) -> dict[str, list[str]]:
    return fairseq.read_multi30k(multi30k)


@pytest.fixture(scope="module")
def words(texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """Text as fairseq's `--tokenizer moses` takes it apart."""
    from sacremoses import MosesTokenizer

    moses = {language: MosesTokenizer(language) for language in fairseq.LANGUAGES}
    return {
        name: [moses[name[-2:]].tokenize(line, aggressive_dash_splits=True, return_str=True) for line in lines]
        for name, lines in texts.items()
    }


@pytest.fixture(scope="module")
def transformer(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, list[str]], words: dict[str, list[str]]
) -> Trained:
    """Joined dictionary, all embeddings shared, a wider encoder as in the WMT19 models; subword-nmt's BPE."""
    from subword_nmt.apply_bpe import BPE
    from subword_nmt.learn_bpe import learn_bpe

    directory = tmp_path_factory.mktemp("transformer")
    codes = io.StringIO()
    learn_bpe(io.StringIO("\n".join(words["train.en"] + words["train.de"])), codes, 1500)
    (directory / "codes").write_text(codes.getvalue(), encoding="utf-8")
    codes.seek(0)
    bpe = BPE(codes)
    pieces = {name: [bpe.process_line(line) for line in lines] for name, lines in words.items()}
    data = fairseq.preprocess(directory, pieces, "--joined-dictionary")
    checkpoint = fairseq.train(
        data, *ADAM, *"--arch transformer_iwslt_de_en --share-all-embeddings --encoder-embed-dim 128 "
        "--decoder-embed-dim 128 --encoder-ffn-embed-dim 384 --decoder-ffn-embed-dim 256 --encoder-layers 1 "
        "--decoder-layers 1 --encoder-attention-heads 4 --decoder-attention-heads 2 --lr 3e-3 --max-update 140".split()
    )  # fmt: skip
    options = ("--tokenizer", "moses", "--bpe", "subword_nmt", "--bpe-codes", str(directory / "codes"))
    return _translated(directory, data, checkpoint, texts, options)


@pytest.fixture(scope="module")
def fconv(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, list[str]]) -> Trained:
    """SentencePiece, a dictionary for each language, different numbers of positions."""
    import sentencepiece

    directory = tmp_path_factory.mktemp("fconv")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts["train.en"] + texts["train.de"]),
        model_writer=model,
        vocab_size=1500,
        minloglevel=2,
    )
    (directory / "sentencepiece.bpe.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = {name: [" ".join(processor.encode(line, out_type=str)) for line in lines] for name, lines in texts.items()}
    data = fairseq.preprocess(directory, pieces)
    checkpoint = fairseq.train(
        data, *ADAM, *"--arch fconv_iwslt_de_en --encoder-embed-dim 96 --decoder-embed-dim 96 --decoder-out-embed-dim "
        "96 --max-source-positions 200 --max-target-positions 300 --lr 5e-3 --max-update 120".split(),
        "--encoder-layers", "[(96, 3)] * 2 + [(128, 3)]", "--decoder-layers", "[(96, 3)] * 2",
    )  # fmt: skip
    options = ("--bpe", "sentencepiece", "--sentencepiece-model", str(directory / "sentencepiece.bpe.model"))
    return _translated(directory, data, checkpoint, texts, options)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, list[str]], words: dict[str, list[str]]) -> Trained:
    """Whole words, of which rare ones are unknown."""
    directory = tmp_path_factory.mktemp("lstm")
    data = fairseq.preprocess(directory, words, "--thresholdsrc", "4", "--thresholdtgt", "4")
    checkpoint = fairseq.train(
        data, *"--arch lstm --encoder-embed-dim 96 --decoder-embed-dim 96 --decoder-out-embed-dim 96 "
        "--encoder-hidden-size 96 --decoder-hidden-size 96 --encoder-bidirectional --lr 5e-3 --max-tokens 800 "
        "--max-update 180 --dropout 0".split()
    )  # fmt: skip
    return _translated(directory, data, checkpoint, texts, ("--tokenizer", "moses"))


def _translated(
    directory: Path, data: Path, checkpoint: Path, texts: dict[str, list[str]], options: tuple[str, ...]
) -> Trained:
    source = fairseq.write_lines(directory / "source", texts["test.en"])
    return Trained(data, checkpoint, source, options, fairseq.generate(data, checkpoint, *options))


@pytest.mark.parametrize(("name", "distinct"), [("transformer", 80), ("fconv", 80), ("lstm", 30)])
def test_the_text_of_fairseq_generate(name: str, distinct: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    trained: Trained = request.getfixturevalue(name)
    assert len(set(trained.references)) > distinct, "the model has learned too little for this to prove anything"
    assert ours(trained, trained.text_options, tmp_path) == trained.references


def test_fastbpe(transformer: Trained, tmp_path: Path) -> None:
    """The same merges as fastBPE writes them: fairseq reads them with the original program, from raw text."""
    merges = Path(transformer.text_options[-1]).read_text(encoding="utf-8").splitlines()[1:]
    codes = fairseq.write_lines(tmp_path / "codes", [f"{merge} {len(merges) - n}" for n, merge in enumerate(merges)])
    options = ("--tokenizer", "moses", "--bpe", "fastbpe", "--bpe-codes", str(codes))
    few = fairseq.write_lines(tmp_path / "few", transformer.source.read_text(encoding="utf-8").splitlines()[:24])
    references = fairseq.interactive(transformer.data, transformer.checkpoint, few, *options)
    assert len(references) == 24
    assert ours(replace(transformer, source=few), options, tmp_path) == references


def test_a_checkpoint_with_omegaconf_inside(transformer: Trained, tmp_path: Path) -> None:
    """As some versions of fairseq saved them; omegaconf itself must not be needed to read it."""
    from omegaconf import OmegaConf

    content = torch.load(transformer.checkpoint, weights_only=False)
    nested = vars(content["cfg"]["model"])
    sides = {
        side: {name.removeprefix(f"{side}_"): nested[name] for name in list(nested) if name.startswith(f"{side}_")}
        for side in ("encoder", "decoder")
    }
    flat = {name: value for name, value in nested.items() if not name.startswith(("encoder_", "decoder_"))}
    sides["decoder"]["output_dim"] = "${model.decoder.embed_dim}"
    content["cfg"] = OmegaConf.create(
        {**content["cfg"], "model": {**flat, **sides, "_name": "transformer", "arch": None}}
    )
    torch.save(content, tmp_path / "omegaconf.pt")
    changed = replace(transformer, checkpoint=tmp_path / "omegaconf.pt")
    assert ours(changed, transformer.text_options, tmp_path) == transformer.references


def ours(trained: Trained, text_options: Sequence[str], directory: Path) -> list[str]:
    """Imported, then translated, as a user does it."""
    out, output = directory / "model", directory / "output"
    arguments = [str(trained.checkpoint), "--dictionaries", str(trained.data), *text_options, str(out)]
    CliRunner().invoke(import_fairseq, arguments, catch_exceptions=False)
    arguments = [str(out), str(trained.source), "-o", str(output), "--workers", "0", "--precision", "fp32"]
    CliRunner().invoke(translate, arguments, catch_exceptions=False)
    return output.read_text(encoding="utf-8").splitlines()
