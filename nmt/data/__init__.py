"""From parallel or monolingual text to batches of token ids."""
