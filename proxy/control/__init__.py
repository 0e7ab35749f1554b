"""What is asked of the sidecar itself; `OWN` is the data listener's table of it."""

from collections.abc import Mapping

from proxy.control import activity, costs, health, models, performance, route, stream
from proxy.middleware.endpoints import Own

OWN: Mapping[str, Own] = {
    models.PATH: Own("GET", models.models),
    f"{models.PATH}/": Own("GET", models.model),
    health.PATH: Own("GET", health.health),
    stream.PATH: Own("GET", stream.stream),
    activity.PATH: Own("GET", activity.activity),
    performance.PATH: Own("GET", performance.performance),
    "/v1/route": Own("POST", route.route),
    "/v1/costs/analyze": Own("POST", costs.analyze),
}
