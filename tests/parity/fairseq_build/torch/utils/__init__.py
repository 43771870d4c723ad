"""What fairseq's setup.py imports cpp_extension from."""
