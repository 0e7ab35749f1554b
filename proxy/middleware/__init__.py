"""One behaviour per file. A middleware returns, wraps or raises; it never writes to the client."""
