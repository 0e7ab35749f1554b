"""One attempt at one target: `attempt` returns once the first content has arrived, over the transport in `http1`."""
