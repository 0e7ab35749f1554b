"""What is asked of the sidecar itself; `OWN` is the data listener's table of it."""

from collections.abc import Mapping

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
}
