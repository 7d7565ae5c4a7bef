"""How to log in to OVH, and where that was found: the environment first, with a credentials directory, then the ``ovh.conf`` files."""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.credentials_directory import Variables, variables
from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.rate import FAIR, Pace

CONFIG_FILES = (Path("ovh.conf"), Path("~/.ovh.conf"), Path("/etc/ovh.conf"))
"""python-ovh's own files, the strongest first."""

PROJECT_VARIABLE = "OVH_CLOUD_PROJECT_SERVICE"
"""The variable that OVH's Terraform provider reads too."""

_SIGNED = ("application_key", "application_secret", "consumer_key")
_OAUTH2 = ("client_id", "client_secret")


@dataclass(frozen=True)
class OvhCredentials:
    """
    One of two ways to log in: an application key with its secret and a consumer key, or an OAuth2 service account.

    Attributes:
        endpoint: a name that python-ovh knows ("ovh-eu"), or the URL of an API ("http://127.0.0.1:8080/1.0").
        project_id: the Public Cloud project; None means "the only one these credentials see".
        pace: of the calls that they may make.
    """

    endpoint: str
    application_key: str | None = None
    application_secret: Secret | None = None
    consumer_key: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    project_id: str | None = None
    pace: Pace = FAIR

    @property
    def is_oauth2(self) -> bool:
        """Whether this is a service account."""
        return self.client_id is not None


def from_environment(
    environ: Mapping[str, str] | None = None, files: Sequence[Path] = CONFIG_FILES
) -> tuple[OvhCredentials, str] | None:
    """
    Find the credentials that the user has set, and tell where: "OVH_APPLICATION_KEY in the environment".

    Every value is looked for in *environ* (``OVH_ENDPOINT``, ``OVH_APPLICATION_KEY``, ...), then in *files* (section
    ``[default]`` for the endpoint, then the section named as the endpoint): the rules of python-ovh.

    Returns:
        None when nothing at all is set.

    Raises:
        MissingCredentials: some values are set and others lack, or both ways to log in are set at once.
    """
    found_in = variables(environ)
    sources = _Sources(found_in, files)
    endpoint = sources.find("default", "endpoint")
    section = endpoint.value if endpoint else ""
    found = {name: value for name in (*_SIGNED, *_OAUTH2) if (value := sources.find(section, name))}
    if not found and not endpoint:
        return None
    if endpoint is None:
        raise MissingCredentials(
            f"{_variable(next(iter(found)))} is set, but not OVH_ENDPOINT",
            cause="the endpoint says which OVH the key belongs to",
            next_step="export OVH_ENDPOINT=ovh-eu   (or ovh-ca, ovh-us)",
        )
    wanted = _wanted(found)
    if missing := [name for name in wanted if name not in found]:
        raise MissingCredentials(
            f"OVH_ENDPOINT is {section}, but {' and '.join(_variable(name) for name in missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set",
            cause="the credentials are incomplete",
            next_step="set them, or unset all the OVH_ variables to use the embedded lab",
        )
    credentials = OvhCredentials(
        endpoint=section,
        application_key=_plain(found.get("application_key")),
        application_secret=_secret(found.get("application_secret")),
        consumer_key=_secret(found.get("consumer_key")),
        client_id=_plain(found.get("client_id")),
        client_secret=_secret(found.get("client_secret")),
        project_id=found_in.get(PROJECT_VARIABLE) or None,
    )
    return credentials, found[wanted[0]].place


def application_from_environment(
    environ: Mapping[str, str] | None = None, files: Sequence[Path] = CONFIG_FILES
) -> OvhCredentials:
    """
    Find the application's key and secret by the same rules, to ask for a consumer key with; one may be set already.

    Raises:
        MissingCredentials: the endpoint, the key or the secret is not set.
    """
    found_in = variables(environ)
    sources = _Sources(found_in, files)
    endpoint = sources.find("default", "endpoint")
    section = endpoint.value if endpoint else ""
    found = {name: value for name in _SIGNED if (value := sources.find(section, name))}
    lacking = [] if endpoint else ["OVH_ENDPOINT"]
    if lacking := [*lacking, *(_variable(name) for name in _SIGNED[:2] if name not in found)]:
        raise MissingCredentials(
            f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set",
            cause="a consumer key is asked for in the name of an application, which you make once",
            next_step="make one at https://eu.api.ovh.com/createApp/ (or ca.api.ovh.com, api.us.ovhcloud.com), then: "
            "export OVH_ENDPOINT=ovh-eu OVH_APPLICATION_KEY=… OVH_APPLICATION_SECRET=…",
        )
    return OvhCredentials(
        endpoint=section,
        application_key=_plain(found.get("application_key")),
        application_secret=_secret(found.get("application_secret")),
        consumer_key=_secret(found.get("consumer_key")),
        project_id=found_in.get(PROJECT_VARIABLE) or None,
    )


def _wanted(found: Mapping[str, _Found]) -> tuple[str, ...]:
    signed, oauth2 = (any(name in found for name in names) for names in (_SIGNED, _OAUTH2))
    if signed and oauth2:
        raise MissingCredentials(
            "both an application key and an OAuth2 client are set",
            cause=f"{found[next(n for n in _SIGNED if n in found)].place}, and "
            f"{found[next(n for n in _OAUTH2 if n in found)].place}",
            next_step="keep one of them",
        )
    return _OAUTH2 if oauth2 else _SIGNED


@dataclass(frozen=True, repr=False)
class _Found:
    value: str
    place: str


class _Sources:
    def __init__(self, environ: Variables, files: Sequence[Path]) -> None:
        self._environ = environ
        self._files: list[tuple[Path, configparser.RawConfigParser]] = []
        for file in files:
            parser = configparser.RawConfigParser()
            path = file.expanduser()
            try:
                if parser.read(path, encoding="utf-8"):
                    self._files.append((path, parser))
            except (configparser.Error, UnicodeDecodeError, PermissionError) as error:
                reason = str(error).splitlines()[0] if not isinstance(error, configparser.Error) else "not an INI file"
                raise MissingCredentials(
                    f"{path} cannot be read: {reason}", next_step=f"mend or remove {path}"
                ) from None  # the cause would quote the line, which may hold a secret

    def find(self, section: str, name: str) -> _Found | None:
        if value := self._environ.get(_variable(name)):
            return _Found(value, self._environ.place(_variable(name)))
        for path, parser in self._files:
            if value := parser.get(section, name, fallback=None):
                return _Found(value, f"{name} in {path}")
        return None


def _variable(name: str) -> str:
    return f"OVH_{name.upper()}"


def _plain(found: _Found | None) -> str | None:
    return found.value if found else None


def _secret(found: _Found | None) -> Secret | None:
    return Secret(found.value) if found else None
