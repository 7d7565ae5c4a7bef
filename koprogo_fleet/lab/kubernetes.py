"""
The Kubernetes programs for the lab's nodes: built once from Debian's own source package, then kept in the cache.

The build takes minutes, and needs nothing of the nodes: run it beside their provisioning
(:func:`start_build`, or ``python -m koprogo_fleet.lab.kubernetes``) and wait for it where they are needed
(:func:`wait_until_built`). The folder that ``KOPROGO_KUBE_BINARIES`` names takes its place.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.core.events import Event, Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import processes
from koprogo_fleet.lab.buildroom import run_script
from koprogo_fleet.lab.image import ensure_image
from koprogo_fleet.lab.locks import exclusive

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
KUBECTL = "kubectl"
BINARIES_VARIABLE = "KOPROGO_KUBE_BINARIES"
STEP = "== "
FETCH_SECONDS = 600
BUILD_SECONDS = 3600

FETCH = """\
set -eu
mkdir -p /work/source
cd /work/source
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > /etc/apt/sources.list.d/source.list
apt-get -qq update
apt-get -qq -o APT::Sandbox::User=root source --download-only --only-source kubernetes
"""

# Go's module mode refuses the tree, so it is built as a GOPATH. Only those files that Debian leaves out and these programs
# need are generated; what does not need them is compiled meanwhile. Without cloud providers and Docker the programs are
# smaller and sooner built. The tree's own copy of reflect2 (1.0.1) corrupts memory when it is compiled by Go 1.18 or
# later: the API server dies over the first custom resource with labels. Debian's own package of it is 1.0.2.
BUILD = """\
set -eu
exec >> /work/build.log 2>&1
echo "== installing the Go compiler"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \\
  golang-1.19-go golang-github-modern-go-reflect2-dev rsync jq make dpkg-dev

echo "== unpacking the source"
export GOPATH=/work/go GOCACHE=/work/go-cache GO111MODULE=off CGO_ENABLED=0 HOME=/root GOGC=400
export PATH=/usr/lib/go-1.19/bin:$PATH
mkdir -p $GOPATH/src/k8s.io /work/out
cd $GOPATH/src/k8s.io
dpkg-source -x /work/source/kubernetes_*.dsc kubernetes
cd kubernetes
rm vendor/github.com/modern-go/reflect2/*.go
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.go vendor/github.com/modern-go/reflect2/

echo "== compiling the node's programs and the controllers"
commands=k8s.io/kubernetes/cmd
build="go build -tags providerless,dockerless -gcflags all=-dwarf=false"
$build $commands/kubelet/app $commands/kube-proxy/app $commands/kube-scheduler/app $commands/kube-controller-manager/app &
echo "== generating OpenAPI"
make -f Makefile.generated_files gen_openapi CALLED_FROM_MAIN_MAKEFILE=1 KUBE_VERBOSE=1 \\
  OPENAPI_TARGETS="KUBE AGGREGATOR APIEXTENSIONS" \\
  OUT_DIR=_output BIN_DIR=_output/bin META_DIR=.make PRJ_SRC_PATH=k8s.io/kubernetes GENERATED_FILE_PREFIX=zz_generated.
wait $!

echo "== compiling and linking all programs"
version=$(dpkg-parsechangelog -S Version | sed 's/.*really//; s/-.*//')
stamp=k8s.io/kubernetes/vendor/k8s.io/component-base/version
client_stamp=k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version
flags="-s -w"
for package in $stamp $client_stamp; do
  flags="$flags -X $package.gitVersion=v$version+standin -X $package.gitTreeState=clean"
  flags="$flags -X $package.gitMajor=$(echo $version | cut -d. -f1) -X $package.gitMinor=$(echo $version | cut -d. -f2)"
done
$build -ldflags "$flags" -o /work/out/ @PACKAGES@
echo "== all programs are built"
"""
RECIPE = (FETCH + BUILD).replace("@PACKAGES@", " ".join(f"$commands/{name}" for name in PROGRAMS))


def binaries_dir() -> Path:
    """Return the directory that every node sees as ``/opt/koprogo-lab/bin``."""
    return cache_dir() / "kubernetes" / "bin"


def is_complete() -> bool:
    """Say whether the programs of today's recipe (or of the folder named in the environment) are all there."""
    return _read(_origin_file()) == _origin() and all((binaries_dir() / name).exists() for name in PROGRAMS)


def ensure_binaries(base_image: Path, listener: Listener = ignore) -> Path:
    """
    Return the directory of the Kubernetes programs, and build them first where they are not there.

    Each program appears whole, under its final name, once all are built. A second process waits for the first.

    Raises:
        KoprogoError: a step failed; carries the end of the build's log.
        InputError: the folder named by ``KOPROGO_KUBE_BINARIES`` lacks a program.
    """
    if is_complete():
        return binaries_dir()
    home = binaries_dir().parent
    with exclusive(home / ".lock", "building Kubernetes", listener):
        if not is_complete():
            if folder := os.environ.get(BINARIES_VARIABLE):
                _publish(Path(folder), shutil.copyfile)
                listener(Note(f"Kubernetes programs taken from {folder} ({BINARIES_VARIABLE})"))
            else:
                _build(base_image, home / "building", listener)
    return binaries_dir()


