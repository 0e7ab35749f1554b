"""Side-by-side benchmarks of the sidecar, Envoy and nginx on this machine: `python -m bench`.

`__main__` parses the arguments and `run` iterates over rounds, measures and proxies. `measures` defines what is measured
and `proxies` the programs that are compared. `report` computes medians and ratios and prints the table. `upstream` is
the simulated provider, `streams`, `wrk` and `latency` generate load, with the requests of `payloads`. `processes`
starts, pins, observes and stops other programs.
"""
