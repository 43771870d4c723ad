"""The command line: one thin file per command, which parses, builds, calls and shows."""
