"""Finite automata: their minimal form, their equivalence, and drawings of them."""
