"""The work of ``koprogo-fleet secrets seal``: what is read, sealed, and where it is written."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from koprogo_fleet.cli.etcd_opening import Where
from koprogo_fleet.cli.opening import progress
from koprogo_fleet.cli.secrets_opening import controller_of
from koprogo_fleet.core.errors import InputError, KubernetesError, NotConverged
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.kube.sealing import SealingController
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.documents import read_documents, write_documents
from koprogo_fleet.secrets.sealing.manifests import OF_THE_SERVER, named, scope_of, sealed_manifest
from koprogo_fleet.secrets.sealing.merge import merged, only
from koprogo_fleet.secrets.sealing.words import KIND, Format, Scope
from koprogo_fleet.workflows.sealing.trust import trusted

NEW_FILE = 0o644
"""What is sealed is for everybody's eyes."""


class Mode(StrEnum):
    """What is done with the input; all but the first are options of the command line."""

    SEAL = "seal"
    RAW = "raw"
    MERGE = "merge-into"
    RE_ENCRYPT = "re-encrypt"
    VALIDATE = "validate"


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    mode: Mode
    scope: Scope | None
    namespace: str | None
    name: str | None
    certificate: Path | None
    merge_into: Path | None
    format: Format | None
    source: Path | None
    destination: Path | None
    allow_empty: bool

    @property
    def file(self) -> Path | None:
        """Where the result is written; None for the output. Sealed again, a file is written over, as by kubeseal."""
        return self.destination or self.merge_into or (self.source if self.mode is Mode.RE_ENCRYPT else None)

    @property
    def form(self) -> Format:
        """How the result is written: as was said, or as the file's name says."""
        is_yaml = self.file is not None and self.file.suffix in {".yaml", ".yml"}
        return self.format or (Format.YAML if is_yaml else Format.JSON)


def carry_out_seal(asked: Asked, where: Where, controller: tuple[str, str]) -> str:
    """
    Do what was *asked*; return what is to be printed.

    Raises:
        InputError: the input, an option or the certificate cannot be used.
        NotConverged: the controller cannot open what is to be validated.
        KoprogoError: the cluster cannot be asked.
    """
    content = _read(asked.source)
    if asked.mode in {Mode.VALIDATE, Mode.RE_ENCRYPT}:
        with progress(quiet=False) as listener, controller_of(where, *controller, listener) as (here, _pin):
            result = _asked_there(asked, _text(content), here)
    else:
        result = _sealed(asked, content, _certificate(asked, where, controller))
    if asked.file is None or asked.mode is Mode.VALIDATE:
        return result
    mode = stat.S_IMODE(asked.file.stat().st_mode) if asked.file.exists() else NEW_FILE
    write_atomically(asked.file, result, mode)
    return ""


def _sealed(asked: Asked, content: bytes, certificate: SealingCertificate) -> str:
    if asked.mode is Mode.RAW:
        return _raw(asked, content, certificate)
    secrets = read_documents(_text(content), "Secret")
    if asked.merge_into is None:
        manifests = [named(secret, asked.namespace, asked.name, asked.scope) for secret in secrets]
        sealed = [sealed_manifest(manifest, certificate, allow_empty=asked.allow_empty) for manifest in manifests]
        return write_documents(sealed, asked.form)
    text = _text(_read(asked.merge_into))
    metadata = only(text).get("metadata") or {}
    scope = scope_of(metadata)
    for secret in secrets:
        wanted = asked.scope or scope_of(secret.get("metadata") or {})
        if wanted not in {scope, Scope.STRICT}:
            raise InputError(
                f"{asked.merge_into} is sealed {scope}, the new value would be {wanted}",
                next_step="seal all of it anew with --scope",
            )
        manifest = named(secret, metadata.get("namespace"), metadata.get("name"), scope)
        text = merged(text, sealed_manifest(manifest, certificate, allow_empty=asked.allow_empty))
    return text


def _raw(asked: Asked, content: bytes, certificate: SealingCertificate) -> str:
    scope = asked.scope or Scope.STRICT
    if scope is not Scope.CLUSTER_WIDE and not asked.namespace:
        raise InputError(f"a value that is sealed {scope} needs --namespace")
    if scope is Scope.STRICT and not asked.name:
        raise InputError("a value that is sealed strict needs --name")
    return certificate.seal(content, asked.namespace or "", asked.name or "", scope)


def _asked_there(asked: Asked, text: str, here: SealingController) -> str:
    """Have the controller validate what is sealed, or seal it again."""
    manifests = read_documents(text, KIND)
    if asked.mode is Mode.VALIDATE:
        closed = [str((one["metadata"] or {}).get("name")) for one in manifests if not here.opens(one)]
        if closed:
            raise NotConverged(
                f"the controller cannot open {', '.join(closed)}",
                cause="it was sealed for another cluster, name, namespace or scope, or with a key that is gone",
                next_step="koprogo-fleet secrets keys status",
            )
        return ""
    anew = []
    for before in manifests:
        after = here.sealed_anew(before)
        metadata = {key: value for key, value in after["metadata"].items() if key not in OF_THE_SERVER}
        if scope_of(metadata) is not scope_of(before["metadata"]):
            raise KubernetesError(
                f"the controller gives {metadata.get('name')} back with another scope, {scope_of(metadata)}",
                cause="releases before 0.36.0 may widen it",
                next_step="upgrade the controller; nothing was written",
            )
        anew.append({key: value for key, value in after.items() if key != "status"} | {"metadata": metadata})
    return write_documents(anew, asked.form)


def _certificate(asked: Asked, where: Where, controller: tuple[str, str]) -> SealingCertificate:
    if asked.certificate is not None:
        return SealingCertificate.parse(_text(_read(asked.certificate))).usable()
    with progress(quiet=False) as listener, controller_of(where, *controller, listener) as (here, pin):
        return trusted(here, pin).pinned.usable()


def _read(path: Path | None) -> bytes:
    if path is None:
        if sys.stdin.isatty():
            sys.stderr.write("(a terminal: a manifest is awaited on standard input)\n")
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:  # not chained: it carries the input along
        raise InputError("the input is not UTF-8 text", next_step="binary values go into data, as base64") from None
