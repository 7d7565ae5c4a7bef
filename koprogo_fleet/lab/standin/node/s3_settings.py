"""The ``etcd-s3-*`` keys of K3s' configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node.config import Values

DEFAULT_ENDPOINT, DEFAULT_REGION, DEFAULT_TIMEOUT = "s3.amazonaws.com", "us-east-1", "5m0s"
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class S3Settings:
    """The ``etcd-s3-*`` keys, with K3s' defaults."""

    endpoint: str
    region: str
    bucket: str
    folder: str
    access_key: str
    secret_key: Secret
    endpoint_ca: str
    skip_ssl_verify: bool
    insecure: bool
    seconds: float

    @property
    def prefix(self) -> str:
        """What the snapshots' keys begin with."""
        return f"{self.folder.strip('/')}/" if self.folder.strip("/") else ""


def s3_settings(values: Values, environment: Mapping[str, str]) -> S3Settings | None:
    """
    Return the settings, or None where S3 is off.

    Raises:
        InputError: they cannot be used, in the words of K3s or of its S3 library.
    """
    if values.get("etcd-s3") is not True:
        return None

    def text(key: str, otherwise: str = "") -> str:
        value = values.get(f"etcd-s3-{key}")
        return value if isinstance(value, str) and value else otherwise

    endpoint = text("endpoint", DEFAULT_ENDPOINT)
    if "/" in endpoint:
        raise InputError("Endpoint url cannot have fully qualified paths.")
    if not text("bucket"):
        raise InputError("s3 bucket name was not set")
    return S3Settings(
        endpoint=endpoint,
        region=text("region", DEFAULT_REGION),
        bucket=text("bucket"),
        folder=text("folder"),
        access_key=text("access-key", environment.get("AWS_ACCESS_KEY_ID", "")),
        secret_key=Secret(text("secret-key", environment.get("AWS_SECRET_ACCESS_KEY", ""))),
        endpoint_ca=text("endpoint-ca"),
        skip_ssl_verify=values.get("etcd-s3-skip-ssl-verify") is True,
        insecure=values.get("etcd-s3-insecure") is True,
        seconds=duration(text("timeout", DEFAULT_TIMEOUT)),
    )


def duration(text: str) -> float:
    """
    Return the seconds of a Go duration such as ``5m0s``.

    Raises:
        InputError: it is none.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise InputError(f'invalid value "{text}" for flag -etcd-s3-timeout: parse error')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
