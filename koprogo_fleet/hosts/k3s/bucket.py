"""
The S3 bucket of the snapshots, as K3s names it, and URLs that let a node read or write one object in it.

A URL is signed here, with the keys that stay with us (AWS Signature Version 4, query string form: docs.aws.amazon.com,
"Authenticating Requests: Using Query Parameters"); the node needs nothing but curl.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret

FOLDER = "etcd"
URL_SECONDS = 900
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Bucket:
    """
    Where the snapshots are uploaded to.

    Attributes:
        endpoint: the host's bare name, as ``etcd-s3-endpoint`` wants it: without ``https://``.
        region: as it is signed.
        name: of the bucket.
        folder: the snapshots' part of it; their manifests are beside it, for K3s takes all in it for snapshots.
    """

    endpoint: str
    region: str
    name: str
    folder: str

    @property
    def manifests(self) -> str:
        """The manifests' part of the bucket."""
        return f"{self.folder}-manifests"


@dataclass(frozen=True)
class Keys:
    """A pair of S3 keys."""

    access: str
    secret: Secret


def bucket_of(fleet: Fleet) -> Bucket | None:
    """
    Return the bucket of the fleet's backups, or None where it has none.

    OVH's endpoints are ``s3.REGION.io.cloud.ovh.net`` with the storage region in lower case and without its number (a
    container's ``virtualHost`` in the API is that with the bucket's name before it).
    """
    if fleet.backups is None:
        return None
    region = fleet.backups.region.rstrip("0123456789").lower()
    return Bucket(f"s3.{region}.io.cloud.ovh.net", region, fleet.backups.bucket, FOLDER)


def flags(bucket: Bucket | None, prefix: str = "etcd-s3") -> list[str]:
    """
    Return K3s' flags for the bucket; without one, that S3 is not meant, whatever the node's configuration says.

    Args:
        bucket: where to.
        prefix: ``etcd-s3`` of ``k3s server``; the subcommands of ``etcd-snapshot`` take both this and ``s3``.
    """
    if bucket is None:
        return [f"--{prefix}=false"]
    return [
        f"--{prefix}",
        f"--{prefix}-endpoint={bucket.endpoint}",
        f"--{prefix}-region={bucket.region}",
        f"--{prefix}-bucket={bucket.name}",
        f"--{prefix}-folder={bucket.folder}",
    ]


def signed_url(
    place: tuple[Bucket, Keys], method: str, key: str, now: datetime, query: Mapping[str, str] = _NOTHING
) -> Secret:
    """
    Return a URL with which anybody may do *method* on one object for a quarter of an hour, counted from *now* (UTC).

    Args:
        place: where, and as whom.
        method: GET, PUT or DELETE.
        key: of the object; "" is the bucket itself, for a list.
        now: by OVH's clock, to within some minutes.
        query: what else is asked for, such as ``list-type``.
    """
    bucket, keys = place
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{now:%Y%m%d}/{bucket.region}/s3/aws4_request"
    path = quote(f"/{bucket.name}/{key}" if key else f"/{bucket.name}", safe="/-_.~")
    values = {
        **query,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(URL_SECONDS),
        "X-Amz-SignedHeaders": "host",
    }
    encoded = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(values.items())
    )
    request = f"{method}\n{path}\n{encoded}\nhost:{bucket.endpoint}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing_key = f"AWS4{keys.secret.reveal()}".encode()
    for part in (f"{now:%Y%m%d}", bucket.region, "s3", "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    return Secret(f"https://{bucket.endpoint}{path}?{encoded}&X-Amz-Signature={signature}")
