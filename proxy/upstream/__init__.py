"""One attempt at one target: `attempt` returns with the first content in hand, `http1` is the transport under it."""
