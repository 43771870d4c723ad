"""Automata extracted from models: exact where the cell is one, faithful where it has learned to be one."""

from __future__ import annotations

import random
from itertools import product

import pytest
import torch

from data_prep.synthetic.tomita import GRAMMARS
from nmt.data.batch import Batch, collate
from nmt.inference.extraction.agreement import compare
from nmt.inference.extraction.alphabet import Alphabet
from nmt.inference.extraction.extract import UNSEEN, Method, counted, queried
from nmt.inference.extraction.reader import SymbolReader
from nmt.inference.extraction.report import extracted
from nmt.inference.extraction.strings import chosen_strings
from nmt.models.language.decoder_only import DecoderOnly
from nmt.models.language.recurrent import RecurrentState
from nmt.nn.cells import GRU, LSTM, StateRegularized, TanhCell
from nmt.nn.cells.norms import AssortedTimeNorm, SiteLayerNorm
from nmt.training.objectives.likelihood import cross_entropy
from tests.cli.symbol_models import decoder_only

ALPHABET = Alphabet((4, 5), ("<pad>", "<unk>", "<s>", "</s>", "0", "1", "accept", "reject"))
METHODS: tuple[Method, ...] = ("count", "query")
SIZE, ACCEPT, REJECT = len(ALPHABET.pieces), 6, 7
HARD = {"assignment": "hard", "centroids": 9, "similarity": "l2"}


def built(cell: StateRegularized.Config, seed: int, dim: int = 8) -> DecoderOnly[RecurrentState]:
    """With weights that make the states differ."""
    torch.manual_seed(seed)
    model = decoder_only(cell, dim).build(SIZE, SIZE).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def reader_of(model: DecoderOnly[RecurrentState]) -> SymbolReader:
    return SymbolReader(model, "translation", "model")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("inner", [GRU.Config(), TanhCell.Config(norm=SiteLayerNorm.Config())], ids=str)
def test_a_hard_cell_without_memory_is_an_automaton(inner: GRU.Config | TanhCell.Config, seed: int) -> None:
    reader = reader_of(built(StateRegularized.Config.model_validate({**HARD, "cell": inner}), seed))
    assert not reader.has_memory
    strings = chosen_strings(ALPHABET.symbols, seed)[:700:3]
    exact, found = queried(reader, ALPHABET), counted(reader, ALPHABET, strings)
    agreement = compare(reader, exact.automaton, ALPHABET, strings)
    assert agreement.equal == agreement.strings == len(strings)
    seen = [answer != UNSEEN for answer in found.automaton.outputs]
    assert sum(seen) >= 2
    if found.unseen == 0:
        assert found.automaton == exact.automaton


def test_transitions_that_are_seen_are_those_that_are_asked_for() -> None:
    reader = reader_of(built(StateRegularized.Config.model_validate(HARD), 3))
    successors = reader.successors(ALPHABET.symbols)
    for reading, string in zip(reader.read_all(strings := [(4, 5, 5, 4, 4), (5,), ()]), strings, strict=True):
        assert len(reading.states) == len(reading.weights) + 1 == len(string) + 1
        for state, symbol, after in zip(reading.states, string, reading.states[1:], strict=False):
            assert successors[state][symbol - 4] == after


@pytest.mark.parametrize("inner", [GRU.Config(), LSTM.Config()], ids=str)
def test_readings_are_those_of_the_model(inner: GRU.Config | LSTM.Config) -> None:
    """Whatever is read with them, and of any length."""
    model = built(StateRegularized.Config(cell=inner, centroids=4), 1)
    reader, strings = reader_of(model), [(4, 5, 5), (), (5,), (4,) * 30]
    together = list(reader.read_all(strings, every_answer=True))
    for string, reading in zip(strings, together, strict=True):
        (alone,) = reader.read_all([string])
        assert alone.states == reading.states
        assert alone.answers == reading.answers[-1:]
        torch.testing.assert_close(alone.weights, reading.weights)
        batch = collate([list(string)], [[]])
        output = model.decode(batch.target_input, batch.target_mask, model.encode(batch.source, batch.source_mask))
        assert output.logits[0, 0].argmax().item() == reading.answers[-1]


