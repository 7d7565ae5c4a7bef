"""What does not fit together in secrets.yaml, though each value is right by itself. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import timedelta

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.secrets.spec import VALUE, SecretSpec, Target, VaultPlace

Placed = tuple[Place, SecretSpec, Target]
"""A target, whose it is, and where that is written."""


def contradictions(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    """Yield every contradiction in and between *specs*."""
    yield from _used_twice(specs)
    yield from _same_place_in_vault(specs)
    targets = [
        (("secrets", index, "targets", number), spec, target)
        for index, spec in enumerate(specs)
        for number, target in enumerate(spec.targets)
    ]
    yield from _same_key(targets)
    yield from _unlike_in_one_secret(targets)
    for index, spec in enumerate(specs):
        at_vault = [spec.vault_key(field) for field in spec.FIELDS]
        yield from _keys(("secrets", index, "vault"), spec, spec.vault, at_vault)
        for number, target in enumerate(spec.targets):
            in_target = list(spec.target_keys(target).values())
            yield from _keys(("secrets", index, "targets", number), spec, target, in_target)
        yield from _policy(("secrets", index, "rotation"), spec)
        yield from _consumers(("secrets", index, "consumers"), spec)


def _used_twice(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, spec in enumerate(specs):
        earlier = first.setdefault(spec.name, index)
        if earlier != index:
            place = ("secrets", index, "name")
            yield Mistake(f'two secrets have the name "{spec.name}"', place, (place, ("secrets", earlier, "name")))


def _same_place_in_vault(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    first: dict[tuple[str, str], int] = {}
    for index, spec in enumerate(specs):
        for key in dict.fromkeys(spec.vault_key(field) for field in spec.FIELDS):
            earlier = first.setdefault((spec.vault.path, key), index)
            if earlier != index:
                place = ("secrets", index, "vault")
                yield Mistake(
                    f'"{spec.name}" and "{specs[earlier].name}" are both kept at {spec.vault.path}, {key}: '
                    "one would overwrite the other",
                    place,
                    (place, ("secrets", earlier, "vault")),
                )


def _same_key(targets: Sequence[Placed]) -> Iterator[Mistake]:
    first: dict[Hashable, tuple[Place, SecretSpec]] = {}
    for place, spec, target in targets:
        for key in spec.target_keys(target).values():
            earlier, other = first.setdefault((target.secret, key), (place, spec))
            if earlier != place:
                yield Mistake(
                    f'"{spec.name}" and "{other.name}" both want the key {key} of the Secret {"/".join(target.secret)}',
                    place,
                    (place, earlier),
                )


def _unlike_in_one_secret(targets: Sequence[Placed]) -> Iterator[Mistake]:
    first: dict[Hashable, Placed] = {}
    for place, spec, target in targets:
        earlier, other, its = first.setdefault(target.secret, (place, spec, target))
        if target.scope is not its.scope:
            yield Mistake(
                f'"{spec.name}" is {target.scope}, but "{other.name}", in the same Secret, is {its.scope}: '
                "a Secret has one scope",
                (*place, "scope"),
                (place, earlier),
            )
        if spec.secret_type(target) != other.secret_type(its):
            yield Mistake(
                f'"{spec.name}" makes a Secret of the type {spec.secret_type(target)}, but "{other.name}", in the same '
                f"Secret, one of {other.secret_type(its)}: a Secret has one type",
                place,
                (place, earlier),
            )


def _keys(place: Place, spec: SecretSpec, written: VaultPlace | Target, used: Sequence[str]) -> Iterator[Mistake]:
    if written.key is not None and spec.FIELDS != (VALUE,):
        yield Mistake(
            f'"{spec.name}": a {spec.kind} has the fields {", ".join(spec.FIELDS)}: write keys (field: key), not key',
            (*place, "key"),
            (place,),
        )
    for field in written.keys:
        if field not in spec.FIELDS:
            known = did_you_mean(field, spec.FIELDS) or f"; it has {', '.join(spec.FIELDS)}"
            yield Mistake(
                f'"{spec.name}": a {spec.kind} has no field "{field}"{known}', (*place, "keys", field), (place,)
            )
    for key in sorted({key for key in used if used.count(key) > 1}):
        yield Mistake(f'"{spec.name}": two fields want the key {key}', (*place, "keys"), (place,))


def _policy(place: Place, spec: SecretSpec) -> Iterator[Mistake]:
    policy = spec.rotation
    if policy.window is not None and policy.max_age is None:
        yield Mistake(
            f'"{spec.name}" has a window, but no max_age: it would never be due', (*place, "window"), (place,)
        )
    if policy.overlap > timedelta(0) and not spec.OVERLAPS:
        yield Mistake(
            f'"{spec.name}": the former value of a {spec.kind} cannot stay valid beside the new one: no overlap',
            (*place, "overlap"),
            (place,),
        )


def _consumers(place: Place, spec: SecretSpec) -> Iterator[Mistake]:
    named = [str(consumer) for consumer in spec.consumers]
    for index, name in enumerate(named):
        if name in named[:index]:
            yield Mistake(f'"{spec.name}" names the consumer {name} twice', (*place, index), (place,))
