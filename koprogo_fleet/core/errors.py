"""
Every error that a user of koprogo_fleet can meet.

.. code-block:: text

    KoprogoError                      exit code 2: stopped, and the reason is known
    ├── InputError                    what the user gave cannot be used
    │   ├── FileProblems              all the mistakes of one or more files, with line numbers
    │   ├── WeakSecret                a secret's value is a known one, or easily guessed
    │   ├── MissingCredentials        no way to log in to OVH or Vault
    │   └── MissingRequirement        this machine lacks something (root, a package, a kernel feature)
    ├── OverBudget                    the plan costs more than the user allows; nothing was done
    ├── WaitTimeout                   a condition did not become true before its deadline
    ├── NotConverged                  exit code 1: the run ended, but something is not as desired
    │   └── ProofFailed               a new credential, or a consumer of it, does not work
    ├── Interrupted                   exit code 130: a person stopped the run
    ├── OvhError                      an answer of the OVH API, or none
    │   ├── OvhRefused                401, 403: the credentials do not allow this call
    │   ├── OvhNotFound               404, 460
    │   ├── OvhConflict               409
    │   ├── OvhRateLimited            429 (temporary)
    │   └── OvhUnavailable            5xx, 408, no answer (temporary; a write may have happened)
    ├── SshError                      a node, over SSH
    │   ├── Unreachable               no connection (temporary)
    │   ├── HostKeyMismatch           the node is not who it should be
    │   ├── LoginRefused              the node knows us, and says no
    │   ├── SessionLost               the connection ended in the middle: result unknown (temporary)
    │   ├── CommandTimeout            no end before the deadline
    │   ├── Fenced                    another run has the node now: this one must not touch it any more
    │   └── CommandFailed             it ended, with an exit status other than 0
    ├── VaultError
    │   ├── VaultRefused              403: the token does not allow this call
    │   ├── VaultSealed               503: sealed, or not initialised
    │   ├── VaultIntercepted          a wrapped secret was opened by somebody else, or replaced: an alarm
    │   ├── VaultConflict             the check-and-set version is not the current one
    │   └── VaultUnavailable          no answer, 5xx, standby (temporary)
    ├── BackendError                  a server that takes credentials (an API, a registry) refused, or its answer is of no use
    │   └── BackendUnavailable        no answer, 429, 5xx (temporary; what was asked for may have happened)
    ├── PostgresError                 a PostgreSQL server refused, or gave no usable answer
    │   ├── PostgresRefused           it does not let our user in, or do what was asked
    │   ├── PostgresNotProven         it does not prove by TLS that it is the one that is meant
    │   └── PostgresUnavailable       no answer, or it is starting, full or going down (temporary)
    ├── KubernetesError               the API server refused, or cannot be reached
    ├── PrometheusError               Prometheus refused a query, or cannot be reached
    ├── GitError                      git ended with an exit status other than 0, or not at all
    │   ├── NotAWorkTree              the directory is in no git work tree that we may use
    │   ├── GitUnfinished             a merge, rebase or the like is in progress
    │   ├── UncommittedChanges        a person has changed a file that is ours, and not committed it
    │   └── CommitRefused             a hook, or git itself, did not take a commit
    └── HelmError                     helm ended with an exit status other than 0
        └── ChartUnavailable          the chart of a release is not on this machine

Temporary errors say so in ``temporary``: the same call may work later. All others need a change. Those after which nobody
knows whether what was asked for has happened say so in ``result_unknown``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

EXIT_OK = 0
EXIT_NOT_CONVERGED = 1
EXIT_ERROR = 2
EXIT_CHANGES = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class KoprogoError(Exception):
    """
    A failure that is explained: what was *seen*, its likely *cause*, and the *next_step* to take.

    Attributes:
        temporary: the same call may succeed later without any change.
        result_unknown: what was asked for may have happened, in whole or in part: look before doing it again.
        exit_code: what the command line returns.
    """

    temporary: ClassVar[bool] = False
    result_unknown: ClassVar[bool] = False
    exit_code: ClassVar[int] = EXIT_ERROR

    def __init__(self, seen: str, *, cause: str | None = None, next_step: str | None = None) -> None:
        super().__init__(seen)
        self.seen = seen
        self.cause = cause
        self.next_step = next_step


class InputError(KoprogoError, ValueError):
    """What the user gave cannot be used."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a file; *line* counts from 1, or is None where no line can be named."""

    file: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else str(self.file)
        return f"{place}: {self.message}"


class FileProblems(InputError):
    """All the mistakes found in the files that the user wrote, at once."""

    def __init__(self, problems: Sequence[Problem], *, next_step: str | None = None) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        headline = f"{count} mistake{'s' if count != 1 else ''} found:"
        super().__init__("\n".join([headline, *(f"  {problem}" for problem in self.problems)]), next_step=next_step)


class WeakSecret(InputError):
    """The value of a secret is a known one, or easily guessed; the error never shows it."""


class MissingCredentials(InputError):
    """No way to log in."""


class MissingRequirement(InputError):
    """This machine lacks something that the command needs."""


class OverBudget(KoprogoError):
    """The plan costs more than the user allows; nothing was done."""


