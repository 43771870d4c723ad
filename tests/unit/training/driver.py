"""A small real training, to be run in processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor

from nmt.data.store import PairStore, build_store
from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.models import ModelConfig
from nmt.models.deq import DEQ, Pretraining
from nmt.models.transformer import Transformer
from nmt.nn.equilibrium import Implicit, JacobianPenalty
from nmt.nn.fixed_point import Anderson, Picard
from nmt.pipeline.objective import make_objective
from nmt.tokenizer import load_tokenizers
from nmt.tokenizer.base import TokenizerPair
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training import Training
from nmt.training.checkpoint import LAST
from nmt.training.distributed import World, join_world
from nmt.training.log import Moved, Progress, Started, Validated
from nmt.training.objectives import Objective, Refinement
from nmt.training.optimizer import SGD
from nmt.training.schedule import Constant
from nmt.training.trainer import Trainer, TrainingResult
from nmt.training.validation import ValidationSet

WORDS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "red": "rot", "house": "Haus", "tree": "Baum"}


SMALL = Transformer.Config(model_dim=16, feedforward_dim=32, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.2)


class Silence:
    """Hears everything, keeps it, says nothing."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.moves: list[Moved] = []

    def started(self, event: Started) -> None:
        self.events.append(event)

    def moved(self, event: Moved) -> None:
        self.moves.append(event)

    def progress(self, event: Progress) -> None:
        self.events.append(event)

    def validated(self, event: Validated) -> None:
        self.events.append(event)

    def note(self, update: int, message: str) -> None:
        self.events.append(message)


def sentences(count: int) -> tuple[list[str], list[str]]:
    """Word-by-word translations of drawn words."""
    generator, keys = torch.Generator().manual_seed(5), list(WORDS)
    drawn = [
        [keys[i] for i in torch.randint(len(keys), (2 + n % 6,), generator=generator).tolist()] for n in range(count)
    ]
    return [" ".join(words) for words in drawn], [" ".join(WORDS[word] for word in words) for words in drawn]


def prepared(directory: Path) -> tuple[PairStore, TokenizerPair]:
    """A store of 300 pairs and its tokenizers; made by the first call."""
    source, target = directory / "text.en", directory / "text.de"
    for path, lines in zip((source, target), sentences(300), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    tokenizers = SentencePieceOptions(algorithm="bpe", vocabulary_size=60, byte_fallback=False).train(
        source, target, directory / "tok"
    )
    build_store(source, target, tokenizers, directory / "ids")
    return PairStore(directory / "ids"), tokenizers


def options(**changes: Any) -> Training:
    """A training of seconds, with dropout, several epochs and validations."""
    settings: dict[str, Any] = {
        "updates": 24,
        "batch_tokens": 400,
        "validate_every": 8,
        "save_every": 5,
        "log_every": 1,
        "average_checkpoints": 2,
        "precision": "fp32",
        "schedule": Constant(learning_rate=3e-3),
    }
    return Training(**(settings | changes))


def refining(**changes: Any) -> Training:
    """A refinement of seconds."""
    settings: dict[str, Any] = {"updates": 14, "best_by": "loss", "average_checkpoints": 1, "batch_tokens": 200}
    return options(**(settings | {"objective": Refinement(samples=4)} | changes))


def reporting(**changes: Any) -> Training:
    """A training whose log lines are about several updates, with checkpoints in between."""
    return options(**({"updates": 16, "log_every": 6, "best_by": "loss"} | changes))


def equilibrium() -> DEQ.Config:
    """Of which some micro-batches have no statistics, and some have a penalty."""
    few = Anderson(tolerance=1e-2, max_iterations=6)
    return DEQ.Config(
        model_dim=16,
        feedforward_dim=32,
        heads=2,
        pretraining=Pretraining(updates=2),
        encoder_solver=few,
        decoder_solver=Picard(tolerance=1e-2, max_iterations=6),
        gradient=Implicit(solver=few),
        jacobian=JacobianPenalty(weight=0.1, frequency=0.4),
    )


def final_weights(directory: Path) -> Tensor:
    """[P], the weights that the last checkpoint of a training has, in the order of their names."""
    tensors = load_file(directory / "checkpoints" / LAST)
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.startswith("values/")])


class NoBleu(Measure):
    """Stands in for BLEU: 0, and looks at the order of the translations."""

    label = "BLEU"

    def score(self, outcome: Outcome) -> Score:
        sources, _ = sentences(20)
        assert outcome.hypotheses == [line.upper() for line in sources]  # whatever the number of processes
        return Score(self.label, 0.0, "")


def trainer(
    directory: Path, store: PairStore, tokenizers: TokenizerPair, world: World, training: Training, **changes: Any
) -> Trainer:
    """Of a two-layer Transformer unless a `config` is given; validated on 20 sentences with a stand-in for search."""
    sources, references = sentences(20)
    reporter = changes.pop("reporter", Silence())
    config: ModelConfig = changes.pop("config", SMALL)
    objective: Objective = changes.pop("objective", None) or make_objective(training, tokenizers)

    def translate(model: torch.nn.Module, lines: Sequence[str]) -> list[str]:
        assert not model.training
        return [line.upper() for line in lines]

    vocabulary = tokenizers.source.vocabulary_size
    validation = ValidationSet(store, sources, references, translate, {"bleu": NoBleu()})
    return Trainer(
        training,
        lambda: config.build(vocabulary, vocabulary),
        store,
        tokenizers,
        validation,
        directory,
        world,
        reporter,
        objective=objective,
        **changes,
    )


def group_threads() -> list[str]:
    """Names of the threads of this process that belong to a process group (Linux)."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


def drive(directory: Path, updates: int = 24, kind: Literal["plain", "refine", "deq"] = "plain") -> None:
    """Trains in a directory on the data that lies beside it.

    Several processes with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set train together.
    """
    tokenizers = load_tokenizers(directory.parent / "tok")
    with join_world("cpu") as world:
        if kind == "refine":
            training = refining(updates=updates, optimizer=SGD())
        elif kind == "deq":
            training = reporting(updates=updates)
        else:
            training = options(updates=updates, best_by="loss")
        result: TrainingResult = trainer(
            directory,
            PairStore(directory.parent / "ids"),
            tokenizers,
            world,
            training,
            **({"config": equilibrium()} if kind == "deq" else {}),
        ).train()
    assert not group_threads(), "the group's threads outlive it, and may end the process while it shuts down"
    if world.first:
        sys.stdout.write(f"{result.position.update} {result.chosen}\n")
