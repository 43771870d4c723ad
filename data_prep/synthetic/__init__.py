"""Corpora of made tasks. To add one, write a file here and add it to the union."""

from __future__ import annotations

from data_prep.synthetic.adding import Adding
from data_prep.synthetic.balanced_parentheses import BalancedParentheses
from data_prep.synthetic.context_free import ContextFree
from data_prep.synthetic.copy_memory import CopyMemory
from data_prep.synthetic.denoise import Denoise
from data_prep.synthetic.listops import ListOps
from data_prep.synthetic.marked_xor import MarkedXor
from data_prep.synthetic.memorization import Memorization
from data_prep.synthetic.palindromes import Palindromes
from data_prep.synthetic.parenthesis_counting import ParenthesisCounting
from data_prep.synthetic.questions import Questions
from data_prep.synthetic.recall import Recall
from data_prep.synthetic.time_series import TimeSeries
from data_prep.synthetic.tomita import Tomita
from data_prep.synthetic.xor_at_distance import XorAtDistance

__all__ = [
    "Adding",
    "BalancedParentheses",
    "ContextFree",
    "CopyMemory",
    "Denoise",
    "ListOps",
    "MarkedXor",
    "Memorization",
    "Palindromes",
    "ParenthesisCounting",
    "Questions",
    "Recall",
    "SyntheticConfig",
    "TimeSeries",
    "Tomita",
    "XorAtDistance",
]

SyntheticConfig = (
    CopyMemory
    | Adding
    | Denoise
    | ParenthesisCounting
    | Tomita
    | BalancedParentheses
    | Palindromes
    | XorAtDistance
    | Memorization
    | TimeSeries
    | ContextFree
    | Questions
    | MarkedXor
    | ListOps
    | Recall
)
