"""The programs that are compared. Each is a row of `PROXIES`."""

from bench.proxies.gateways import FERROGW, LITELLM, PORTKEY, SMG, TENSORZERO
from bench.proxies.plain import CADDY, ENVOY, HAPROXY, NGINX
from bench.proxies.proxy import Proxy
from bench.proxies.sidecar import BARE, SIDECAR

PROXIES: dict[str, Proxy] = {
    "sidecar": SIDECAR,
    "envoy": ENVOY,
    "nginx": NGINX,
    "haproxy": HAPROXY,
    "caddy": CADDY,
    "tensorzero": TENSORZERO,
    "ferrogw": FERROGW,
    "smg": SMG,
    "portkey": PORTKEY,
    "litellm": LITELLM,
    "bare": BARE,
}
"""Name -> proxy. The first is compared with each of the others."""
