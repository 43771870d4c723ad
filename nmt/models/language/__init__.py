"""Language models: decoders without a source, one file each."""
