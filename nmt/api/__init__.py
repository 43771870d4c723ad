"""The Python interface: the implementation of the names in the package `nmt`."""
