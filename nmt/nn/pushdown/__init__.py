"""The nondeterministic stack: all runs of a weighted pushdown automaton at once."""
