"""The snapshots that K3s makes by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Self

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import cron
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.cron import Cron
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.s3_settings import s3_settings
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.snapshots import Snapshots

DEFAULT_CRON = "0 */12 * * *"
DEFAULT_NAME = "etcd-snapshot"
DEFAULT_RETENTION = 5


class ScheduledSnapshots:
    """Makes a snapshot in each minute in which one is due, by the node's clock."""

    def __init__(
        self, specification: Cron, name: str, retention: tuple[int, int], snapshots: Snapshots, etcd: Etcd
    ) -> None:
        self._cron = specification
        self._name = name
        self._retention = retention
        self._snapshots = snapshots
        self._etcd = etcd
        self._done = _minute()

    @classmethod
    def of(cls, settings: Settings, values: Values, etcd: Etcd, environment: Mapping[str, str]) -> Self | None:
        """
        Return what the configuration asks for; None where it asks for none.

        Raises:
            InputError: the schedule, the retention or S3's settings cannot be used.
        """
        if values.get("etcd-disable-snapshots") is True:
            return None
        local = _number(values, "etcd-snapshot-retention", DEFAULT_RETENTION)
        return cls(
            cron.parse(str(values.get("etcd-snapshot-schedule-cron") or DEFAULT_CRON)),
            str(values.get("etcd-snapshot-name") or DEFAULT_NAME),
            (local, _number(values, "etcd-s3-retention", local)),
            Snapshots(settings.layout, settings.node_name, values, s3_settings(values, environment)),
            etcd,
        )

    def tick(self) -> None:
        """
        Make a snapshot if one is due and was not made yet; to be called several times a minute.

        Raises:
            KubernetesError: etcd does not answer.
        """
        now = _minute()
        if now != self._done and self._cron.due(now):
            self._done = now
            self._snapshots.save(self._name, self._etcd.save_snapshot, *self._retention)


def _number(values: Values, key: str, otherwise: int) -> int:
    text = str(values.get(key) or otherwise)
    if not text.isdigit():
        raise InputError(f'invalid value "{text}" for flag -{key}: parse error')
    return int(text)


def _minute() -> dt.datetime:
    return dt.datetime.now().astimezone().replace(second=0, microsecond=0)
