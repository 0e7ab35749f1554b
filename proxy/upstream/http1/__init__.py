"""HTTP/1.1 towards providers, in the order a request takes.

`transport` finds the `origin` and the way there (`proxies`), takes an idle connection from the `pool` or makes one
(`dial`, `resolver`), and asks. The `connection` writes `head` and body, reads through the `parser`, and fills the
`incoming` answer; an `alarm` gives up on what takes too long.
"""
