"""Normalisation within recurrent cells; to add a norm, add its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.cells.norms.assorted_time import AssortedTimeNorm
from nmt.nn.cells.norms.base import CellNormOptions, Nothing, Site, SiteNorm
from nmt.nn.cells.norms.batch import InputBatchNorm
from nmt.nn.cells.norms.batch_layer import InputBatchLayerNorm
from nmt.nn.cells.norms.layer import SiteLayerNorm
from nmt.nn.cells.norms.sites import CellNorms, NormStep
from nmt.nn.cells.norms.step_batch import StepBatchNorm

CellNormConfig = Annotated[
    Nothing | SiteLayerNorm.Config | InputBatchNorm.Config | InputBatchLayerNorm.Config | AssortedTimeNorm.Config,
    Field(discriminator="kind"),
]
"""All norms within cells."""

__all__ = [
    "AssortedTimeNorm",
    "CellNormConfig",
    "CellNormOptions",
    "CellNorms",
    "InputBatchLayerNorm",
    "InputBatchNorm",
    "NormStep",
    "Nothing",
    "Site",
    "SiteLayerNorm",
    "SiteNorm",
    "StepBatchNorm",
]
