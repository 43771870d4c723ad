"""Text in, text out: translating, scoring and generating with a trained model."""
