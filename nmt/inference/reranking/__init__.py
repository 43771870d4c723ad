"""Reranking of n-best lists: features of hypotheses, their weights, and the tuning of weights."""
