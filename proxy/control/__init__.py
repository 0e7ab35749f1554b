"""What is asked of the sidecar itself; `OWN` is the data listener's table of it."""

from collections.abc import Mapping

from proxy.control.health import PATH as HEALTH
from proxy.control.health import health
from proxy.control.models import PATH as MODELS
from proxy.control.models import model, models
from proxy.control.performance import PATH as PERFORMANCE
from proxy.control.performance import performance
from proxy.middleware.endpoints import Own

OWN: Mapping[str, Own] = {
    MODELS: Own("GET", models),
    f"{MODELS}/": Own("GET", model),
    HEALTH: Own("GET", health),
    PERFORMANCE: Own("GET", performance),
}
