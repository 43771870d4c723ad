"""Families of sentences, each a function from random choices to a sentence pair."""
