"""What Vault's SSH engine signs for a run: our own key for minutes, the nodes' keys for as long as its role gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet, Node, SshCertificates
from koprogo_fleet.core.ssh_certificate import read_certificate
from koprogo_fleet.hosts.baseline.certificates import Certificates, HostCertificate, certified, write_files
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.inventory.documents import certificate_file, private_key_of
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.vault.ssh import SshAuthority
from koprogo_fleet.workflows.target import Choice, open_cloud
from koprogo_fleet.workflows.vault import vault_on_demand


class Signatures:
    """
    The two authorities of a fleet, and what they sign for it; for all threads of a run.

    Args:
        fleet: whose nodes, and whose user.
        words: what its fleet.yaml says about certificates.
        login: the file of our own certificate.
        users: signs our key.
        hosts: signs the nodes' host keys.

    Raises:
        VaultError: an engine is not there, or refuses.
    """

    def __init__(
        self, fleet: Fleet, words: SshCertificates, login: Path, users: SshAuthority, hosts: SshAuthority
    ) -> None:
        self._fleet, self._words, self._login = fleet, words, login
        self._users, self._hosts = users, hosts
        self._signing = threading.Lock()  # of host keys, when the nodes are made, and mended, in parallel
        self._user_ca, self._host_ca = users.ca_public_key(), hosts.ca_public_key()
        self._sign_login()

    def keep_login(self) -> None:
        """
        Have our key signed anew if less than a third of its certificate's life is left.

        Raises:
            VaultError: Vault refuses, or cannot be reached.
        """
        try:
            lasts = read_certificate(self._login.read_text(encoding="ascii")).lasts(time.time())
        except (OSError, ValueError):  # somebody removed it, or wrote something else there
            lasts = False
        if not lasts:
            self._sign_login()

    def first_files(self, node: Node, host_key: str) -> Sequence[dict[str, str]]:
        """
        Return what a new node has from its first boot: whom it trusts, and its own certificate.

        Raises:
            VaultError: Vault refuses, or cannot be reached.
        """
        return write_files(Certificates(self._user_ca, self._sign_host(host_key, _principals(node))))

    def on_node(self, known_hosts: KnownHosts, node: Node, *, dry_run: bool) -> tuple[Resource, ...]:
        """
        Return the same as resources; the node's certificate is signed only if the one that it has is not good any more.

        Raises:
            InputError: the node's host key is not recorded.
        """
        host_key = known_hosts.get(node.name)
        if host_key is None:
            raise InputError(
                f"{node.name}: its host key is not in {known_hosts.path}, so it cannot be signed",
                next_step=f"add the line `{node.name} <type> <key>`, from the node's /etc/ssh/ssh_host_ed25519_key.pub",
            )
        principals = _principals(node)
        sign = None if dry_run else partial(self._sign_host, host_key, principals)
        return certified(
            self._user_ca, HostCertificate(host_key, self._host_ca, frozenset(principals), time.time(), sign)
        )

    def _sign_login(self) -> None:
        public_line = ensure_private_key(private_key_of(self._fleet))
        life = timedelta(minutes=self._words.minutes)
        signed = self._users.sign_user_key(public_line, self._words.role, [self._fleet.ssh.user], life)
        write_atomically(self._login, f"{signed}\n", mode=0o600)

    def _sign_host(self, host_key: str, principals: Sequence[str]) -> str:
        with self._signing:
            return self._hosts.sign_host_key(host_key, self._words.role, principals)


@contextmanager
def signatures(fleet: Fleet, vault: Callable[[], VaultSession]) -> Generator[Signatures | None]:
    """
    Yield what signs for *fleet*, our own key signed already; None where its fleet.yaml has no ``ssh.certificates``.

    *vault* gives the run's session with Vault; it is called only where the fleet has certificates.

    Raises:
        VaultError: an engine is not there, or refuses.
    """
    words, login = fleet.ssh.certificates, certificate_file(fleet)
    if words is None:
        login.unlink(missing_ok=True)  # netmiko would use it, although it has run out, because it is beside the key
        yield None
        return
    session = vault()
    yield Signatures(
        fleet, words, login, SshAuthority(session, words.user_mount), SshAuthority(session, words.host_mount)
    )


@contextmanager
def logged_in(fleet: Fleet, choice: Choice, listener: Listener) -> Generator[None]:
    """
    Make sure that the nodes let us in, for a command that only asks them: our key is signed anew where they want that.

    Raises:
        VaultError: an engine is not there, or refuses.
        MissingCredentials: no way to log in to Vault.
    """
    if fleet.ssh.certificates is None:
        yield
        return
    with vault_on_demand(open_cloud(choice, listener).vault) as vault, signatures(fleet, vault):
        yield


def _principals(node: Node) -> tuple[str, ...]:
    """Return the names by which a node is known: to us, and to its peers in the vRack."""
    return node.name, str(node.vrack_address)
