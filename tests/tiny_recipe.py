"""A recipe of a tiny model on files of number words, for tests that train for real."""

from __future__ import annotations

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
RECIPE = """\
corpus:
  kind: files
  label: tiny
  source: en
  target: xx
  training: [{tsv: train.tsv}]
  validation: {tsv: validation.tsv}
  tests: {mine: {tsv: test.tsv}}
tokenizer: {vocabulary_size: 290}
model:
  {kind: transformer, model_dim: 16, feedforward_dim: 32, heads: 2, encoder_layers: 1, decoder_layers: 1, dropout: 0.1}
training:
  updates: 8
  batch_tokens: 200
  processes: 1
  validate_every: 4
  save_every: 1
  log_every: 1
search: {beam: 2, max_length_factor: 1.0, max_length_offset: 2}
"""
