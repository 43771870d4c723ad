"""The families of sentences, each a function from random choices to a pair."""
