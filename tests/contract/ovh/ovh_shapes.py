"""
OVH's answers, field by field, and what checks an answer against them.

Transcribed from the types of OVH's API: the OpenAPI files in github.com/ovh/ovhcloud-cli for vRack, dedicated servers
and IP Load Balancers, the npm package @datatr-ux/ovhcloud-types for the Public Cloud. A field with :func:`maybe` may be
null or lacking. What is not here must not be in an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from werkzeug.routing import Map, Rule

from koprogo_fleet.lab.ovh_api.calls import Route


@dataclass(frozen=True)
class Maybe:
    """A field that may be null."""

    shape: Any


@dataclass(frozen=True)
class Word:
    """A field with one of OVH's words."""

    words: tuple[str, ...]


def maybe(shape: Any) -> Maybe:
    """Return the shape of what may be null."""
    return Maybe(shape)


def word(words: str) -> Word:
    """Return the shape of an enumeration, its words parted by blanks."""
    return Word(tuple(words.split()))


def check(shape: Any, value: Any, at: str = "answer") -> None:
    """Fail where *value* is not of the *shape*."""
    if isinstance(shape, Maybe):
        if value is not None:
            check(shape.shape, value, at)
    elif isinstance(shape, Word):
        assert value in shape.words, f"{at}: {value}"
    elif isinstance(shape, list):
        assert isinstance(value, list), at
        for place, item in enumerate(value):
            check(shape[0], item, f"{at}[{place}]")
    elif isinstance(shape, dict):
        assert isinstance(value, dict), at
        assert not value.keys() - shape.keys(), f"{at}: OVH has no {sorted(value.keys() - shape.keys())}"
        for name, part in shape.items():
            assert name in value or isinstance(part, Maybe), f"{at}.{name} lacks"
            check(part, value.get(name), f"{at}.{name}")
    elif shape in (UUID, ip_address, ip_network):
        shape(value)
    else:
        assert type(value) is shape, f"{at}: {value!r} is not {shape.__name__}"


def uncalled(calls: Iterator[tuple[str, str]], routes: tuple[Route, ...]) -> set[str]:
    """Return the routes that none of the calls (method, path) went to."""
    left = {f"{route.method} {route.path}" for route in routes}
    rules = [Rule(route.path, methods=[route.method], endpoint=f"{route.method} {route.path}") for route in routes]
    urls = Map(rules, strict_slashes=False).bind("any")
    for method, path in calls:
        if urls.test(path, method):
            left.discard(str(urls.match(path, method)[0]))
    return left


_OPERATION_STATUS = word("created in-progress completed in-error canceled unknown")
_PROVISIONING = word("active creating updating deleting deleted error")
_OPERATING = word("online offline degraded draining error noMonitor")
_STATUSES = {"provisioningStatus": _PROVISIONING, "operatingStatus": _OPERATING}

