"""`nmt quantize`, and the commands that use the directory that it writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from nmt.bundle import METADATA, WEIGHTS, load_bundle, read_metadata, save_bundle
from nmt.cli.info import command as info
from nmt.cli.quantize import command
from nmt.cli.score import command as score
from nmt.cli.translate import command as translate
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translator
from nmt.models.gnmt import GNMT
from nmt.models.transformer import Transformer
from nmt.nn.cells import NCGRU
from nmt.nn.kernels.int8_product import has_wide_accumulation, is_supported
from nmt.search import BeamSearch
from tests.cli.hostile_lines import hostile_lines
from tests.cli.model_directory import ordinary_line, save_tiny_model

CONFIG = Transformer.Config(model_dim=128, feedforward_dim=128, heads=2, encoder_layers=1, decoder_layers=1)
"""Wide enough for what is not quantised to count little."""

pytestmark = pytest.mark.skipif(not is_supported(), reason="the kernel is for x86-64")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), CONFIG)


@pytest.fixture(scope="module")
def small(model: Path) -> Path:
    quantize(model, model.with_name("small"))
    return model.with_name("small")


def quantize(*arguments: Path | str) -> str:
    return nmt(command, *arguments).stdout


def nmt(called: click.Command, *arguments: Path | str, given: bytes | str = "") -> Result:
    return CliRunner().invoke(called, list(map(str, arguments)), input=given, catch_exceptions=False)


def text_of(count: int) -> str:
    return "".join(ordinary_line(n) + "\n" for n in range(count))


def test_matrices_that_are_computed_become_ordinary_ones(tmp_path: Path) -> None:
    config = GNMT.Config(model_dim=32, encoder_layers=2, decoder_layers=2, cell=NCGRU.Config())
    model = save_tiny_model(tmp_path, config)
    quantize(model, tmp_path / "small")
    assert {"decoder.0.candidate.skew", "decoder.0.candidate.signs"} <= load_file(model / WEIGHTS).keys()
    stored = load_file(tmp_path / "small" / WEIGHTS)
    assert stored["decoder.0.candidate.weight"].dtype == torch.int8
    assert not any("skew" in name for name in stored)
    lines = nmt(translate, tmp_path / "small", given=text_of(3)).stdout.splitlines()
    assert len(lines) == 3


def test_a_person_quantises_and_translates(model: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nmt", "quantize", model, tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    sizes = [(directory / WEIGHTS).stat().st_size for directory in (model, tmp_path / "out")]
    assert sizes[1] <= 0.3 * sizes[0]
    words = f"{tmp_path / 'out'}: {sizes[1] / 2**20:.1f} MiB of weights instead of {sizes[0] / 2**20:.1f} MiB\n"
    assert done.stdout == f"The model is in {words}"
    lines = nmt(translate, tmp_path / "out", given="the dog\n\nthe cat\n").stdout.split("\n")
    assert [bool(line) for line in lines] == [True, False, True, False]


def test_what_the_directory_says_of_itself(model: Path, small: Path) -> None:
    before, after = read_metadata(model), read_metadata(small)
    assert before.weights == "fp32"
    assert after.weights == "int8"
    assert before.scores
    assert not after.scores  # they are of other weights
    assert after.provenance["quantized_from"] == str(model)
    same = ("source_vocabulary", "target_vocabulary", "tokenizer_digests", "parameters", "longest_source")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert nmt(info, small).exit_code == 0
    assert "int8" in nmt(info, small).stdout


def test_quantised_before_or_at_the_start_the_translations_are_the_same(model: Path, small: Path) -> None:
    text = text_of(8)
    before, now, plain = (
        nmt(translate, directory, "--scores", "--precision", precision, given=text).stdout.splitlines()
        for directory, precision in ((small, "int8"), (model, "int8"), (model, "fp32"))
    )
    assert before == now
    assert len(now) == len(plain) == 8
    assert now != plain  # to four places of the score: it was another arithmetic
    for rounded, exact in zip(now, plain, strict=True):
        assert float(rounded.split("\t")[0]) == pytest.approx(float(exact.split("\t")[0]), abs=0.1)


def test_auto_says_what_it_picked_and_a_choice_says_nothing(model: Path, small: Path) -> None:
    for directory, expected in ((model, "int8" if has_wide_accumulation() else "fp32"), (small, "int8")):
        found = nmt(translate, directory, given="the dog\n")
        assert found.stderr == f"nmt: computing in {expected}, the fastest here\n"
        chosen = nmt(translate, directory, "--precision", expected, given="the dog\n")
        assert (chosen.stdout, chosen.stderr) == (found.stdout, "")


def test_a_quantised_model_computes_in_floating_point_when_told(small: Path) -> None:
    scores = []
    for precision in ("fp32", "bf16", "int8"):
        found = nmt(translate, small, "--precision", precision, "--scores", given=text_of(3))
        assert (found.exit_code, found.stderr, found.stdout.count("\n")) == (0, "", 3)
        scores.append([float(line.split("\t")[0]) for line in found.stdout.splitlines()])
    assert scores[0] == pytest.approx(scores[2], abs=0.1)
    assert scores[0] != scores[2]


def test_n_hostile_lines_in_n_lines_out(small: Path) -> None:
    lines = [*hostile_lines()[::11], b" ".join([b"dog"] * 900), b"the dog\x00", b"\xff\xfe", b""]
    found = nmt(translate, small, "--workers", "0", given=b"\n".join(lines) + b"\n")
    assert found.exit_code == 0, found.stderr
    translations = found.stdout.split("\n")
    assert translations.pop() == ""
    assert len(translations) == len(lines)
    bundle = load_bundle(small)
    alone = Translator(
        bundle.model,
        bundle.tokenizers,
        BeamSearch(beam=2, max_length_factor=1.0, max_length_offset=3),
        TranslationOptions(precision="int8"),
        training_text=TrainingText(longest_source=20),
    )
    ordinary = [number for number in range(len(hostile_lines()[::11])) if number % 3 == 0]
    same = 0
    for number in ordinary:
        (expected,) = alone.translate([lines[number].decode()])
        same += translations[number] == expected.text
    assert same >= len(ordinary) - 1  # an equal step of rounding may fall to either side
    assert all(translation == "" for line, translation in zip(lines, translations, strict=True) if not line.strip())


def test_workers_translate_as_one_process(small: Path) -> None:
    text = text_of(12)
    alone, together = (nmt(translate, small, "--workers", workers, given=text) for workers in ("0", "2"))
    assert alone.stdout == together.stdout
    assert together.stdout.count("\n") == 12


def test_a_model_is_replaced_only_by_force_and_nothing_else_ever(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quantize(model, out)
    (out / METADATA).write_text("{}")
    with pytest.raises(UserError, match="--force"):
        quantize(model, out)
    assert (out / METADATA).read_text() == "{}"
    quantize(model, out, "--force")
    assert read_metadata(out).weights == "int8"
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis").write_text("x")
    for place in (precious, precious / "thesis", precious / "thesis" / "below"):
        with pytest.raises(UserError):
            quantize(model, place, "--force")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "precious"]
    assert (precious / "thesis").read_text() == "x"


@pytest.mark.parametrize("place", [".", "inside", "..", "../link"])
def test_the_model_itself_is_never_written_over(model: Path, tmp_path: Path, place: str) -> None:
    here = tmp_path / "run" / "model"
    shutil.copytree(model, here)
    (tmp_path / "run" / "link").symlink_to(here)
    (tmp_path / "run" / METADATA).write_bytes((model / METADATA).read_bytes())  # so that it may be replaced
    with pytest.raises(UserError, match="separate from"):
        quantize(here, here / place, "--force")
    for path in (path for path in model.rglob("*") if path.is_file()):
        assert (here / path.relative_to(model)).read_bytes() == path.read_bytes()
    assert not (here / "inside").exists()


def test_quantising_twice_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="floating-point.*8-bit.*Use the model that it was quantised from"):
        quantize(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damage_is_a_clear_error_and_nothing_is_written(model: Path, small: Path, tmp_path: Path) -> None:
    for directory in (model, small):
        broken = tmp_path / directory.name
        shutil.copytree(directory, broken)
        weights = broken / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:-100])
        with pytest.raises(UserError, match=r"weights\.safetensors"):
            load_bundle(broken)
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        quantize(tmp_path / model.name, tmp_path / "out")
    with pytest.raises(UserError, match="no such directory"):
        quantize(tmp_path / "nowhere", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    metadata = json.loads((small / METADATA).read_text())
    (tmp_path / "small" / METADATA).write_text(json.dumps(metadata | {"weights": "int2"}))
    with pytest.raises(UserError, match=METADATA):
        read_metadata(tmp_path / "small")


def test_a_diverged_model_says_so(model: Path, tmp_path: Path) -> None:
    """Rounding does not hide numbers that are none."""
    for name, bad in (("source_embedding.weight", float("nan")), ("decoder.0.cross.output.weight", float("inf"))):
        bundle = load_bundle(model)
        with torch.no_grad():
            bundle.model.get_parameter(name).fill_(bad)
        save_bundle(tmp_path / "model", bundle.model, bundle.tokenizers, bundle.recipe, bundle.metadata)
        quantize(tmp_path / "model", tmp_path / "out", "--force")
        with pytest.raises(UserError, match="finite"):
            nmt(translate, tmp_path / "out", "--workers", "0", given="the dog\n")


def test_its_scores_are_of_the_same_arithmetic_unless_told_otherwise(small: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_text(text_of(3))
    (tmp_path / "target").write_text("".join(ordinary_line(n) + "\n" for n in range(7, 10)))
    pair = ("--source", tmp_path / "source", "--target", tmp_path / "target")
    own, integers, floats = (
        [float(line) for line in nmt(score, small, *pair, *more).stdout.splitlines()]
        for more in ((), ("--precision", "int8"), ("--precision", "fp32"))
    )
    assert len(own) == 3
    assert own == integers != floats
    assert own == pytest.approx(floats, rel=0.01)
