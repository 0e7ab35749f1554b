"""One attempt at one target: `attempt` returns with the first content in hand, `session` is the transport under it."""
