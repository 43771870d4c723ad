"""The norms of one cell, by site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from nmt.nn.cells.norms.base import CellNormOptions, NormPast, Site, SiteNorm
from nmt.nn.initial import Uniform
from nmt.nn.layers import Layers

Pasts = tuple[NormPast, ...]
"""The pasts of all norms of a cell, in the order of its sites."""


class CellNorms(nn.Module):
    """The norms of a cell; none if the options say so.

    Args:
        config: the kind of norm.
        widths: widths of the vectors at each site, `ih` first. A site may have several vectors, each normalised by
            itself, like the gates and the candidate of a GRU.
    """

    def __init__(self, config: CellNormOptions, widths: Mapping[Site, Sequence[int]]) -> None:
        super().__init__()
        wanted = config.sites_of(tuple(widths))
        chosen = [site for site in widths if site in wanted]
        self.widths = widths
        self.sites = nn.ModuleDict(
            {site: Layers(config.build_at(site, width) for width in widths[site]) for site in chosen}
        )
        numbers = accumulate((len(widths[site]) for site in chosen), initial=0)
        self.first = dict(zip(chosen, numbers, strict=False))
        """The index of the first norm of each site that has norms."""

    def __contains__(self, site: Site) -> bool:
        return site in self.first

    @property
    def present(self) -> bool:
        """Whether the cell has any norms."""
        return bool(self.first)

    @property
    def aligned(self) -> bool:
        """Whether sequences have to start at the first position."""
        return any(norm.aligned for norm in self.every())

    def at(self, site: Site) -> Layers[SiteNorm]:
        """The norms of a site that has some."""
        found = self.sites[site]
        assert isinstance(found, Layers)
        return found

    def every(self) -> Iterator[SiteNorm]:
        """All norms, in the order of their sites."""
        for site in self.first:
            yield from self.at(site)

    @torch.no_grad()
    def initialise(self, start: Uniform) -> None:
        """Draws the biases, around 0."""
        for norm in self.every():
            nn.init.zeros_(norm.bias)
            start.shift(norm.bias)

    def begin(self, like: Tensor, rows: int) -> Pasts:
        """The pasts of `rows` sequences before their first step."""
        return tuple(norm.begin(like, rows) for norm in self.every())

    def read_inputs(self, projected: Tensor, mask: Tensor | None, past: Pasts) -> tuple[Tensor, Pasts]:
        """Normalises the products with the inputs of whole sequences, [B, T, any]; returns them and the pasts after."""
        if "ih" not in self:
            return projected, past
        norms, parts = self.at("ih"), torch.split(projected, list(self.widths["ih"]), dim=-1)
        read = [norm.read(part, mask, before) for norm, part, before in zip(norms, parts, past, strict=False)]
        return torch.cat([part for part, _ in read], dim=-1), (*(after for _, after in read), *past[len(norms) :])


class NormStep:
    """One step of a cell's norms.

    Args:
        norms: the cell's norms.
        past: their pasts before the step.
        mask: [rows] bool, True on rows that count in statistics; None: all.
    """

    def __init__(self, norms: CellNorms, past: Pasts, mask: Tensor | None) -> None:
        self._norms, self._mask = norms, mask
        self._after = list(past)

    def __call__(self, site: Site, x: Tensor, part: int = 0) -> Tensor:
        """The norm of one vector [rows, D] of a site; x itself if the site has no norm."""
        norms = self._norms
        if site not in norms:
            return x
        number = norms.first[site] + part
        normalized, self._after[number] = norms.at(site)[part].step(x, self._after[number], self._mask)
        return normalized

    def inputs(self, projected: Tensor) -> Tensor:
        """The norm of the product with the input, [rows, any]."""
        if "ih" not in self._norms:
            return projected
        parts = torch.split(projected, list(self._norms.widths["ih"]), dim=-1)
        return torch.cat([self("ih", x, part) for part, x in enumerate(parts)], dim=-1)

    @property
    def after(self) -> Pasts:
        """The pasts after the step."""
        return tuple(self._after)
