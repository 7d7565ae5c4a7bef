"""``secrets.yaml``: which secrets exist, where they are kept, and where they are needed. Never a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self, Union

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator
from pydantic_core import InitErrorDetails

from koprogo_fleet.core.model import Mistakes, Model
from koprogo_fleet.secrets.contradictions import contradictions
from koprogo_fleet.secrets.kinds import BY_NAME, KINDS
from koprogo_fleet.secrets.spec import SealedSection, SecretSpec

__all__ = ["SecretSpec", "SecretsFile"]


def _of_its_kind(written: Any, handler: ValidatorFunctionWrapHandler) -> SecretSpec:
    """Read a secret as its kind says; pydantic's own discriminator would put the kind into the place of each mistake."""
    found: SecretSpec
    if isinstance(written, SecretSpec):
        found = handler(written)
        return found
    if not isinstance(written, Mapping):
        raise _mistake(InitErrorDetails(type="dict_type", input=written))
    name = written.get("kind")
    if isinstance(name, str) and name in BY_NAME:
        found = BY_NAME[name].spec.model_validate(dict(written))
        return found
    known = ", ".join(f"'{kind}'" for kind in BY_NAME)
    raise _mistake(InitErrorDetails(type="literal_error", loc=("kind",), input=name, ctx={"expected": known}))


def _mistake(details: InitErrorDetails) -> ValidationError:
    return ValidationError.from_exception_data("secret", [details])


if TYPE_CHECKING:
    AnySecret = SecretSpec
else:
    AnySecret = Annotated[Union[tuple(kind.spec for kind in KINDS)], WrapValidator(_of_its_kind)]  # noqa: UP007 - of values


class SecretsFile(Model):
    """The whole file: names are unique, and the secrets do not get in each other's way."""

    secrets: tuple[AnySecret, ...] = ()
    sealed: SealedSection | None = None

    @model_validator(mode="after")
    def _secrets_fit_together(self) -> Self:
        if found := tuple(contradictions(self.secrets)):
            raise Mistakes(found)
        return self


def read_secret(written: Mapping[str, Any]) -> SecretSpec:
    """
    Return one secret, as an entry of secrets.yaml would be read; for scripts.

    Raises:
        ValueError: it has mistakes.
    """
    return SecretsFile.model_validate({"secrets": [written]}).secrets[0]
