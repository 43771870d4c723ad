"""The most probable runs of the stacks of a model on a string."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nmt.data.batch import collate
from nmt.errors import UserError
from nmt.models.base import EncoderDecoder
from nmt.nn.cells import NondeterministicStack
from nmt.nn.pushdown.runs import Run, most_probable_run
from nmt.options import Task
from nmt.tokenizer.base import SPECIAL


@dataclass(frozen=True)
class LayerRun:
    """The most probable run of a layer's stack."""

    layer: str
    """The layer's path in the model."""
    tokens: tuple[int, ...]
    """What the layer reads, in its order: token ids."""
    run: Run | None
    """One move per token; None if no run is possible."""


class RunReader:
    """Reads strings with a model and tells what its stacks do.

    A language model reads BOS and the string; a translation model reads the string as a source, followed by EOS.

    Args:
        model: a model with layers of cells with nondeterministic stacks.
        task: the model's task.
        where: the model's path, for errors.

    Raises:
        UserError: it has no such cell that reads strings.
    """

    def __init__(self, model: EncoderDecoder[Any, Any], task: Task, where: str) -> None:
        self._model, self._task = model, task
        self._layers = {path: part for path, part in model.named_modules() if isinstance(part, NondeterministicStack)}
        fix = "Only the runs of such a cell's automaton can be printed."
        if not self._layers:
            raise UserError(where, "a model with a cell of kind nondeterministic_stack", "no such cell", fix)
        if not self.read([]):
            got = "such cells in the decoder alone, which reads no source"
            raise UserError(where, "a cell of kind nondeterministic_stack that reads the source", got)

    @torch.no_grad()
    def read(self, string: Sequence[int]) -> list[LayerRun]:
        """The runs of all layers that read the string, token ids without BOS and EOS."""
        device = next(self._model.parameters()).device
        batch = collate([string], [string]).to(device)
        source = self._task == "translation"
        with self._logits() as found:
            memory = self._model.encode(batch.source, batch.source_mask)
            if source:
                self._model.init_state(memory, 1, 1)  # where a model without an encoder reads its source
            else:
                self._model.decode(batch.target_input, batch.target_mask, memory)
        tokens = (*string, SPECIAL.eos) if source else (SPECIAL.bos, *string)
        return [
            LayerRun(path, tokens[::-1] if _reads_backwards(path) else tokens, self._best(path, steps))
            for path, steps in found.items()
            if steps
        ]

    def _best(self, path: str, steps: list[Tensor]) -> Run | None:
        automaton = self._layers[path].automaton
        return most_probable_run(automaton, automaton.log_weights(torch.cat(steps).cpu()))

    @contextmanager
    def _logits(self) -> Iterator[dict[str, list[Tensor]]]:
        """What the layers' actions give meanwhile, in the order of their steps: [1, transitions] each."""
        found = dict[str, list[Tensor]]()
        with ExitStack() as hooks:
            for path, layer in self._layers.items():
                steps = found[path] = list[Tensor]()
                hooks.enter_context(layer.actions.register_forward_hook(_noted_in(steps)))
            yield found


def _noted_in(steps: list[Tensor]) -> Any:  # noqa: ANN401 -- the type of a hook is torch's own
    def note(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        steps.append(logits)

    return note


def _reads_backwards(path: str) -> bool:
    """Whether a layer reads from the end: all models name it so."""
    return any(part.endswith("_backward") for part in path.split("."))
