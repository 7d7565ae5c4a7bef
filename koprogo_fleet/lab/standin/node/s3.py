"""The few calls of S3 that snapshots need, signed with AWS Signature Version 4."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.s3_settings import S3Settings

CHUNK = 1024 * 1024
_NAMESPACE = "{*}"


@dataclass(frozen=True)
class S3Object:
    """One object of a list; *key* is its whole key."""

    key: str
    size: int
    modified: dt.datetime


class S3:
    """
    A client of one bucket.

    Raises:
        KubernetesError: the bucket cannot be used.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        bucket = settings.bucket
        try:
            self._call("HEAD", "")
        except KubernetesError as error:
            if "404" in str(error):
                raise KubernetesError(f"bucket {bucket} does not exist") from error
            raise KubernetesError(f"failed to test for existence of bucket {bucket}: {error}") from error

    def put(self, file: Path, name: str) -> None:
        """Upload a file."""
        self._call("PUT", f"{self._settings.prefix}{name}", source=file)

    def get(self, name: str, file: Path) -> None:
        """Download an object; the file is there whole, or not at all."""
        part = file.with_name(f".{file.name}.part")
        try:
            self._call("GET", f"{self._settings.prefix}{name}", target=part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Delete an object."""
        self._call("DELETE", f"{self._settings.prefix}{name}")

    def list(self) -> list[S3Object]:
        """Return every object whose key begins as the snapshots' do."""
        found: list[S3Object] = []
        after = ""
        while True:
            query = {"list-type": "2", "prefix": self._settings.prefix}
            root = ET.fromstring(self._call("GET", "", query | ({"continuation-token": after} if after else {})))  # noqa: S314 - from the bucket of the settings
            found += [
                S3Object(
                    item.findtext(f"{_NAMESPACE}Key") or "",
                    int(item.findtext(f"{_NAMESPACE}Size") or 0),
                    dt.datetime.fromisoformat(item.findtext(f"{_NAMESPACE}LastModified") or ""),
                )
                for item in root.findall(f"{_NAMESPACE}Contents")
            ]
            after = root.findtext(f"{_NAMESPACE}NextContinuationToken") or ""
            if not after:
                return found

    def _call(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None = None,
        *,
        source: Path | None = None,
        target: Path | None = None,
    ) -> bytes:
        settings = self._settings
        path = quote(f"/{settings.bucket}/{key}", safe="/-_.~")
        encoded = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted((query or {}).items())
        )
        headers = self._signed(method, path, encoded, _sha256(source))
        connection = self._connection()
        try:
            with (source or Path(os.devnull)).open("rb") as body:
                if source:
                    headers["Content-Length"] = str(source.stat().st_size)
                connection.request(method, f"{path}?{encoded}" if encoded else path, body if source else None, headers)
                response = connection.getresponse()
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise KubernetesError(f"{response.status}: {_said(response.read()) or response.reason}")
                if target is None:
                    return response.read()
                with target.open("wb") as file:
                    while chunk := response.read(CHUNK):
                        file.write(chunk)
                return b""
        except (OSError, http.client.HTTPException) as error:
            raise KubernetesError(f'{method.capitalize()} "https://{settings.endpoint}{path}": {error}') from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        settings = self._settings
        host, _, port = settings.endpoint.partition(":")
        number = int(port) if port else None
        if settings.insecure:
            return http.client.HTTPConnection(host, number, timeout=settings.seconds)
        context = ssl.create_default_context(cafile=settings.endpoint_ca or None)
        if settings.skip_ssl_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, number, timeout=settings.seconds, context=context)

    def _signed(self, method: str, path: str, query: str, payload: str) -> dict[str, str]:
        settings, now = self._settings, dt.datetime.now(dt.UTC)
        stamp, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        names = "host;x-amz-content-sha256;x-amz-date"
        request = (
            f"{method}\n{path}\n{query}\nhost:{settings.endpoint}\nx-amz-content-sha256:{payload}\n"
            f"x-amz-date:{stamp}\n\n{names}\n{payload}"
        )
        scope = f"{day}/{settings.region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{settings.secret_key.reveal()}".encode()
        for part in (day, settings.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return {
            "Host": settings.endpoint,
            "X-Amz-Content-Sha256": payload,
            "X-Amz-Date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={settings.access_key}/{scope}, SignedHeaders={names}, Signature={signature}",
        }


def _sha256(file: Path | None) -> str:
    digest = hashlib.sha256()
    if file:
        with file.open("rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _said(body: bytes) -> str:
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the bucket of the settings
    except ET.ParseError:
        return ""
    return root.findtext("Message") or root.findtext("Code") or ""
