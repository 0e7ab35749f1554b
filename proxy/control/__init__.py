"""What is asked of the sidecar itself; `OWN` is the data listener's table of it."""

from collections.abc import Mapping

from proxy.control import health, models, performance, stream
from proxy.middleware.endpoints import Own

OWN: Mapping[str, Own] = {
    models.PATH: Own("GET", models.models),
    f"{models.PATH}/": Own("GET", models.model),
    health.PATH: Own("GET", health.health),
    stream.PATH: Own("GET", stream.stream),
    performance.PATH: Own("GET", performance.performance),
}
