"""State-regularised cells: what mixtures of centroids are, and what follows for a whole sequence."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from nmt.models.luong import Luong
from nmt.nn.annealing import anneal
from nmt.nn.cells import GRU, LSTM, CellConfig, CellState, StateRegularized, TanhCell
from nmt.nn.cells.norms import SiteLayerNorm
from nmt.nn.cells.state_regularized import Introduction
from nmt.nn.clipping import AnnealedLimit, Clipping
from nmt.nn.temperature import Temperature

WIDTH, CENTROIDS = 4, 3  # few enough for the weights to follow from the mixture


def built(config: StateRegularized.Config, limit: AnnealedLimit | None = None) -> StateRegularized:
    torch.manual_seed(2)
    cell = config.build(2, WIDTH, limit).eval()
    nn.init.normal_(cell.centroids)
    return cell


CONFIGS = {
    f"{cell.kind}-{similarity}-{assignment}": StateRegularized.Config.model_validate(
        {"cell": cell, "centroids": CENTROIDS, "similarity": similarity, "assignment": assignment}
    )
    for cell in (GRU.Config(), LSTM.Config(), TanhCell.Config())
    for similarity in ("dot", "cosine", "l2")
    for assignment in ("soft", "hard")
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def weights_of(mixtures: Tensor, centroids: Tensor) -> Tensor:
    """The weights [..., k], of sum 1, with which the centroids give the mixtures [..., width]."""
    ones = torch.ones(len(centroids), 1)
    equations = torch.cat([centroids, ones], dim=1)  # [k, width + 1]
    values = torch.cat([mixtures, torch.ones_like(mixtures[..., :1])], dim=-1)
    found: Tensor = values @ torch.linalg.pinv(equations)
    torch.testing.assert_close(found @ equations, values, atol=1e-5, rtol=0)
    return found


@every_config
@torch.no_grad()
def test_outputs_are_mixtures_of_centroids_and_so_bounded_on_sequences_of_any_length(
    config: StateRegularized.Config,
) -> None:
    cell = built(config)
    outputs = cell(10 * torch.randn(3, 400, 2))
    weights = weights_of(outputs, cell.centroids)
    assert weights.min() > -1e-5
    assert outputs.norm(dim=-1).max() <= cell.centroids.norm(dim=-1).max() + 1e-5


@torch.no_grad()
def test_a_limit_clips_the_centroids_so_mixtures_stay_mixtures() -> None:
    cell = built(StateRegularized.Config(centroids=3), AnnealedLimit(Clipping(start=0.2, end=0.2, until_update=1)))
    outputs = cell(torch.randn(3, 9, 2))
    assert cell.centroids.abs().max() > 0.2
    assert weights_of(outputs, cell.centroids.clamp(-0.2, 0.2)).min() > -1e-4


@every_config
@torch.no_grad()
def test_reported_weights_are_those_of_the_mixture(config: StateRegularized.Config) -> None:
    cell, x = built(config), torch.randn(5, 2)
    weights, state = cell.assigned_step(x, cell.empty(x, 5))
    torch.testing.assert_close(weights.sum(-1), torch.ones(5))
    torch.testing.assert_close(state.tensors(), cell.step(x, cell.empty(x, 5)).tensors())
    used = nn.functional.one_hot(weights.argmax(-1), CENTROIDS).float() if config.assignment == "hard" else weights
    torch.testing.assert_close(used @ cell.centroids, state.output)


def test_with_one_centroid_the_output_is_constant_and_a_classifier_learns_the_prior() -> None:
    cell, classifier = built(StateRegularized.Config(centroids=1)), nn.Linear(WIDTH, 2)
    x, classes = torch.randn(40, 5, 2), (torch.arange(40) < 10).long()
    outputs = cell(x)
    torch.testing.assert_close(outputs, cell.centroids.expand_as(outputs))
    optimizer = torch.optim.Adam([*cell.parameters(), *classifier.parameters()], lr=0.1)
    loss = torch.tensor(math.inf)
    for _ in range(150):
        loss = nn.functional.cross_entropy(classifier(cell(x)[:, -1]), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75), abs=1e-3)


@pytest.mark.parametrize(
    ("similarity", "values"),
    [
        ("dot", lambda u, s: u @ s.mT),
        ("cosine", lambda u, s: nn.functional.cosine_similarity(u[:, None], s, dim=-1)),
        ("l2", lambda u, s: -(u[:, None] - s).norm(dim=-1)),
    ],
)
@torch.no_grad()
def test_at_a_low_temperature_the_most_similar_centroid_is_looked_up(similarity: str, values: object) -> None:
    assert callable(values)
    options = {"similarity": similarity, "centroids": 6, "temperature": {"start": 1e-6}}
    cell = built(StateRegularized.Config.model_validate(options))
    x, state = torch.randn(50, 2), CellState(torch.randn(50, WIDTH))
    nearest = values(cell.cell.step(x, state).output, cell.centroids).argmax(dim=-1)
    assert len(nearest.unique()) > 2
    torch.testing.assert_close(cell.step(x, state).output, cell.centroids[nearest])
    hard = built(StateRegularized.Config.model_validate({**options, "assignment": "hard", "temperature": {}}))
    assert torch.equal(hard.step(x, state).output, hard.centroids[nearest])


@torch.no_grad()
def test_with_noise_training_draws_centroids_by_their_weights_and_inference_does_not() -> None:
    cell = built(StateRegularized.Config(centroids=3, assignment="hard", noise=1.0, temperature=Temperature(start=2.0)))
    x = torch.ones(1, 2)
    weights, _ = cell.assigned_step(x, cell.empty(x, 1))
    many = x.expand(20_000, 2)
    drawn = cell.train().step(many, cell.empty(x, len(many))).output
    shares = torch.stack([(drawn == centroid).all(-1).float().mean() for centroid in cell.centroids])
    torch.testing.assert_close(shares, weights[0], atol=0.02, rtol=0)
    largest = cell.centroids[weights.argmax()]
    torch.testing.assert_close(cell.eval().step(x, cell.empty(x, 1)).output, largest[None])


@torch.no_grad()
def test_centroids_replace_more_and_more_outputs_while_they_are_introduced() -> None:
    cell = built(StateRegularized.Config(introduction=Introduction(from_update=10, until_update=20))).train()
    x = torch.ones(2000, 2)
    plain = cell.cell.step(x, state := cell.empty(x, len(x))).output
    mixed = cell.eval().step(x, state).output
    assert not torch.equal(plain, mixed)
    for update, share in ((1, 0.0), (10, 0.0), (13, 0.3), (20, 1.0), (30, 1.0)):
        anneal(cell, update)
        assert torch.equal(cell.eval().step(x, state).output, mixed)
        found = cell.train().step(x, state).output
        replaced = (found == mixed).all(-1)
        assert torch.equal(found[~replaced], plain[~replaced])
        assert replaced.float().mean().item() == pytest.approx(share, abs=0.05)
    assert StateRegularized.Config().introduction is None


def test_an_introduction_ends_after_it_begins() -> None:
    with pytest.raises(ValidationError, match="until_update must be greater than from_update, but 5 <= 5"):
        Introduction(from_update=5, until_update=5)


def test_a_hard_assignment_has_the_gradient_of_the_soft_one() -> None:
    gradients = []
    for assignment in ("soft", "hard"):
        cell = built(StateRegularized.Config.model_validate({"assignment": assignment}))
        x = torch.randn(3, 2, generator=torch.Generator().manual_seed(1)).requires_grad_()
        (towards,) = torch.randn(1, 3, WIDTH, generator=torch.Generator().manual_seed(2))
        gradients.append(torch.autograd.grad((cell.step(x, cell.empty(x, 3)).output * towards).sum(), x))
    torch.testing.assert_close(gradients[0], gradients[1])


@torch.no_grad()
def test_the_memory_of_an_lstm_is_left_alone() -> None:
    cell = built(StateRegularized.Config(cell=LSTM.Config()))
    x = torch.randn(3, 2)
    expected = cell.cell.step(x, cell.cell.empty(x, 3))
    found = cell.step(x, cell.empty(x, 3))
    assert isinstance(cell.cell, LSTM)
    assert torch.equal(found.memory, expected.memory)
    assert not torch.equal(found.output, expected.output)


def test_the_temperature_is_annealed_with_the_model() -> None:
    cell = built(StateRegularized.Config(temperature=Temperature(start=1.0, end=0.1, until_update=10)))
    anneal(nn.ModuleList([cell]), 10)
    assert cell.temperature.temperature.item() == pytest.approx(0.1)


def test_a_cell_is_regularised_once_and_has_no_norm_of_its_own() -> None:
    adapter: TypeAdapter[CellConfig] = TypeAdapter(CellConfig)
    twice = {"kind": "state_regularized", "cell": {"kind": "state_regularized"}}
    with pytest.raises(ValidationError, match="cell must be another kind of cell, not state_regularized"):
        adapter.validate_python(twice)
    with pytest.raises(ValidationError, match="norm.kind"):
        adapter.validate_python({"kind": "state_regularized", "norm": {"kind": "layer"}})
    inner = StateRegularized.Config(cell=LSTM.Config(norm=SiteLayerNorm.Config()))
    assert "ih" in inner.build(2, 3).norms
    inner_batch = {"kind": "gru", "norm": {"kind": "batch"}}
    with pytest.raises(ValidationError, match="norm: batch cannot be used in a decoder"):
        Luong.Config.model_validate({"cell": {"kind": "state_regularized", "cell": inner_batch}})


def test_a_decoder_starts_from_an_encoder_whose_cell_has_the_same_state() -> None:
    regularized = StateRegularized.Config(cell=GRU.Config())
    Luong.Config(cell=regularized, encoder_cell=GRU.Config())
    with pytest.raises(ValidationError, match="encoder_cell must be of the same kind as cell, gru"):
        Luong.Config(cell=regularized, encoder_cell=StateRegularized.Config(cell=LSTM.Config()))
