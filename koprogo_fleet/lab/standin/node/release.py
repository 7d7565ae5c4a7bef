"""Which release of K3s this artefact stands for; :mod:`koprogo_fleet.lab.standin` writes another one into what it packs."""

VERSION = "v0.0.0+k3s0"
