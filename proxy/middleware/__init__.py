"""One behaviour per file: the phases of a request, as described in `pipeline`."""
