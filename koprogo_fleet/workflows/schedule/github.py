"""The same jobs as a workflow of GitHub Actions, which logs in to Vault with the identity of its run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.workflows.schedule.cron import cron_expression
from koprogo_fleet.workflows.schedule.jobs import Job
from koprogo_fleet.workflows.schedule.unit_texts import Place

WORKFLOW = """\
# .github/workflows/koprogo-fleet-{fleet}.yml
# No secret is kept at GitHub. Variables of the repository say where to log in, and as what:
#   VAULT_ADDR            https:// address of Vault or OpenBao
#   VAULT_ROLE            a role of its JWT login that is bound to this repository and branch, with a short TTL
#   VAULT_OVH_PATH        where OVH's credentials are, e.g. secret/data/ovh: a key for each OVH_ variable
# The runner is one of your own: journal, lock and SSH key of the fleet stay on its disk, in KOPROGO_STATE_DIR.
name: Fleet {fleet}
on:
  schedule:
{crons}
  workflow_dispatch:
    inputs:
      job:
        type: choice
        required: true
        options: [{names}]
permissions:
  contents: {contents}
  id-token: write
concurrency:
  group: koprogo-fleet-{fleet}
  cancel-in-progress: false
jobs:
  run:
    runs-on: [self-hosted, koprogo-fleet]
    timeout-minutes: {minutes}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - name: Log in to Vault as this run
        env:
          VAULT_ADDR: ${{{{ vars.VAULT_ADDR }}}}
          VAULT_ROLE: ${{{{ vars.VAULT_ROLE }}}}
          VAULT_OVH_PATH: ${{{{ vars.VAULT_OVH_PATH }}}}
        run: |
          set -euo pipefail
          umask 077
          echo "CREDENTIALS_DIRECTORY=$RUNNER_TEMP/koprogo-credentials" >> "$GITHUB_ENV"
          mkdir -p "$RUNNER_TEMP/koprogo-credentials"
          cd "$RUNNER_TEMP/koprogo-credentials"
          printf '%s' "$VAULT_ADDR" > VAULT_ADDR
          printf 'Authorization: bearer %s\\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\
            | curl -fsS -H @- "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$VAULT_ADDR" \\
            | jq '{{role: env.VAULT_ROLE, jwt: .value}}' \\
            | curl -fsS --data-binary @- "$VAULT_ADDR/v1/auth/jwt/login" \\
            | jq -er .auth.client_token > VAULT_TOKEN
          printf 'X-Vault-Token: %s\\n' "$(cat VAULT_TOKEN)" \\
            | curl -fsS -H @- "$VAULT_ADDR/v1/$VAULT_OVH_PATH" \\
            | jq -er '.data.data | to_entries[] | select(.key | test("^OVH_[A-Z0-9_]+$")) | "\\(.key) \\(.value | @base64)"' \\
            | while read -r name value; do printf '%s' "$value" | base64 -d > "$name"; done
      - name: Run
        env:
          KOPROGO_STATE_DIR: /var/lib/koprogo-fleet
          JOBS: >-
            ${{{{ inputs.job || fromJSON('{table}')[github.event.schedule] }}}}
        run: |
          code=0
          for job in $JOBS; do
            koprogo-fleet schedule run "$job" --inventory inventory --env {environment} || code=$?
          done
          exit $code
{push}      - name: Revoke the token, and leave nothing behind
        if: always()
        run: |
          cd "$RUNNER_TEMP/koprogo-credentials" || exit 0
          if [ -s VAULT_TOKEN ]; then
            printf 'X-Vault-Token: %s\\n' "$(cat VAULT_TOKEN)" \\
              | curl -fsS -X POST -H @- "$(cat VAULT_ADDR)/v1/auth/token/revoke-self" || true
          fi
          rm -rf "$RUNNER_TEMP/koprogo-credentials"
"""

PUSH = """\
      - name: Keep what was sealed anew
        if: always()
        run: |
          git add -A -- inventory/{environment}
          git diff --cached --quiet || git -c user.name=koprogo-fleet -c user.email=koprogo-fleet@localhost \\
            commit -m "Secrets of {fleet} rotated"
          git push
"""


def workflow(jobs: Sequence[Job], place: Place) -> str:
    """
    Return the workflow; the repository has the inventory at its root.

    Raises:
        InputError: a time cannot be written as cron has it.
    """
    table: dict[str, str] = {}
    for job in jobs:
        time = cron_expression(job.calendar)
        table[time] = f"{table[time]} {job.name}" if time in table else job.name
    if "'" in place.environment:
        raise InputError(f"the environment {place.environment} cannot be named in a workflow")
    names = {"fleet": place.fleet, "environment": place.environment}
    writes = any(job.writes_inventory for job in jobs)
    return WORKFLOW.format(
        **names,
        crons="\n".join(f'    - cron: "{time}"' for time in table),
        names=", ".join(job.name for job in jobs),
        contents="write" if writes else "read",
        minutes=sum(job.minutes for job in jobs),
        table=json.dumps(table),
        push=PUSH.format(**names) if writes else "",
    )