class WaitTimeout(KoprogoError, TimeoutError):
    """A condition did not become true in time; carries its name and what was seen last."""

    def __init__(
        self,
        condition: str,
        *,
        seconds: float,
        last_observation: str,
        cause: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.condition = condition
        self.seconds = seconds
        self.last_observation = last_observation
        super().__init__(
            f"waited {seconds:.0f} s for: {condition}; last seen: {last_observation}", cause=cause, next_step=next_step
        )


class NotConverged(KoprogoError):
    """The run ended, but a host or an object is not in its desired state."""

    exit_code = EXIT_NOT_CONVERGED


class ProofFailed(NotConverged):
    """A credential is not accepted, or a consumer does not use it: it was looked at, and that is what was seen."""


class Interrupted(KoprogoError):
    """A person stopped the run."""

    exit_code = EXIT_INTERRUPTED


class OvhError(KoprogoError):
    """An answer of the OVH API other than success; *query_id* is what OVH's support asks for."""

    def __init__(
        self,
        seen: str,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        query_id: str | None = None,
        cause: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(seen, cause=cause, next_step=next_step)
        self.method = method
        self.path = path
        self.status = status
        self.query_id = query_id

    @classmethod
    def about_the_call_of(
        cls, error: OvhError, seen: str, *, cause: str | None = None, next_step: str | None = None
    ) -> Self:
        """Return an error in other words about the call that *error* is about."""
        return cls(
            seen,
            method=error.method,
            path=error.path,
            status=error.status,
            query_id=error.query_id,
            cause=cause,
            next_step=next_step,
        )


class OvhRefused(OvhError, PermissionError):
    """The credentials are wrong, or do not allow this call."""


class OvhNotFound(OvhError, LookupError):
    """The object does not exist (any more, or yet)."""


class OvhConflict(OvhError):
    """The object is in a state that forbids the call."""


class OvhRateLimited(OvhError):
    """Too many calls; *retry_after* is in seconds where the API said so."""

    temporary = True
    retry_after: float | None = None


class OvhUnavailable(OvhError):
    """No usable answer. A write may or may not have happened: look before doing it again."""

    temporary = True
    result_unknown = True


class SshError(KoprogoError):
    """Something went wrong between us and a node; *host* is its inventory name."""

    def __init__(self, host: str, seen: str, *, cause: str | None = None, next_step: str | None = None) -> None:
        super().__init__(f"{host}: {seen}", cause=cause, next_step=next_step)
        self.host = host


class Unreachable(SshError, ConnectionError):
    """No SSH connection can be made."""

    temporary = True


class HostKeyMismatch(SshError):
    """The node shows a host key that is not the one we know, or we know none."""


class LoginRefused(SshError, PermissionError):
    """The node refuses our user or key."""


class SessionLost(SshError, ConnectionError):
    """The connection ended while a command ran: its result is unknown."""

    temporary = True
    result_unknown = True


class CommandTimeout(SshError, TimeoutError):
    """A command did not end before its deadline."""

    result_unknown = True


class Fenced(SshError):
    """
    Another run has claimed the node since this one did: nothing was changed, and this run must end.

    *fence* is what the node's fence says now: the number and the id of the run that has the node, or nothing.
    """

    def __init__(
        self, host: str, seen: str, *, fence: str, cause: str | None = None, next_step: str | None = None
    ) -> None:
        super().__init__(host, seen, cause=cause, next_step=next_step)
        self.fence = fence


class CommandFailed(SshError):
    """A command ended with an exit status other than 0."""

    def __init__(
        self,
        host: str,
        what: str,
        *,
        exit_status: int,
        stdout: str = "",
        stderr: str = "",
        cause: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.exit_status = exit_status
        self.stdout = stdout
        self.stderr = stderr
        seen = f"{what}: exit status {exit_status}"
        for label, text in (("stdout", stdout), ("stderr", stderr)):
            if tail := text.strip().splitlines()[-10:]:
                seen += f"\n  {label}: " + "\n          ".join(tail)
        super().__init__(host, seen, cause=cause, next_step=next_step)


class VaultError(KoprogoError):
    """Vault (or OpenBao) refused, or gave no usable answer."""


class VaultRefused(VaultError, PermissionError):
    """The token is wrong, has expired, or its policies do not allow the call."""


class VaultSealed(VaultError):
    """Vault is sealed or not initialised."""


class VaultIntercepted(VaultError):
    """What was wrapped for us alone has been opened before, or is not what was wrapped: take it for stolen."""


class VaultConflict(VaultError):
    """Somebody else wrote the secret since it was read."""


class VaultUnavailable(VaultError):
    """No answer, or an answer that another try may change."""

    temporary = True
    result_unknown = True


class BackendError(KoprogoError):
    """A server for which a credential is made refused, or answered what cannot be used."""


class BackendUnavailable(BackendError):
    """No answer, or one that another try may change."""

    temporary = True
    result_unknown = True


class PostgresError(KoprogoError):
    """A PostgreSQL server refused, or gave no usable answer."""


class PostgresRefused(PostgresError, PermissionError):
    """The user or its password is wrong, or it may not do what was asked."""


class PostgresNotProven(PostgresError):
    """The server does not prove that it is ours: its certificate is another one, or it has none."""


class PostgresUnavailable(PostgresError):
    """No answer, or one that another try may change. What was asked for is one transaction: done, or not."""

    temporary = True
    result_unknown = True


class KubernetesError(KoprogoError):
    """The Kubernetes API refused, or cannot be reached."""


class PrometheusError(KoprogoError):
    """Prometheus refused a query, or cannot be reached."""


class GitError(KoprogoError):
    """Git ended with an exit status other than 0, or did not end in time."""


class NotAWorkTree(GitError):
    """A directory is in no git work tree, or in one that git does not let us use."""


class GitUnfinished(GitError):
    """A merge, a rebase or the like is in progress: a commit would become a part of it."""


class UncommittedChanges(GitError):
    """A person has changed a file that is written by us, and not committed it: it is not overwritten."""


class CommitRefused(GitError):
    """A hook, or git itself, did not take a commit; nothing of it is in the history."""


class HelmError(KoprogoError):
    """Helm ended with an exit status other than 0."""


class ChartUnavailable(HelmError):
    """The chart of a release is not on this machine, and has to be fetched, or pinned, first."""
