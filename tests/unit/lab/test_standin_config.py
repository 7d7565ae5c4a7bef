"""The stand-in reads K3s' configuration as K3s does, and refuses what K3s does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import config
from koprogo_fleet.lab.standin.node.settings import settings_from


@pytest.fixture
def main_file(tmp_path: Path) -> Path:
    """Return where the test's configuration file is."""
    return tmp_path / "config.yaml"


def _load(role: str, main_file: Path, *arguments: str, **environment: str) -> config.Values:
    return config.load(role, arguments, {"K3S_CONFIG_FILE": str(main_file), **environment})


def test_flags_beat_environment_beats_files(main_file: Path) -> None:
    """The same key in all three places has the flag's value, then the variable's, then the file's."""
    main_file.write_text("token: file\nserver: https://file:6443\nnode-name: file\n")

    values = _load("agent", main_file, "--node-name=flag", K3S_TOKEN="env", K3S_NODE_NAME="env")

    assert values == {"token": "env", "server": "https://file:6443", "node-name": "flag"}


def test_the_last_file_wins_and_a_plus_appends(main_file: Path) -> None:
    """Drop-ins come in the order of their names; a list is replaced whole, unless its key ends in a plus."""
    drop_ins = main_file.with_name("config.yaml.d")
    drop_ins.mkdir()
    main_file.write_text("tls-san: [a, b]\nnode-label: [x=1]\nnode-name: main\n")
    (drop_ins / "20-b.yaml").write_text("node-name: b\n")
    (drop_ins / "10-a.yaml").write_text("tls-san+: [c]\nnode-label: [y=2]\nnode-name: a\n")

    expected = {"tls-san": ["a", "b", "c"], "node-label": ["y=2"], "node-name": "b"}
    assert _load("server", main_file) == expected


def test_a_repeated_flag_makes_a_list(main_file: Path) -> None:
    """A list is given on the command line by repeating its flag; a switch needs no value."""
    main_file.write_text("")

    values = _load("server", main_file, "--tls-san", "a", "--tls-san=b", "--cluster-init", "-t", "secret")

    assert values == {"tls-san": ["a", "b"], "cluster-init": True, "token": "secret"}


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("server", "tls-sam: [a]\n", "flag provided but not defined: -tls-sam"),
        ("agent", "cluster-init: true\n", "flag provided but not defined: -cluster-init"),
        ("server", "cluster-init: maybe\n", 'invalid boolean value "maybe" for -cluster-init: parse error'),
        ("server", "token: {a: b}\n", "one value expected"),
        ("server", "- a\n", "not a map"),
        ("server", "a: [\n", "failed to read config file"),
    ],
)
def test_what_k3s_does_not_know_is_an_error(main_file: Path, role: str, text: str, message: str) -> None:
    """An unknown key (a server's key on an agent too), a value of the wrong kind and broken YAML stop the start."""
    main_file.write_text(text)

    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        _load(role, main_file)


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    """A configuration file that somebody named is not optional."""
    with pytest.raises(InputError, match="no such file"):
        config.load("server", ["--config", str(tmp_path / "none.yaml")], {})


def test_settings_have_k3s_defaults() -> None:
    """A server without settings has K3s' networks, ports and files."""
    settings = settings_from("server", {"node-ip": ["10.0.0.11"], "node-name": "CP-1"})

    assert (settings.node_name, settings.node_ip, settings.advertise_address) == ("cp-1", "10.0.0.11", "10.0.0.11")
    assert (settings.network.pods, settings.network.services) == ("10.42.0.0/16", "10.43.0.0/16")
    assert str(settings.network.api_service) == "10.43.0.1"
    assert (settings.kubeconfig_mode, settings.node_ports) == (0o600, "30000-32767")


def test_the_token_comes_from_its_file(tmp_path: Path) -> None:
    """``token-file`` is read, and a missing one is named."""
    (tmp_path / "token").write_text("secret\n")
    settings = settings_from("server", {"node-ip": ["10.0.0.1"], "token-file": str(tmp_path / "token")})

    assert settings.token is not None
    assert settings.token.password.reveal() == "secret"
    with pytest.raises(InputError, match="failed to read token-file"):
        settings_from("server", {"node-ip": ["10.0.0.1"], "token-file": str(tmp_path / "none")})


def test_keys_without_effect_are_told() -> None:
    """A key that K3s knows and the stand-in does nothing with is accepted, and listed for the log."""
    settings = settings_from("server", {"node-ip": ["10.0.0.1"], "selinux": True, "cluster-init": True})

    assert settings.without_effect == ("selinux",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"server": "http://10.0.0.1:6443"}, "https://"),
        ({"flannel-iface": "no-such-nic"}, "unable to find interface no-such-nic"),
        ({"node-ip": ["ten"]}, "invalid node-ip"),
        ({"cluster-cidr": ["10.42.0.1/16"]}, "invalid cluster-cidr"),
        ({"write-kubeconfig-mode": "rw"}, "octal"),
        ({"flannel-backend": "wireguard"}, "invalid value 'wireguard' for flannel-backend: valid values are host-gw"),
        ({"egress-selector-mode": "on"}, "invalid value 'on' for egress-selector-mode"),
        ({"secrets-encryption-provider": "aes"}, "invalid value 'aes' for secrets-encryption-provider"),
        ({"disable": ["traefik,service-lb"]}, "unknown component service-lb"),
        ({"kube-apiserver-arg": ["audit log=x"]}, "name=value is expected"),
    ],
)
def test_values_that_cannot_be_used_are_refused(values: config.Values, message: str) -> None:
    """A value that this node cannot use stops the start, with its key in the error."""
    with pytest.raises(InputError, match=message):
        settings_from("server", {"node-ip": ["10.0.0.1"], **values})


def test_an_agent_needs_a_server() -> None:
    """An agent without ``server`` has nowhere to join."""
    with pytest.raises(InputError, match="--server is required"):
        settings_from("agent", {"node-ip": ["10.0.0.1"]})