def start_build(base_image: Path, listener: Listener = ignore) -> None:
    """
    Build in a process of its own, that goes on when this one ends; nothing to build, or a build that runs, is fine.

    Raises:
        KoprogoError: it ended at once; carries the end of its log.
    """
    process_file = _process_file()
    if is_complete() or processes.running(process_file) is not None:
        return
    process_file.parent.mkdir(parents=True, exist_ok=True)
    log = _process_log()
    log.unlink(missing_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "koprogo_fleet.lab.kubernetes", base_image]
    processes.start_daemon(command, process_file=process_file, log=log)
    listener(Note(f"building the Kubernetes programs in the background, once: {log}"))


def wait_until_built(listener: Listener = ignore, *, seconds: float = BUILD_SECONDS) -> Path:
    """
    Wait for the build that :func:`start_build` began, and return the directory of the programs.

    Raises:
        KoprogoError: the build has ended without them; carries the end of its log.
        WaitTimeout: it has not ended in time; says what it was doing.
    """

    def built() -> Path:
        is_running = processes.running(_process_file()) is not None
        if is_complete():
            return binaries_dir()
        if not is_running:
            tail = processes.log_tail(_process_log())
            raise KoprogoError(
                f"the build of the Kubernetes programs does not run, and has not made them; the end of its log:\n{tail}",
                next_step=f"{sys.executable} -m koprogo_fleet.lab.kubernetes",
            )
        raise NotYet(_last_step(_build_log()))

    return wait_for(
        "the Kubernetes programs to be built",
        built,
        seconds=seconds,
        listener=listener,
        next_step=f"tail -f {_build_log()}",
    )


def put_kubectl(kubectl: Path) -> None:
    """Give the nodes *kubectl*, a static program: to build one takes as long as two of the others."""
    target = binaries_dir() / KUBECTL
    if target.exists() and filecmp.cmp(kubectl, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{KUBECTL}.new")
    shutil.copy2(kubectl, new)
    new.replace(target)


def _build(base_image: Path, workspace: Path, listener: Listener) -> None:
    if workspace.exists():  # an interrupted build
        shutil.rmtree(workspace)
    workspace.mkdir(parents=True)
    started = time.monotonic()
    listener(Note("fetching Debian's source of Kubernetes; this is done once"))
    run_script(base_image, FETCH, workspace=workspace, timeout=FETCH_SECONDS)
    listener(Note("building Kubernetes with Debian's Go compiler: about five minutes on two free cores"))
    try:
        run_script(base_image, RECIPE.removeprefix(FETCH), workspace=workspace, timeout=BUILD_SECONDS)
    except KoprogoError as error:
        raise KoprogoError(
            f"cannot build Kubernetes; the end of {_build_log()}:\n{processes.log_tail(_build_log())}",
            next_step=error.next_step,
        ) from error
    _publish(workspace / "out", os.replace)
    listener(Note(f"Kubernetes built in {time.monotonic() - started:.0f} s: {binaries_dir()}"))
    shutil.rmtree(workspace)  # takes a while: who waits for the programs has them by now


def _publish(folder: Path, put: Callable[[Path, Path], object]) -> None:
    if missing := [name for name in PROGRAMS if not (folder / name).is_file()]:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}",
            next_step=f"name a folder that holds {', '.join(PROGRAMS)}: export {BINARIES_VARIABLE}=/some/folder",
        )
    target = binaries_dir()
    target.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        new = target / f".{name}.new"
        put(folder / name, new)
        new.chmod(0o755)
        new.replace(target / name)
    write_atomically(_origin_file(), _origin())


def _origin() -> str:
    folder = os.environ.get(BINARIES_VARIABLE)
    return folder or hashlib.sha256(RECIPE.encode()).hexdigest()


def _origin_file() -> Path:
    return binaries_dir() / ".origin"


def _process_file() -> Path:
    return binaries_dir().parent / "build.process"


def _process_log() -> Path:
    return binaries_dir().parent / "build.log"


def _build_log() -> Path:
    return binaries_dir().parent / "building" / "build.log"


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _last_step(log: Path) -> str:
    steps = [line.removeprefix(STEP) for line in _read(log).splitlines() if line.startswith(STEP)]
    return steps[-1] if steps else "fetching the source"


def _log(event: Event) -> None:
    if isinstance(event, Note):
        sys.stdout.write(f"{event.text}\n")
        sys.stdout.flush()


def main() -> int:
    """Build, as a process of its own, in a copy of the base image that the command line may name; tell it as a log."""
    try:
        ensure_binaries(Path(sys.argv[1]) if sys.argv[1:] else ensure_image(_log), _log)
    except KoprogoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