SUB_OPERATION = {
    "id": str,
    "action": str,
    "status": _OPERATION_STATUS,
    "progress": int,
    "startedAt": maybe(str),
    "completedAt": maybe(str),
    "regions": maybe([str]),
    "resourceId": maybe(str),
}
OPERATION = {**SUB_OPERATION, "createdAt": str, "subOperations": maybe([SUB_OPERATION])}
PRIVATE_NETWORK = {
    "id": str,
    "name": str,
    "vlanId": int,
    "status": word("ACTIVE BUILDING DELETING"),
    "type": maybe(word("private public")),
    "regions": [{"region": str, "status": word("ACTIVE BUILDING"), "openstackId": maybe(str)}],
}
SUBNET = {
    "id": str,
    "cidr": ip_network,
    "gatewayIp": maybe(ip_address),
    "dhcpEnabled": bool,
    "ipPools": [{"network": ip_network, "region": str, "start": ip_address, "end": ip_address, "dhcp": bool}],
}
GATEWAY = {
    "id": UUID,
    "name": str,
    "region": str,
    "model": word("s m l xl 2xl 3xl"),
    "status": word("active building down error"),
    "type": word("private public"),
    "externalInformation": maybe({"ips": [{"ip": ip_address, "subnetId": str}], "networkId": str, "snatEnabled": bool}),
    "interfaces": [
        {
            "id": UUID,
            "ip": ip_address,
            "networkId": str,
            "subnetId": str,
            "subnet": maybe({"cidr": ip_network, "id": str, "name": str}),
        }
    ],
}
FLOATING_IP = {
    "id": UUID,
    "ip": ip_address,
    "networkId": str,
    "region": maybe(str),
    "status": word("active down error"),
    "associatedEntity": maybe(
        {
            "id": str,
            "ip": ip_address,
            "gatewayId": str,
            "type": word("instance loadbalancer dhcp routerInterface unknown"),
        }
    ),
}
LOAD_BALANCER_FLAVOR = {"id": UUID, "name": str, "region": str}
LOAD_BALANCER = {
    "id": UUID,
    "name": str,
    "region": str,
    "flavorId": str,
    "vipAddress": ip_address,
    "vipNetworkId": str,
    "vipSubnetId": str,
    "floatingIp": maybe({"id": str, "ip": ip_address}),
    "createdAt": str,
    "updatedAt": str,
    **_STATUSES,
}
STATS = dict.fromkeys(("activeConnections", "bytesIn", "bytesOut", "requestErrors", "totalConnections"), int)
LISTENER = {
    "id": UUID,
    "name": str,
    "description": maybe(str),
    "loadBalancerIds": [str],
    "port": int,
    "protocol": word("http https tcp udp sctp prometheus terminatedHTTPS"),
    "defaultPoolId": maybe(str),
    "allowedCidrs": maybe([ip_network]),
    "certificateId": maybe(str),
    "timeoutClientData": maybe(int),
    "timeoutMemberData": maybe(int),
    "tlsVersions": maybe([str]),
    **_STATUSES,
}
POOL = {
    "id": UUID,
    "name": str,
    "loadbalancerId": str,
    "listenerId": maybe(str),
    "protocol": word("http https proxy proxyV2 tcp udp sctp"),
    "algorithm": word("roundRobin leastConnections sourceIP"),
    "sessionPersistence": maybe({"type": str, "cookieName": str}),
    **_STATUSES,
}
MEMBER = {
    "id": UUID,
    "name": str,
    "address": ip_address,
    "protocolPort": int,
    "weight": maybe(int),
    **_STATUSES,
}
MONITOR = {
    "id": UUID,
    "name": str,
    "poolId": str,
    "monitorType": word("http https ping sctp tcp tls-hello udp-connect"),
    "delay": int,
    "timeout": int,
    "maxRetries": int,
    "maxRetriesDown": maybe(int),
    "httpConfiguration": maybe(
        {
            "urlPath": str,
            "httpMethod": str,
            "expectedCodes": str,
            "domainName": maybe(str),
            "httpVersion": maybe(word("1.0 1.1")),
        }
    ),
    **_STATUSES,
}
_IAM = maybe({"id": str, "urn": str, "displayName": maybe(str), "tags": maybe(dict)})
VRACK = {"serviceName": str, "name": str, "description": str, "iam": _IAM}
PROJECT_VRACK = {"id": str, "name": str, "description": str}
VRACK_TASK = {
    "id": int,
    "function": str,
    "status": word("init todo doing done cancelled"),
    "serviceName": maybe(str),
    "targetDomain": maybe(str),
    "orderId": maybe(int),
    "todoDate": maybe(str),
    "lastUpdate": maybe(str),
}
VRACK_INTERFACE = {"dedicatedServer": str, "dedicatedServerInterface": str, "name": str}
_FAMILIES = (
    "cloudProject dedicatedCloud dedicatedCloudDatacenter dedicatedConnect dedicatedServer ip ipLoadbalancing ipv6 "
    "legacyVrack ovhCloudConnect vmwareCloudDirectorVirtualDataCenter vrackServices"
)
ALLOWED_SERVICES = {
    **{family: [str] for family in _FAMILIES.split()},
    "dedicatedServerInterface": [VRACK_INTERFACE],
}
DEDICATED_SERVER = {
    **dict.fromkeys(("name", "availabilityZone", "datacenter", "os", "rack", "region"), str),
    **dict.fromkeys(("monitoring", "newUpgradeSystem", "noIntervention", "professionalUse"), bool),
    **dict.fromkeys(("bootScript", "commercialRange", "efiBootloaderPath", "rescueMail"), maybe(str)),
    **dict.fromkeys(("rescueSshKey", "reverse", "rootDevice"), maybe(str)),
    "ip": ip_address,
    "bootId": maybe(int),
    "linkSpeed": maybe(int),
    "serverId": int,
    "state": word("ok error hacked hackedBlocked"),
    "powerState": word("poweron poweroff"),
    "supportLevel": word("critical fastpath gs pro"),
    "iam": _IAM,
}
VIRTUAL_INTERFACE = {
    "uuid": UUID,
    "name": str,
    "mode": word("public public_aggregation vrack vrack_aggregation"),
    "enabled": bool,
    "networkInterfaceController": [str],
    "serverName": str,
    "vrack": maybe(str),
}
NIC = {
    "mac": str,
    "linkType": word("public public_lag private private_lag provisioning provisioning_lag isolated"),
    "virtualNetworkInterface": maybe(UUID),
}
SERVER_TASK = {
    "taskId": int,
    "function": str,
    "status": word("init todo doing done cancelled customerError ovhError"),
    "startDate": str,
    "needSchedule": bool,
    "tags": [dict],
    "plannedInterventionId": maybe(int),
    **dict.fromkeys(("comment", "doneDate", "lastUpdate", "note", "ticketReference"), maybe(str)),
}
IP_LOAD_BALANCER = {
    "serviceName": str,
    "displayName": maybe(str),
    "offer": str,
    "state": word("ok free blacklisted quarantined suspended deleted"),
    "ipLoadbalancing": ip_address,
    "ipv4": maybe(ip_address),
    "ipv6": maybe(ip_address),
    "zone": [str],
    "orderableZone": [{"name": str, "planCode": str}],
    "vrackEligibility": bool,
    "vrackName": maybe(str),
    "sslConfiguration": maybe(str),
    "metricsToken": maybe(str),
    "iam": _IAM,
}
FARM = {
    "farmId": int,
    "zone": str,
    "displayName": maybe(str),
    "port": maybe(int),
    "balance": maybe(word("first leastconn roundrobin source uri")),
    "stickiness": maybe(word("cookie sourceIp")),
    "vrackNetworkId": maybe(int),
    "probe": maybe(
        {
            "type": maybe(word("http tcp mysql pgsql smtp oco internal")),
            "match": maybe(word("default status contains matches internal")),
            "method": maybe(word("GET HEAD OPTIONS internal")),
            **dict.fromkeys(("interval", "port"), maybe(int)),
            **dict.fromkeys(("url", "pattern"), maybe(str)),
            **dict.fromkeys(("negate", "forceSsl"), maybe(bool)),
        }
    ),
}
_STATE = dict.fromkeys(("checkCode", "checkStatus", "checkTime", "lastCheckContent", "status"), maybe(str))
FARM_SERVER = {
    "serverId": int,
    "backendId": int,
    "address": ip_address,
    "status": word("active inactive"),
    "port": maybe(int),
    "weight": maybe(int),
    **dict.fromkeys(("backup", "probe", "ssl"), bool),
    **dict.fromkeys(("chain", "displayName"), maybe(str)),
    "onMarkedDown": maybe(word("shutdown-sessions")),
    "proxyProtocolVersion": maybe(word("v1 v2 v2-ssl v2-ssl-cn")),
    "serverState": [{"instanceId": int, **_STATE}],
}
HTTP_FARM_SERVER = {**FARM_SERVER, "cookie": maybe(str)}
FRONTEND = {
    "frontendId": int,
    "zone": str,
    "port": str,
    "displayName": maybe(str),
    **{name: [ip_network] for name in ("allowedSource", "deniedSource", "dedicatedIpfo")},
    **dict.fromkeys(("defaultFarmId", "defaultSslId", "vrackNetworkId", "vrackVrouterId"), maybe(int)),
    **dict.fromkeys(("disabled", "ssl"), bool),
}
HTTP_FRONTEND = {**FRONTEND, "hsts": bool, "httpHeader": [str], "redirectLocation": maybe(str)}
PENDING_CHANGE = {"zone": str, "number": int}
REFRESH_TASK = {
    "id": int,
    "action": str,
    "status": word("todo doing done error blocked cancelled"),
    "progress": int,
    "zones": [str],
    "creationDate": str,
    "doneDate": maybe(str),
}
NAT_IP = {"zone": str, "ip": [ip_network]}
BALANCER_NETWORK = {
    "vrackNetworkId": int,
    "displayName": maybe(str),
    "subnet": ip_network,
    "natIp": ip_network,
    "vlan": int,
    "farmId": [{"id": int, "type": str}],
}
BALANCER_VRACK = {
    "state": word("active activating deactivating inactive"),
    "task": [int],
    "vrackName": maybe(str),
}
NETWORK_RULES = {"minNatIps": int, "remainingNetworks": int, "vrackName": maybe(str)}
