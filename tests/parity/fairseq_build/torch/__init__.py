"""Stands in for torch while fairseq is built, so that its three C++ extensions of torch are not.

They take minutes to compile and serve models that nothing here compares with (`make install-test` puts this folder on
the path for that one command; see utils/cpp_extension.py).
"""
