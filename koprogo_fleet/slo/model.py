"""``slo.yaml``: the objectives, as values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from koprogo_fleet.core.loader import load_model
from koprogo_fleet.core.model import Mistake, Mistakes, Model
from koprogo_fleet.core.sections import Text

_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

Name = Annotated[
    str,
    StringConstraints(pattern=_LABEL, max_length=63),
    Field(description="lower-case letters, digits and hyphens inside (at most 63)", examples=["p99-latency"]),
]
ServicePort = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)$"),
    Field(description='a port\'s name, or its number in quotes such as "9090"'),
]
Bound = Annotated[float | None, Field(allow_inf_nan=False, description="a number")]

BOUNDS = ("below", "at_most", "at_least", "above")


class PrometheusService(Model):
    """The Service by which Prometheus is reached through the API server."""

    namespace: Name = "monitoring"
    name: Name = "prometheus-operated"
    port: ServicePort = "9090"


class Objective(Model):
    """
    One promise: every value that *query*, in PromQL, has now is within one bound.

    *unit* is shown after values, *why* says where the promise is from.
    """

    name: Name
    query: Text = Field(description="a query in PromQL")
    below: Bound = None
    at_most: Bound = None
    at_least: Bound = None
    above: Bound = None
    unit: str = ""
    why: str = ""

    @property
    def bound(self) -> tuple[str, float]:
        """Which bound it is, and its value."""
        return next((name, value) for name in BOUNDS if (value := getattr(self, name)) is not None)


class Objectives(Model):
    """The whole file: names are unique, and each objective has one bound."""

    prometheus: PrometheusService = PrometheusService()
    objectives: tuple[Objective, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        found: list[Mistake] = []
        first: dict[str, int] = {}
        for index, objective in enumerate(self.objectives):
            place = ("objectives", index)
            if sum(getattr(objective, name) is not None for name in BOUNDS) != 1:
                message = f'objective "{objective.name}" has to have one of {", ".join(BOUNDS)}'
                found.append(Mistake(message, place, tuple((*place, name) for name in BOUNDS)))
            if first.setdefault(objective.name, index) != index:
                message = f'two objectives have the name "{objective.name}"'
                found.append(Mistake(message, (*place, "name"), ((*place, "name"),)))
        if found:
            raise Mistakes(found)
        return self


def load_objectives(path: Path) -> Objectives:
    """
    Read ``slo.yaml``.

    Raises:
        InputError: there is no such file.
        FileProblems: all its mistakes, with line numbers.
    """
    return load_model(path, Objectives, next_step=f"start with a copy of inventory/lab/slo.yaml: {path}")
