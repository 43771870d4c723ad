"""nmt: a neural machine translation toolkit.

    import nmt

    model = nmt.load("runs/phrasebook_en_de/transformer_tiny/model")
    print(model.translate("Where is the station?").text)

The names below are the public interface. Each is imported on first use, so `import nmt` itself is nearly free.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "BeamSearch",
    "LineScore",
    "Model",
    "Pool",
    "Recipe",
    "RerankingWeights",
    "RunResult",
    "Sampling",
    "Scores",
    "Translation",
    "UserError",
    "__version__",
    "load",
    "score_n_best",
    "train",
    "tune_weights",
]

if TYPE_CHECKING:
    from nmt.api.model import Model, load
    from nmt.api.pool import Pool
    from nmt.api.reranking import score_n_best, tune_weights
    from nmt.api.training import train
    from nmt.errors import UserError
    from nmt.evaluation.scores import Scores
    from nmt.inference.reranking.weights import RerankingWeights
    from nmt.inference.scoring import LineScore
    from nmt.inference.translator import Translation
    from nmt.pipeline.run import RunResult
    from nmt.recipe import Recipe
    from nmt.search import BeamSearch, Sampling
else:
    _MODULES = {
        "BeamSearch": "nmt.search",
        "LineScore": "nmt.inference.scoring",
        "Model": "nmt.api.model",
        "Pool": "nmt.api.pool",
        "Recipe": "nmt.recipe",
        "RerankingWeights": "nmt.inference.reranking.weights",
        "RunResult": "nmt.pipeline.run",
        "Sampling": "nmt.search",
        "Scores": "nmt.evaluation.scores",
        "Translation": "nmt.inference.translator",
        "UserError": "nmt.errors",
        "load": "nmt.api.model",
        "score_n_best": "nmt.api.reranking",
        "train": "nmt.api.training",
        "tune_weights": "nmt.api.reranking",
    }

    def __getattr__(name: str) -> object:
        """Imports one of the public names."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
