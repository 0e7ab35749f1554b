"""HTTP/1.1 client for requests to providers.

In the order a request takes: `transport` parses the URL (`origin`), looks up the forward proxy (`proxies`), and takes an
idle connection from the `pool` or opens one (`dial`, `resolver`). The `connection` writes the `request_head` and the
body, feeds what it reads to the `parser`, and fills the `response`. `local_errors` tells failures of this machine from
those of a provider.
"""
