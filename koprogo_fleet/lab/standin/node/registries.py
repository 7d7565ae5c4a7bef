"""K3s' registries.yaml, as containerd's configuration: one hosts.toml for each registry, and the credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.log import log

FILE = Path("/etc/rancher/k3s/registries.yaml")

_PARTS = frozenset({"mirrors", "configs", "auths"})
_MIRROR = frozenset({"endpoint", "rewrite"})
_CONFIG = frozenset({"auth", "tls"})
_AUTH = frozenset({"username", "password", "auth", "identity_token"})
_TLS = frozenset({"ca_file", "cert_file", "key_file", "insecure_skip_verify"})
_DEFAULT_HOST = {"docker.io": "registry-1.docker.io", "*": ""}
_CONTAINERD_AUTH = {"identity_token": "identitytoken"}


def load(file: Path) -> Mapping[str, Any]:
    """
    Return the file's content; nothing where there is none.

    Raises:
        InputError: it is not YAML, or has a key that nobody knows.
    """
    if not file.exists():
        return {}
    try:
        document = yaml.safe_load(file.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"failed to read registries file {file}: {error}") from error
    _check(file, "the file", document, _PARTS)
    for part in document:
        _check(file, part, document[part] or {}, None)
    for name, mirror in (document.get("mirrors") or {}).items():
        _check(file, f"mirrors.{name}", mirror, _MIRROR)
    for name, config in (document.get("configs") or {}).items():
        _check(file, f"configs.{name}", config, _CONFIG)
        _check(file, f"configs.{name}.auth", config.get("auth") or {}, _AUTH)
        _check(file, f"configs.{name}.tls", config.get("tls") or {}, _TLS)
    return dict(document)


def _check(file: Path, place: str, value: object, known: frozenset[str] | None) -> None:
    """Refuse what is not a map, or has a key beside the *known* ones; None stands for names of registries."""
    if not isinstance(value, dict):
        raise InputError(f"failed to parse registries file {file}: {place} is not a map")
    if known is not None and (unknown := sorted(str(key) for key in value.keys() - known)):
        raise InputError(f"failed to parse registries file {file}: {place} has unknown {', '.join(unknown)}")


def write_hosts(registries: Mapping[str, Any], directory: Path) -> None:
    """Write containerd's ``hosts.toml`` of every registry below *directory*; those of registries that are gone go."""
    configs = registries.get("configs") or {}
    mirrors = {name: list(mirror.get("endpoint") or ()) for name, mirror in (registries.get("mirrors") or {}).items()}
    for host in configs.keys() - {urlsplit(url).netloc for urls in mirrors.values() for url in urls}:
        mirrors.setdefault(host, [])
    if any(mirror.get("rewrite") for mirror in (registries.get("mirrors") or {}).values()):
        log.warning("stand-in: registries.yaml: rewrite is K3s' own containerd's; accepted, without effect here")
    wanted = {name if name != "*" else "_default": _hosts(name, urls, configs) for name, urls in mirrors.items()}
    for stale in {path.parent.name for path in directory.glob("*/hosts.toml")} - wanted.keys():
        (directory / stale / "hosts.toml").unlink()
    for name, text in wanted.items():
        write_atomically(directory / name / "hosts.toml", text, mode=0o600)


def _hosts(name: str, urls: list[str], configs: Mapping[str, Any]) -> str:
    own = _DEFAULT_HOST.get(name, name)
    lines = [f"server = {json.dumps(f'https://{own}')}"] if own else []
    for url in [*urls, *([f"https://{own}"] if own else [])]:
        parts = urlsplit(url)
        tls = (configs.get(parts.netloc) or {}).get("tls") or {}
        lines += ["", f"[host.{json.dumps(url)}]", '  capabilities = ["pull", "resolve"]']
        if tls.get("insecure_skip_verify"):
            lines.append("  skip_verify = true")
        if tls.get("ca_file"):
            lines.append(f"  ca = {json.dumps(tls['ca_file'])}")
        if tls.get("cert_file"):
            lines.append(f"  client = [[{json.dumps(tls['cert_file'])}, {json.dumps(tls.get('key_file', ''))}]]")
    return "\n".join(lines) + "\n"


def containerd_config(registries: Mapping[str, Any], directory: Path) -> str:
    """Return the part of containerd's own configuration: where the hosts are, and the credentials."""
    section = 'plugins."io.containerd.grpc.v1.cri".registry'
    lines = [f"[{section}]", f"  config_path = {json.dumps(str(directory))}"]
    for host, config in (registries.get("configs") or {}).items():
        if auth := config.get("auth"):
            lines += ["", f"[{section}.configs.{json.dumps(host)}.auth]"]
            lines += [f"  {_CONTAINERD_AUTH.get(key, key)} = {json.dumps(value)}" for key, value in auth.items()]
    return "\n".join(lines) + "\n"
