"""Endpoints that the sidecar answers itself: models, stored responses, health, performance, activity, dry run, costs.

`LOCAL_ENDPOINTS` is the table of those on the data listener. The admin listener is `control/admin.py`.
"""

from collections.abc import Mapping

from proxy.control import activity, costs, health, models, pages, performance, responses, route, stream
from proxy.middleware.endpoints import LocalEndpoint

LOCAL_ENDPOINTS: Mapping[str, LocalEndpoint] = {
    models.PATH: LocalEndpoint("GET", models.models),
    f"{models.PATH}/": LocalEndpoint("GET", models.model),
    responses.PATH: LocalEndpoint("GET", responses.respond, more_methods=("POST", "DELETE")),
    health.PATH: LocalEndpoint("GET", health.health),
    stream.PATH: LocalEndpoint("GET", stream.stream),
    activity.PATH: LocalEndpoint("GET", activity.activity),
    performance.PATH: LocalEndpoint("GET", performance.performance),
    "/v1/route": LocalEndpoint("POST", route.route),
    "/v1/costs/analyze": LocalEndpoint("POST", costs.analyze),
    **pages.PAGE_ENDPOINTS,
}
