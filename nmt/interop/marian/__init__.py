"""MarianMT models of Hugging Face's transformers."""