def test_what_a_cell_carries_besides_its_output_is_noticed() -> None:
    memory = [
        reader_of(built(StateRegularized.Config(cell=cell), 1)).has_memory
        for cell in (GRU.Config(), LSTM.Config(), GRU.Config(norm=AssortedTimeNorm.Config(window=3)))
    ]
    assert memory == [False, True, True]


def test_a_counted_state_has_its_most_frequent_answer() -> None:
    reader = reader_of(built(StateRegularized.Config(cell=LSTM.Config(), centroids=3), 2))
    strings = chosen_strings(ALPHABET.symbols, 1)[:300]
    votes: dict[int, list[int]] = {}
    for reading in reader.read_all(strings, every_answer=True):
        for state, answer in zip(reading.states, reading.answers, strict=True):
            votes.setdefault(state, []).append(answer)
    expected = {ALPHABET.pieces[max(sorted(set(found)), key=found.count)] for found in votes.values()}
    outputs = set(counted(reader, ALPHABET, strings).automaton.outputs) - {UNSEEN}
    assert outputs <= expected


def test_chosen_strings_are_all_short_ones_and_long_ones_of_all_kinds() -> None:
    strings = chosen_strings((4, 5), 1)
    short = [string for string in strings if len(string) <= 7]
    assert set(short) == {string for length in range(8) for string in product((4, 5), repeat=length)}
    long = strings[len(short) :]
    assert 150 < max(map(len, long)) <= 200
    assert sum(string.count(5) < len(string) / 50 for string in long) > 10
    assert strings == chosen_strings((4, 5), 1) != chosen_strings((4, 5), 2)


def accepts(string: tuple[int, ...]) -> bool:
    """Tomita's grammar 4: no three zeros in a row."""
    return "444" not in "".join(map(str, string))


TOMITA_4 = GRAMMARS[4]


def balanced_batch(draw: random.Random) -> Batch:
    """Sixteen strings that are accepted and sixteen that are not."""
    found: dict[bool, list[tuple[int, ...]]] = {True: [], False: []}
    while min(map(len, found.values())) < 16:
        share = draw.random()
        string = tuple(draw.choices((4, 5), (share, 1 - share), k=draw.randint(0, 8)))
        found[accepts(string)].append(string)
    strings = found[True][:16] + found[False][:16]
    return collate([list(string) for string in strings], [[ACCEPT]] * 16 + [[REJECT]] * 16)


def train(model: DecoderOnly[RecurrentState], updates: int, draw: random.Random) -> float:
    """Returns the mean loss per token."""
    optimizer, losses = torch.optim.Adam(model.train().parameters(), lr=0.01), []
    for _ in range(updates):
        objective = cross_entropy(model, batch := balanced_batch(draw), 0.0)
        optimizer.zero_grad()
        objective.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(objective.likelihood) / batch.target_tokens)
    model.eval()
    return sum(losses) / len(losses)


@pytest.mark.slow
def test_a_grammar_is_learned_from_short_strings_and_its_minimal_automaton_extracted() -> None:
    torch.manual_seed(1)
    cell = StateRegularized.Config(centroids=10, centroid_range=1.0, noise=1.0)
    model, draw = decoder_only(cell, 16, initial_range=0.6).build(SIZE, SIZE), random.Random(1)
    for _ in range(5):
        if train(model, 200, draw) < 0.06:
            break
    reader = reader_of(model)
    for method in METHODS:
        report = extracted(reader, ALPHABET, method, None, 1)
        assert report.minimal.difference(TOMITA_4) is None
        assert report.minimal == TOMITA_4.minimal()
        assert report.agreement.equal == report.agreement.strings  # of up to 200 symbols
        assert report.agreement.mean_largest_weight > 0.98
