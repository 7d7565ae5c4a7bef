"""The same jobs as Kubernetes' CronJobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koprogo_fleet.core.credentials_directory import DIRECTORY_VARIABLE
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.workflows.schedule.cron import cron_expression
from koprogo_fleet.workflows.schedule.jobs import Job
from koprogo_fleet.workflows.schedule.unit_texts import Place, run_words

CREDENTIALS = "/run/koprogo-fleet/credentials"
STATE, CACHE = "/var/lib/koprogo-fleet", "/var/cache/koprogo-fleet"
MISSED_SECONDS = 6 * 3600
"""How late a run may still begin that was missed; the controller counts at most 100 of them."""
USER = 65532

HEADER = """\
kubectl apply -n NAMESPACE -f -, once the namespace has these:
- an image with this program in it, named by --image
- the Secret {secret}: a key for each variable that lets one log in (VAULT_ADDR, VAULT_TOKEN, OVH_ENDPOINT, ...)
- the PersistentVolumeClaim {claim}: inventory/ in it is what --inventory is here, state/ holds SSH key, journal and lock
The jobs must not run in the cluster that they look after: they could not restore it.
"""


def cronjobs(jobs: Sequence[Job], place: Place, image: str) -> str:
    """
    Return a manifest for each job, one after the other.

    Raises:
        InputError: a time cannot be written as cron has it.
    """
    names = {"secret": f"koprogo-fleet-{place.fleet}", "claim": f"koprogo-fleet-{place.fleet}"}
    inner = Place(place.fleet, Path("koprogo-fleet"), Path("/inventory"), place.environment)
    manifests = [dump_yaml(_cronjob(job, inner, image)) for job in jobs]
    header = "".join(f"# {line}\n" for line in HEADER.format(**names).splitlines())
    return header + "---\n".join(manifests)


def _cronjob(job: Job, place: Place, image: str) -> Mapping[str, Any]:
    name = f"koprogo-fleet-{place.fleet}"
    labels = {"app.kubernetes.io/name": "koprogo-fleet", "app.kubernetes.io/instance": place.fleet}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": f"{name}-{job.name}", "labels": labels},
        "spec": {
            "schedule": cron_expression(job.calendar),
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": MISSED_SECONDS,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": job.minutes * 60,
                    "template": {"metadata": {"labels": labels}, "spec": _pod(job, place, image, name)},
                }
            },
        },
    }


def _pod(job: Job, place: Place, image: str, name: str) -> Mapping[str, Any]:
    variables = {
        DIRECTORY_VARIABLE: CREDENTIALS,
        "KOPROGO_STATE_DIR": STATE,
        "KOPROGO_CACHE_DIR": CACHE,
        "HOME": CACHE,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 300,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": job.name,
                "image": image,
                "command": [str(place.program), *run_words(job, place)],
                "env": [{"name": key, "value": value} for key, value in variables.items()],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "fleet", "mountPath": STATE, "subPath": "state"},
                    {
                        "name": "fleet",
                        "mountPath": str(place.inventory),
                        "subPath": "inventory",
                        "readOnly": not job.writes_inventory,
                    },
                    {"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True},
                    {"name": "cache", "mountPath": CACHE},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
                ],
            }
        ],
        "volumes": [
            {"name": "fleet", "persistentVolumeClaim": {"claimName": name}},
            {"name": "credentials", "secret": {"secretName": name, "defaultMode": 0o440}},
            {"name": "cache", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {"medium": "Memory"}},
        ],
    }
