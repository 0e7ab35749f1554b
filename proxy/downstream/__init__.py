"""The HTTP of callers: connections, the heads and bodies of their requests, and how responses are written to them."""
