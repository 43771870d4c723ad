"""Weights of features: given, of a preset, or in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from nmt.documents import read_json_object
from nmt.errors import UserError
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.reranking.candidates import MOST
from nmt.inference.reranking.options import Preset
from nmt.inference.reranking.table import LENGTH, FeatureTable
from nmt.options import Options

MODEL, REVERSE_MODEL, LANGUAGE_MODEL, LIST_SCORE = "model", "reverse_model", "language_model", "list_score"
"""Names of features. The second model of a kind is `model_2`, the third `model_3`."""

Weight = Annotated[float, Field(strict=True, ge=-MOST, le=MOST)]


class RerankingWeights(Options):
    """The weights of all features, as `nmt rerank --save-weights` writes them."""

    weights: dict[str, Weight]
    """Weight of each feature by its name; the length may be left out, which gives it the weight 0."""
    length_penalty: Annotated[float, Field(strict=True, ge=0.0, le=10.0)] = 0.0
    """Exponent of the hypothesis' length by which all features but the length are divided."""
    words: Tokenization = "auto"
    """sacrebleu's tokenizer that counts words for the length; "auto": chosen by the language."""
    tuned: dict[str, Any] = Field(default_factory=dict)
    """How the weights were found: measure, scores, seed. For the reader only."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The weights in a JSON file.

        Raises:
            UserError: it cannot be read, or does not hold weights.
        """
        data = read_json_object(path, "a JSON file of weights")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            fix = "`nmt rerank --save-weights` writes such a file."
            raise UserError(f"{path}: {where}", "weights by the names of features", str(first["msg"]), fix) from None

    def document(self) -> str:
        """The content of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def scores(self, table: FeatureTable, where: str = "weights") -> npt.NDArray[np.float64]:
        """The score of each hypothesis in a table, [M].

        Raises:
            UserError: a weight or a feature has no counterpart, or the table's length counts other words.
        """
        return table.scores(self.counting(table, where).vector(table.names, where), self.length_penalty)

    def counting(self, table: FeatureTable, where: str) -> Self:
        """These weights with the tokenizer that counted words for a table's length, where the table knows it.

        Args:
            table: the features.
            where: name of the weights, for errors.

        Raises:
            UserError: the weights belong to another tokenizer.
        """
        if not table.words or self.words == table.words:
            return self
        if self.words != "auto":
            fix = "Compute the features with the tokenizer of the weights."
            raise UserError(
                where, f"weights for a length in words of {table.words}, as the features have", self.words, fix
            )
        return self.model_copy(update={"words": table.words})

    def best(self, table: FeatureTable) -> list[str]:
        """The hypothesis with the highest score of each line, N of them; of equal ones, the first.

        Raises:
            UserError: a weight or a feature has no counterpart, or the table's length counts other words.
        """
        return table.texts(table.chosen(self.scores(table)))

    def vector(self, names: Sequence[str], where: str) -> npt.NDArray[np.float64]:
        """The weights in the order of a table's features, [F].

        Args:
            names: names of the table's features.
            where: name of the weights, for errors.

        Raises:
            UserError: a weight or a feature has no counterpart.
        """
        known = ", ".join(names)
        if strange := [name for name in self.weights if name not in names]:
            fix = "Name the model that computes it, or leave out the weight."
            raise UserError(where, f"weights of the features here ({known})", f"one of {strange[0]}", fix)
        if missing := [name for name in names if name not in self.weights and name != LENGTH]:
            raise UserError(where, f"a weight for each feature here ({known})", f"none for {missing[0]}")
        return np.array([self.weights.get(name, 0.0) for name in names], dtype=np.float64)


def numbered(kind: str, index: int) -> str:
    """The name of a kind's feature by its index from 0: `model`, then `model_2`."""
    return kind if index == 0 else f"{kind}_{index + 1}"


def kind_of(name: str) -> str:
    """The kind of a feature: `model` of `model_2`."""
    kind, _, number = name.rpartition("_")
    return kind if number.isdigit() else name


def preset_weights(preset: Preset, names: Sequence[str], where: str) -> RerankingWeights:
    """The weights of a preset; models of the same kind share its weight equally, and a feature unknown to it gets 0.

    Args:
        preset: "sum": each log-probability counts once. "noisy_channel": see `NOISY_CHANNEL`.
        names: names of the table's features.
        where: name of the preset, for errors.

    Raises:
        UserError: a feature of the preset is absent.
    """
    kinds = [kind_of(name) for name in names]
    if preset == "sum":
        return RerankingWeights(weights={name: float(name != LENGTH) for name in names})
    available = {MODEL if kind == LIST_SCORE and MODEL not in kinds else kind for kind in kinds}
    for kind, option in _NEEDED.items():
        if kind not in available:
            raise UserError(where, f"the feature {kind}, from {option}", f"only {', '.join(names)}")
    by_kind: Mapping[str, float] = NOISY_CHANNEL.weights | {LIST_SCORE: 0.0, LENGTH: 0.0}
    if MODEL not in kinds:
        by_kind = {**by_kind, LIST_SCORE: NOISY_CHANNEL.weights[MODEL]}
    shares = {name: by_kind.get(kind, 0.0) / kinds.count(kind) for name, kind in zip(names, kinds, strict=True)}
    return NOISY_CHANNEL.model_copy(update={"weights": shares})


NOISY_CHANNEL = RerankingWeights(
    weights={MODEL: 0.929, REVERSE_MODEL: 1.0, LANGUAGE_MODEL: 0.831}, length_penalty=0.269
)
"""The weights that the authors of noisy-channel reranking (Yee et al. 2019) publish with their code and models for
WMT17 German-English. They count the length in byte pairs, we in words."""

_NEEDED = {
    MODEL: "MODEL or the scores of the n-best list",
    REVERSE_MODEL: "--reverse-model",
    LANGUAGE_MODEL: "--language-model",
}
