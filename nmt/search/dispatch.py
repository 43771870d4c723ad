"""Choice of the search by its settings."""

from __future__ import annotations

from torch import Tensor

from nmt.search.base import Hypothesis, MemoryT, StateT, StepModel
from nmt.search.beam import beam_search
from nmt.search.options import BeamSearch, Sampling, SearchConfig
from nmt.search.sampling import sampled_hypotheses


def find_hypotheses(
    options: SearchConfig,
    model: StepModel[MemoryT, StateT],
    source: Tensor,
    source_mask: Tensor,
    *,
    need_attention: bool = False,
    documents: bool = False,
) -> list[list[Hypothesis]]:
    """Translations of each sentence of a batch, as from `beam_search` or `sampled_hypotheses`."""
    match options:
        case BeamSearch():
            return beam_search(model, source, source_mask, options, need_attention=need_attention, documents=documents)
        case Sampling():
            return sampled_hypotheses(
                model, source, source_mask, options, need_attention=need_attention, documents=documents
            )
