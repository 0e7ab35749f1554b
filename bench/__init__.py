"""Side-by-side benchmarks of the sidecar and other proxies on this machine: `python -m bench`.

`__main__` parses the arguments and `run` iterates over rounds, measures and proxies, all in the network namespace of
`isolation`. `measures` defines what is measured and `proxies` the programs that are compared. `goals` has the bounds,
`report` computes medians and ratios and makes the tables, `plot` draws them. `upstream` is the simulated provider;
`streams`, `wrk` and `latency` generate load, with the requests of `payloads`. `processes` starts, pins, observes and
stops other programs.
"""
