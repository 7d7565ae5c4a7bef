"""One Helm release, as a person writes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from koprogo_fleet.core.duration import Duration
from koprogo_fleet.core.model import Model, Whole
from koprogo_fleet.core.sections import Port, Text
from koprogo_fleet.helm.smoke import SmokeTest

_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
OCI = "oci://"

ReleaseName = Annotated[
    str,
    StringConstraints(pattern=_LABEL, max_length=53),
    Field(description="lower-case letters, digits and hyphens inside (at most 53)", examples=["koprogo-api"]),
]
Namespace = Annotated[
    str,
    StringConstraints(pattern=_LABEL, max_length=63),
    Field(description="lower-case letters, digits and hyphens inside (at most 63)", examples=["koprogo"]),
]
ObjectName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253),
    Field(description="an object's name: lower-case letters, digits, hyphens and dots inside"),
]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/"), Field(description="a path such as /health")]


class HttpProbe(Model):
    """A question asked of every worker from outside: the release is well when the answer has *status*."""

    node_port: Port
    path: UrlPath = "/"
    status: Whole = Field(default=200, ge=100, le=599, description="an HTTP status from 100 to 599")


class Proofs(Model):
    """What has to be seen, beside complete rollouts and established CRDs, before a release counts as ready."""

    webhooks: tuple[ObjectName, ...] = ()
    certificates: tuple[ObjectName, ...] = ()


class SlotTest(Model):
    """A question asked of a slot: what it must answer, as in a smoke test."""

    path: UrlPath = "/health"
    status: Whole = Field(default=200, ge=100, le=599, description="an HTTP status from 100 to 599")
    contains: Text | None = Field(default=None, description="text that must be in the answer")


class BlueGreen(Model):
    """
    How a release changes its image when that goes by slots.

    The slot that nobody is sent to any more stays for *keep*. *smoke* is asked inside the cluster: of the new slot's own
    Service before the switch, and of the release's after it.
    """

    keep: Duration = timedelta(hours=1)
    smoke: tuple[SlotTest, ...] = (SlotTest(),)


class Overlay(Model):
    """What one environment has otherwise; what it leaves out is as everywhere."""

    enabled: bool | None = Field(default=None, strict=True, description="true or false")
    values_files: tuple[Text, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict, description="values as in the chart's values.yaml")


class Release(Model):
    """
    One Helm release.

    *chart* is a directory, relative to the file that names it, or ``oci://…``, or a name in *repository*. One from
    elsewhere is pinned by *version* and *digest*; of a directory, *version* alone. *values* are merged over
    *values_files*, and those over the chart's own. They hold no secrets: *secrets* are the names of those Secrets of
    secrets.yaml that the chart is told of. The releases in *needs* come first. *crds* are the names of the
    CustomResourceDefinitions that it brings. *timeout* is in seconds, for everything to become ready. *smoke* is asked
    as users ask, through the load balancer. *blue_green* is for deployments that are asked to go by slots.
    """

    name: ReleaseName
    namespace: Namespace
    chart: Text = Field(description="a directory, relative to this file, oci://…, or a name in the repository")
    repository: str | None = Field(
        default=None,
        pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?)$",
        description="the https:// address of a chart repository",
    )
    version: str | None = Field(default=None, pattern=r"^v?\d+\.\d+\.\d+\S*$", description="a version such as 0.1.0")
    digest: str | None = Field(
        default=None, pattern=r"^sha256:[0-9a-f]{64}$", description="sha256: and 64 hexadecimal digits"
    )
    values_files: tuple[Text, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict, description="values as in the chart's values.yaml")
    secrets: tuple[ObjectName, ...] = ()
    needs: tuple[ReleaseName, ...] = ()
    crds: tuple[ObjectName, ...] = ()
    ready: Proofs = Proofs()
    timeout: Whole = Field(default=300, ge=10, le=3600, description="a time from 10 to 3600 s", examples=[300])
    enabled: bool = Field(default=True, strict=True, description="true or false")
    probes: tuple[HttpProbe, ...] = ()
    smoke: tuple[SmokeTest, ...] = ()
    blue_green: BlueGreen | None = None
    environments: dict[str, Overlay] = Field(default_factory=dict, description="fields by environment")

    @property
    def is_local(self) -> bool:
        """Whether the chart is a directory of ours: it needs no fetching and no digest."""
        return self.repository is None and not self.chart.startswith(OCI)

    @property
    def chart_name(self) -> str:
        """The chart's own name."""
        return self.chart.rstrip("/").rpartition("/")[2]

    def is_enabled_in(self, environment: str) -> bool:
        """Say whether it is wanted in an environment."""
        overlay = self.environments.get(environment)
        return self.enabled if overlay is None or overlay.enabled is None else overlay.enabled
