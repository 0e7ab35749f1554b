"""What is asked of the sidecar itself; `OWN` is the data listener's table of it."""

from collections.abc import Mapping

<<<<<<< HEAD
from proxy.control.costs import analyze
from proxy.control.models import PATH as MODELS
from proxy.control.models import model, models
from proxy.control.route import route
from proxy.middleware.endpoints import Own

OWN: Mapping[str, Own] = {
    MODELS: Own("GET", models),
    f"{MODELS}/": Own("GET", model),
    "/v1/route": Own("POST", route),
    "/v1/costs/analyze": Own("POST", analyze),
=======
from proxy.control import health, models, performance, stream
from proxy.middleware.endpoints import Own

OWN: Mapping[str, Own] = {
    models.PATH: Own("GET", models.models),
    f"{models.PATH}/": Own("GET", models.model),
    health.PATH: Own("GET", health.health),
    stream.PATH: Own("GET", stream.stream),
    performance.PATH: Own("GET", performance.performance),
>>>>>>> see
}
