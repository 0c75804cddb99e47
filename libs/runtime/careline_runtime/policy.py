"""Policies are data: a YAML file, checked against its model, stamped with a version."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from careline_runtime.checked_yaml import read_checked
from careline_runtime.settings import ServiceSettings


class Policy(BaseModel):
    """Base of every policy model: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Loaded(Generic[Model]):
    """A checked policy; `version` is the file's own `version` with a hash of its content."""

    policy: Model
    version: str
    text: str
    path: str


def load_policy(model: type[Model], *, package: str, settings: ServiceSettings) -> Loaded[Model]:
    """The policy of the service in `package`: `$CARELINE_POLICIES/<service>.yaml`, or its own."""
    service = package.removeprefix("careline_")
    override = settings.policies / f"{service}.yaml" if settings.policies else None
    if override is not None and override.is_file():
        return read_policy(model, override)
    text = files(package).joinpath("policy.yaml").read_text("utf-8")
    return parse_policy(model, text, path=f"{package}/policy.yaml")


def read_policy(model: type[Model], path: Path) -> Loaded[Model]:
    """The policy in the file at `path`; raises `Misconfigured`."""
    return parse_policy(model, path.read_text("utf-8"), path=str(path))


def parse_policy(model: type[Model], text: str, *, path: str) -> Loaded[Model]:
    """The policy that `text` states; raises `Misconfigured` with file, line and reason."""
    policy = read_checked(model, text, path=path)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = yaml.safe_load(text).get("version", "unnamed")
    return Loaded(policy=policy, version=f"{name} ({digest})", text=text, path=path)
