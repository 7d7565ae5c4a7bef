"""Where OVH credentials come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.credentials import from_environment

SIGNED = {
    "OVH_ENDPOINT": "ovh-eu",
    "OVH_APPLICATION_KEY": "key",
    "OVH_APPLICATION_SECRET": "secret",
    "OVH_CONSUMER_KEY": "consumer",
}
OAUTH2 = {"OVH_ENDPOINT": "ovh-eu", "OVH_CLIENT_ID": "client", "OVH_CLIENT_SECRET": "secret"}
FILE = """\
[default]
endpoint=ovh-ca
[ovh-ca]
application_key=file-key
application_secret=file-secret
consumer_key=file-consumer
"""


def test_nothing_is_set() -> None:
    """Without any value there are no credentials, and no error: the lab is used."""
    assert from_environment({}, ()) is None


def test_environment() -> None:
    """An application key from the environment, and where it was found."""
    found = from_environment({**SIGNED, "OVH_CLOUD_PROJECT_SERVICE": "abc"}, ())

    assert found is not None
    credentials, place = found
    assert ("ovh-eu", "key", "abc", False) == (
        credentials.endpoint,
        credentials.application_key,
        credentials.project_id,
        credentials.is_oauth2,
    )
    assert (Secret("secret"), Secret("consumer")) == (credentials.application_secret, credentials.consumer_key)
    assert "OVH_APPLICATION_KEY in the environment" == place


def test_service_account() -> None:
    """A service account from the environment."""
    found = from_environment(OAUTH2, ())

    assert found is not None
    assert (True, "OVH_CLIENT_ID in the environment") == (found[0].is_oauth2, found[1])


def test_file(tmp_path: Path) -> None:
    """An ovh.conf gives the endpoint and its keys; the place names the file."""
    file = tmp_path / "ovh.conf"
    file.write_text(FILE)

    found = from_environment({}, (tmp_path / "absent.conf", file))

    assert found is not None
    assert ("ovh-ca", "file-key") == (found[0].endpoint, found[0].application_key)
    assert f"application_key in {file}" == found[1]


def test_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    """A variable replaces one value of the file, as in python-ovh."""
    file = tmp_path / "ovh.conf"
    file.write_text(FILE)

    found = from_environment({"OVH_APPLICATION_KEY": "mine"}, (file,))

    assert found is not None
    assert ("mine", Secret("file-secret")) == (found[0].application_key, found[0].application_secret)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OVH_ENDPOINT": "ovh-eu"}, "OVH_APPLICATION_KEY and OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY are not set"),
        ({**SIGNED, "OVH_CONSUMER_KEY": ""}, "OVH_CONSUMER_KEY is not set"),
        ({**OAUTH2, "OVH_CLIENT_SECRET": ""}, "OVH_CLIENT_SECRET is not set"),
        ({**SIGNED, "OVH_ENDPOINT": ""}, "OVH_APPLICATION_KEY is set, but not OVH_ENDPOINT"),
        ({**SIGNED, **OAUTH2}, "both an application key and an OAuth2 client are set"),
    ],
)
def test_incomplete(environ: dict[str, str], message: str) -> None:
    """Half-set credentials are an error, never the lab: the user meant OVH."""
    with pytest.raises(MissingCredentials, match=message) as caught:
        from_environment(environ, ())

    assert caught.value.next_step


def test_broken_file_does_not_show_its_content(tmp_path: Path) -> None:
    """A file that is no INI file is named, and what is in it is not quoted."""
    file = tmp_path / "ovh.conf"
    file.write_text("application_secret canary-7c1d")

    with pytest.raises(MissingCredentials, match=r"ovh\.conf cannot be read: not an INI file") as caught:
        from_environment({}, (file,))

    assert "canary" not in f"{caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__
