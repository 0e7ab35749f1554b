"""Client libraries against the simulated providers: `make compat`."""
