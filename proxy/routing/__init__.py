"""The routing decision: which targets may serve a request, and in which order. No I/O, no clock, no global state.

A request's body becomes Facts (`facts`), its control headers a Policy (`policy`). Both make a RoutingRequest. `decision`
filters the targets (`eligibility`, `cost_ceiling`), scores the candidates (`strategies`) and ranks them (`ranking`,
`balancing`). Affinity and the balancer's counts are kept by the caller, and `annotate` puts results into responses.
"""
