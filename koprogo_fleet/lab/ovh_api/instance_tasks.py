"""What goes on with an instance after an answer: it boots, stops, is resized, shelved, rescued, installed again."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine, Machines, Port
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.state import Record, State

Work = Callable[[Record], Record | None]
"""Does a record's task; returns what changes in the record, or None: the object is gone."""


class InstanceTasks:
    """The tasks of instances on *machines*, by the names that the records use. Every one can run twice."""

    def __init__(self, state: State, machines: Machines) -> None:
        self._state = state
        self._machines = machines
        self.by_name: dict[str, Work] = {
            "build": self._build,
            "start": self._start,
            "stop": self._stop,
            "soft-reboot": self._soft_reboot,
            "hard-reboot": self._hard_reboot,
            "delete": self._destroy,
            "resize": self._resize,
            "shelve": self._shelve,
            "unshelve": self._start,
            "rescue": self._rescue,
            "unrescue": self._hard_reboot,
            "reinstall": self._reinstall,
        }

    def _build(self, record: Record) -> Record:
        if record["fault"] == Kind.ERROR_INSTANCE:
            return {"status": "ERROR"}
        if record["fault"] == Kind.NEVER_ACTIVE:
            return {"task": "build"}
        return self._start(record)

    def _start(self, record: Record) -> Record:
        if record["fault"] != Kind.NEVER_BOOTS:
            for port in record["ports"]:
                if port["network_id"] != PUBLIC_NETWORK:
                    self._machines.ensure_network(port["network_id"])
            self._machines.boot(_machine(record))
        return {"status": "ACTIVE"}

    def _stop(self, record: Record) -> Record:
        self._machines.stop(record["id"])
        return {"status": "SHUTOFF"}

    def _soft_reboot(self, record: Record) -> Record:
        self._machines.stop(record["id"])
        return self._start(record)

    def _hard_reboot(self, record: Record) -> Record:
        self._machines.kill(record["id"])
        return self._start(record)

    def _destroy(self, record: Record) -> None:
        self._machines.destroy(record["id"])

    def _resize(self, record: Record) -> Record:
        """Give a running instance its new flavor by a restart; one that was off stays off."""
        changes = {"flavor": record["next_flavor"], "next_flavor": None}
        if not self._machines.is_running(record["id"]):
            return {**changes, "status": "SHUTOFF"}
        return {**changes, **self._soft_reboot(record)}

    def _shelve(self, record: Record) -> Record:
        self._machines.stop(record["id"])
        return {"status": "SHELVED_OFFLOADED"}

    def _rescue(self, record: Record) -> Record:
        """Stop the machine: the lab has no rescue system to boot instead."""
        self._machines.kill(record["id"])
        return {"status": "RESCUE"}

    def _reinstall(self, record: Record) -> Record:
        """Boot a new disk with the same user data and ports; the volumes stay attached."""
        self._machines.destroy(record["id"])
        changes = self._start(record)
        with self._state.look() as data:
            volumes = [dict(item) for item in data["volumes"].values() if item["attached_to"] == record["id"]]
        for volume in volumes:
            self._machines.attach_volume(record["id"], volume["id"], volume["size"])
        return changes


def _machine(record: Record) -> Machine:
    return Machine(
        id=record["id"],
        name=record["name"],
        user_data=record["user_data"],
        authorized_keys=tuple(record["authorized_keys"]),
        ports=tuple(
            Port(
                network_id=port["network_id"],
                mac=port["mac"],
                address=IPv4Address(port["ip"]),
                prefix_length=port["prefix_length"],
                gateway=IPv4Address(port["gateway"]) if port["gateway"] else None,
            )
            for port in record["ports"]
        ),
    )
