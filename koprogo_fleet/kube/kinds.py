"""Any kind that the cluster serves, as a class that lightkube's client takes; found by discovery, not by a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lightkube.generic_resource import GenericGlobalResource, GenericNamespacedResource, create_api_info

from koprogo_fleet.core.errors import KubernetesError

Kind: TypeAlias = Any
"""A resource class, of a namespaced kind or not: lightkube's overloads cannot say "either"."""


class Kinds:
    """
    The kinds of one cluster.

    The classes are not put into lightkube's global registry: it holds one meaning of a kind for the whole process.

    Args:
        discover: returns the JSON list of the resources under an API path, or None if the cluster has no such path.
    """

    def __init__(self, discover: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._discover = discover
        self._known: dict[tuple[str, str], Kind] = {}

    def find(self, api_version: str, kind: str) -> Kind | None:
        """Return the class for a kind, or None if the cluster does not know it."""
        if (api_version, kind) not in self._known:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            self._known |= _kinds(api_version, self._discover(path) or {})
        return self._known.get((api_version, kind))

    def need(self, api_version: str, kind: str) -> Kind:
        """
        Return the class for a kind.

        Raises:
            KubernetesError: the cluster does not know the kind.
        """
        if found := self.find(api_version, kind):
            return found
        raise KubernetesError(
            f"the cluster does not know the kind {kind} of {api_version}",
            cause="the controller that brings it is not installed yet, or is another version",
            next_step=f"kubectl api-resources --api-group={api_version.rpartition('/')[0]}",
        )


def plural_of(kind: Kind) -> str:
    """Return a kind's name in the API's paths."""
    return str(kind._api_info.plural)  # noqa: SLF001 - lightkube's own place for it; these classes are made here


def _kinds(api_version: str, resources: Mapping[str, Any]) -> dict[tuple[str, str], Kind]:
    group, _, version = api_version.rpartition("/")
    found: dict[tuple[str, str], Kind] = {}
    for resource in resources.get("resources") or ():
        if "/" in resource["name"]:  # a subresource, as pods/log
            continue
        base = GenericNamespacedResource if resource["namespaced"] else GenericGlobalResource
        info = create_api_info(group, version, resource["kind"], resource["name"])
        found[api_version, resource["kind"]] = type(resource["kind"], (base,), {"_api_info": info})
    return found
