"""The scripts that make, find, read back and delete snapshots on a server; what they print is read by :mod:`.snapshot_files`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys, flags
from koprogo_fleet.hosts.k3s.etcd_gateway import ASK_ETCD
from koprogo_fleet.hosts.k3s.snapshot_files import DIRECTORY, MANIFESTS, Manifest


def save_script(name: str, node: str, bucket: Bucket | None, keys: Keys | None) -> Secret:
    """
    Return the script that makes a snapshot on *node* and prints ``name size sha256 revision``; a secret, it holds keys.

    The file is read back from the disk for the sum. K3s appends the node's name and the time to *name*.
    """
    command = " ".join(map(shlex.quote, [paths.BINARY, "etcd-snapshot", "save", f"--name={name}", *flags(bucket)]))
    pattern = shlex.quote(f"^{name}-{node}-".replace(".", "[.]") + "[0-9]+([.]zip)?$")
    return Secret(f"""\
set -u
umask 077
{_exported(keys)}{ASK_ETCD}newest() {{ ls -1 {DIRECTORY} 2>/dev/null | grep -E {pattern} | sort | tail -n 1; }}
before=$(newest)
revision=$(ask_etcd /v3/maintenance/status '{{}}' |
  grep -o '"revision":"[0-9]*"' | grep -o '[0-9]*')
[ -n "$revision" ] || {{ echo "etcd does not answer on this server" >&2; exit 1; }}
{command} >&2 || exit $?
file=$(newest)
[ -n "$file" ] && [ "$file" != "$before" ] || {{ echo "k3s said that it made a snapshot, and there is none in {DIRECTORY}" >&2; exit 1; }}
sync {DIRECTORY}/"$file"
sum=$(sha256sum <{DIRECTORY}/"$file") || exit 1
printf '%s %s %s %s\\n' "$file" "$(stat -c %s {DIRECTORY}/"$file")" "${{sum%% *}}" "$revision"
""")


def keep_script(manifest: Manifest) -> str:
    """Return the script that writes the manifest on the server that has the snapshot."""
    file = shlex.quote(f"{MANIFESTS}/{manifest.name}.json")
    return f"""\
set -eu
umask 077
mkdir -p {MANIFESTS}
printf %s {shlex.quote(manifest.to_json())} >{file}.new
sync {file}.new
mv -f {file}.new {file}
"""


def look_script() -> str:
    """Return the script that prints what snapshots and manifests a server has."""
    return f"""\
for file in {DIRECTORY}/*; do
  [ -f "$file" ] && printf 'file %s %s\\n' "$(stat -c '%s %Y' "$file")" "${{file##*/}}"
done
for file in {MANIFESTS}/*.json; do
  [ -f "$file" ] && printf 'manifest %s\\n' "$(tr -d '\\n' <"$file")"
done
true
"""


def check_script(name: str) -> str:
    """
    Return the script that reads a server's file back and prints ``size sha256 inner``.

    *inner* is what etcd itself appended when it made the file, its SHA-256 ("whole" where that fits, else "broken";
    etcd client/v3/snapshot: the size is then 32 more than a multiple of 512); "compressed" where it cannot be seen.
    """
    return f"""\
set -u
file={shlex.quote(f"{DIRECTORY}/{name}")}
[ -f "$file" ] || {{ echo "there is no $file" >&2; exit 1; }}
{_INSPECT}"""


def read_back_script(url: Secret) -> Secret:
    """Return the script that reads an object of S3 and prints what :func:`check_script` does; nothing of it stays here."""
    return Secret(f"""\
set -u
umask 077
file=$(mktemp {paths.DATA}/.koprogo-read-back.XXXXXX) || exit 1
trap 'rm -f "$file"' EXIT
{_curl(url, '--output "$file"')}{_INSPECT}""")


def fetch_script(file: str, url: Secret | None, name: str) -> Secret:
    """
    Return the script that puts a snapshot at *file*, from S3 or, without *url*, from the server's own directory.

    It prints what :func:`check_script` does. The file is there whole, or not at all.
    """
    own = shlex.quote(f"{DIRECTORY}/{name}")
    get = f'cp -f {own} "$file" || exit 1\n' if url is None else _curl(url, '--output "$file"')
    return Secret(f"""\
set -u
umask 077
file={shlex.quote(file)}.new
mkdir -p "$(dirname "$file")"
{get}{_INSPECT}sync "$file" && mv -f "$file" {shlex.quote(file)}
""")


def get_script(url: Secret) -> Secret:
    """Return the script that prints an object of S3, or what S3 says instead."""
    return Secret(_curl(url, "", fail=""))


def put_manifest_script(name: str, url: Secret) -> Secret:
    """Return the script that writes the manifest of a snapshot, which is on the server, to S3."""
    file = shlex.quote(f"{MANIFESTS}/{name}.json")
    return Secret(_curl(url, f"--upload-file {file} --output /dev/null"))


def delete_script(url: Secret) -> Secret:
    """Return the script that deletes an object of S3."""
    return Secret(_curl(url, "--request DELETE --output /dev/null"))


def remove_script(names: Sequence[str], bucket: Bucket | None, keys: Keys | None) -> Secret:
    """Return the script that lets K3s delete snapshots on this server, and in S3 where *bucket* says so, with their manifests."""
    command = " ".join(map(shlex.quote, [paths.BINARY, "etcd-snapshot", "delete", *flags(bucket), *names]))
    manifests = " ".join(shlex.quote(f"{MANIFESTS}/{name}.json") for name in names)
    return Secret(f"set -u\n{_exported(keys)}{command} >&2 || exit $?\nrm -f {manifests}\n")


_INSPECT = """\
size=$(stat -c %s "$file")
sum=$(sha256sum <"$file") || exit 1
case $(head -c 2 "$file") in PK) inner=compressed ;; *)
  inner=broken
  if [ "$size" -gt 32 ] && [ $((size % 512)) -eq 32 ]; then
    own=$(head -c -32 "$file" | sha256sum)
    kept=$(tail -c 32 "$file" | od -An -v -tx1 | tr -d ' \\n')
    [ "${own%% *}" != "$kept" ] || inner=whole
  fi ;;
esac
printf '%s %s %s\\n' "$size" "${sum%% *}" "$inner"
"""


def _exported(keys: Keys | None) -> str:
    if keys is None:
        return ""
    secret = shlex.quote(keys.secret.reveal())
    return f"export AWS_ACCESS_KEY_ID={shlex.quote(keys.access)} AWS_SECRET_ACCESS_KEY={secret}\n"


def _curl(url: Secret, options: str, *, fail: str = "--fail") -> str:
    """Return a call of curl that gets the URL from a here-document: it is a secret, and argv is seen by everybody."""
    arguments = f"--silent --show-error --connect-timeout 10 --max-time 600 {fail} {options} --config -"
    return f"curl {' '.join(arguments.split())} <<'KOPROGO_URL' || exit $?\nurl = \"{url.reveal()}\"\nKOPROGO_URL\n"
