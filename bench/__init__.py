"""How fast is the sidecar beside its peers, on this machine, now? `python -m bench`.

`__main__` reads the arguments, `run` goes through rounds x measures x proxies, `measures` says what is measured and
`proxies` on whom, `report` makes medians, ratios and the table. `upstream` is the simulated provider, `streams`, `wrk`
and `latency` are the loads, `payloads` what they all send, `processes` starts, pins, reads and ends other programs.
"""
