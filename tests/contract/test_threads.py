"""Threads that search with one model at the same time find what each would find alone, to the bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nmt.data.batch import pad
from nmt.inference.precision import with_precision
from nmt.models import ModelConfig
from nmt.models.deq import DEQ
from nmt.nn.int8_product import is_supported
from nmt.search import BeamSearch
from nmt.search.base import Hypothesis
from tests.contract.listed import MODELS
from tests.contract.random_models import Model

VOCABULARY = 23
THREADS = 3
SEARCH = BeamSearch(beam=3, n_best=2, max_length_factor=1.0, max_length_offset=4)


def config_of(name: str) -> ModelConfig:
    """As listed; but no threads show more in a fixed point's 300th iteration than in its 4th."""
    config = MODELS[name]
    if not isinstance(config, DEQ.Config):
        return config
    solvers = {
        side: getattr(config, side).model_copy(update={"max_iterations": 4})
        for side in ("encoder_solver", "decoder_solver")
    }
    return config.model_copy(update=solvers)


def sources() -> list[list[int]]:
    draw = torch.Generator().manual_seed(5)
    return [torch.randint(4, VOCABULARY, (1 + n % 9,), generator=draw).tolist() for n in range(12)]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", MODELS)
def test_threads_find_what_each_would_find_alone(name: str, precision: str) -> None:
    if precision == "int8" and not is_supported():
        pytest.skip("no 8-bit products on this CPU")
    torch.manual_seed(2)
    built = config_of(name).build(VOCABULARY, VOCABULARY).eval()
    model: Model = with_precision(built, "int8" if precision == "int8" else "fp32")
    source, mask = pad(sources())

    def search(_: int) -> list[list[Hypothesis]]:
        return SEARCH.search(model, source, mask)

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(search, range(2 * THREADS)))
    alone = search(0)
    assert [result == alone for result in found] == [True] * (2 * THREADS)
