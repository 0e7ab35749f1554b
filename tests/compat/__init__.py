"""Libraries that ask for structured output, against the simulated providers: `make compat`."""
