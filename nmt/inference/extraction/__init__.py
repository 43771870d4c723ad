"""Automata extracted from models with a state-regularised cell (Wang and Niepert 2019, section 4)."""
