"""The price catalogue over HTTP, and the command that prices a fleet by it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import ovh.exceptions
import pytest
import python_ovh
from emulated_cloud import Cloud

from koprogo_fleet.core.errors import OvhError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.ovh_api import catalogue as offer
from koprogo_fleet.lab.ovh_api.recorded import price_catalogue
from koprogo_fleet.ovh.catalogue import list_flavors
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.prices import get_prices

FLEET_YAML = """\
name: koprogo
pools:
  - {name: cp, role: server, count: 1, flavor: b2-15, first_address: 10.0.0.11}
k3s: {version: v1.33.4+k3s1}
"""
LIMITS = {"min": int, "max": (int, python_ovh.NOTHING)}
PRICING = {
    "price": int,
    "tax": int,
    "interval": int,
    "intervalUnit": str,
    "capacities": [str],
    "commitment": int,
    "mode": str,
    "phase": int,
    "strategy": str,
    "type": str,
    "quantity": LIMITS,
    "repeat": LIMITS,
}
PLAN = {
    "planCode": str,
    "invoiceName": str,
    "product": str,
    "pricingType": str,
    "pricings": [PRICING],
    "addonFamilies": [
        {"name": str, "addons": [str], "default": (str, python_ovh.NOTHING), "mandatory": bool, "exclusive": bool}
    ],
    "configurations": [dict],
}
LOCALE = {"currencyCode": str, "subsidiary": str, "taxRate": int}


def test_prices_need_no_login(cloud: Cloud) -> None:
    """The catalogue is read without a valid consumer key; a subsidiary of another endpoint is refused."""
    api = OvhApi(replace(cloud.credentials(), consumer_key=Secret("none")))

    prices = get_prices(api)

    assert ("EUR", "FR") == (prices.currency, prices.subsidiary)
    assert Decimal("0.129") == prices.plans["b2-15.consumption"].hourly
    assert Decimal("46.20") == prices.plans["b2-15.monthly.postpaid"].monthly
    assert 4 == prices.plans["b2-15.consumption"].vcpus
    assert (Decimal("0.0083"), Decimal(6)) == (
        (balancer := prices.plans["octavia-loadbalancer.loadbalancer-s.hour.consumption"]).hourly,
        balancer.monthly,
    )
    with pytest.raises(OvhError, match="invalid ovhSubsidiary"):
        get_prices(api, "US")


def test_every_flavor_and_volume_has_a_price(cloud: Cloud) -> None:
    """What the emulator sells stands in its catalogue, under the plan codes that its API tells."""
    api = cloud.api()
    plans = get_prices(api).plans

    flavors = [flavor for region in offer.REGIONS for flavor in list_flavors(api, region)]
    codes = {flavor.hourly_plan for flavor in flavors} | {flavor.monthly_plan for flavor in flavors} - {None}
    assert codes <= plans.keys()
    assert {f"volume.{kind}.consumption" for kind in offer.VOLUME_TYPES} <= plans.keys()


def test_the_recorded_catalogue_says_what_it_is() -> None:
    """The data file names its date and a source for each part of its figures."""
    recorded = price_catalogue()["recorded"]

    assert {"date", "shortened", "sources"} == recorded.keys()
    assert len(recorded["sources"]) > 1


def test_catalogue_by_python_ovh(cloud: Cloud) -> None:
    """OVH's own client reads the catalogue without authentication; plans and addons have the schema's fields."""
    client = python_ovh.client(cloud)

    answer = client.get("/order/catalog/public/cloud", ovhSubsidiary="FR", _need_auth=False)

    assert {"catalogId", "locale", "plans", "addons", "products", "planFamilies"} == answer.keys()
    python_ovh.check(answer["locale"], LOCALE)
    python_ovh.check(answer["plans"], [PLAN])
    python_ovh.check([{**addon, "blobs": None} for addon in answer["addons"]], [{**PLAN, "blobs": python_ovh.NOTHING}])
    families = [code for plan in answer["plans"] for family in plan["addonFamilies"] for code in family["addons"]]
    assert sorted(families) == sorted(addon["planCode"] for addon in answer["addons"])
    with pytest.raises(ovh.exceptions.BadParametersError):
        client.get("/order/catalog/public/cloud", _need_auth=False)


def run_cost(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``koprogo-fleet cost`` in *folder*."""
    return subprocess.run(
        [sys.executable, "-c", "from koprogo_fleet.cli.app import main; main()", "cost", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": ":".join(sys.path), "COLUMNS": "200"}
        | environment,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the same fleet for the lab and for OVH."""
    for environment in ("lab", "production"):
        (tmp_path / "fleets" / "inventory" / environment).mkdir(parents=True)
        (tmp_path / "fleets" / "inventory" / environment / "fleet.yaml").write_text(FLEET_YAML)
    return tmp_path / "fleets"


def logged_in(cloud: Cloud) -> dict[str, str]:
    """Return the variables that log in to the emulator as one logs in to OVH."""
    keys = cloud.state.keys
    return {
        "OVH_ENDPOINT": cloud.url,
        "OVH_APPLICATION_KEY": keys.application_key,
        "OVH_APPLICATION_SECRET": keys.application_secret.reveal(),
        "OVH_CONSUMER_KEY": keys.consumer_key.reveal(),
    }


def without_source(text: str) -> dict[str, Any]:
    """Return the command's JSON but for where the prices are from."""
    bill: dict[str, Any] = json.loads(text)
    del bill["source"]
    return bill


def test_cost_is_the_same_from_the_api_and_in_the_lab(cloud: Cloud, folder: Path) -> None:
    """The command prices by the API where there is one, with one call that needs no right; and in the lab without it."""
    by_api = run_cost(folder, "--json", **logged_in(cloud))
    in_lab = run_cost(folder, "--json")

    assert (0, 0) == (by_api.returncode, in_lab.returncode), by_api.stderr + in_lab.stderr
    assert ["/order/catalog/public/cloud"] == [entry["path"] for entry in cloud.requests()]
    assert without_source(by_api.stdout) == without_source(in_lab.stdout)
    assert "94.17" == json.loads(by_api.stdout)["monthly"]
    assert "recorded in the lab" in json.loads(in_lab.stdout)["source"]


@pytest.mark.parametrize(("budget", "code"), [("94.17", 0), ("94.16", 1), ("-1", 2), ("much", 2), ("nan", 2)])
def test_cost_above_the_budget(folder: Path, budget: str, code: int) -> None:
    """Exactly the budget fits; a cent less ends with exit code 1 and the difference; what is no amount with 2."""
    ended = run_cost(folder, "--budget", budget)

    assert code == ended.returncode, ended.stderr
    if code == 1:
        assert "costs 94.17 EUR a month, 0.01 more than the budget of 94.16" in ended.stderr


def test_cost_for_people(folder: Path) -> None:
    """People see each line, the document's table with a reason for each difference, what costs less, and the sources."""
    shown = run_cost(folder).stdout

    for text in (
        "koprogo-cp-1",
        "94.17",
        "Control Plane b2-15",
        "1 instead of 3",
        "Less: 1 x b2-15",
        "not a measurement",
    ):
        assert text in shown
