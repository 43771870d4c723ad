"""Building blocks that know nothing of language, data or models."""
