"""The toolkit from Python: what stands behind the names of the package `nmt`."""
