"""``ovh.conf``: the file in which python-ovh, and we, look for credentials. It is written with mode 0600, always."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.ovh.credentials import OvhCredentials


def write_ovh_conf(path: Path, credentials: OvhCredentials) -> None:
    """
    Put *credentials* into *path*, readable by its owner alone; other endpoints in the file stay.

    Raises:
        InputError: the file is there, and is no INI file.
        MissingRequirement: it cannot be written.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        raise InputError(
            f"{path} is not an INI file", next_step="name another file, or remove this one"
        ) from None  # the cause would quote a line, which may hold a secret
    values = {
        "application_key": credentials.application_key,
        "application_secret": credentials.application_secret,
        "consumer_key": credentials.consumer_key,
    }
    for section in ("default", credentials.endpoint):
        if not parser.has_section(section):
            parser.add_section(section)
    parser.set("default", "endpoint", credentials.endpoint)
    for name, value in values.items():
        if value is not None:
            parser.set(credentials.endpoint, name, value if isinstance(value, str) else value.reveal())
    text = io.StringIO()
    parser.write(text)
    write_atomically(path, text.getvalue(), mode=0o600)
