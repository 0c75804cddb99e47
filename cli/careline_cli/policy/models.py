"""What a valid policy of each service is, and whether it may follow the one in force."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from careline_cli.console import CommandError
from careline_runtime.checked_yaml import Flawed, Problem
from careline_runtime.followed_policy import any_follows
from careline_runtime.policy import Loaded, load_policy, parse_policy
from careline_runtime.settings import ServiceSettings

MODELS = {
    "ingest": "careline_ingest.policy:IngestPolicy",
    "profile": "careline_profile.policy:ProfilePolicy",
    "scoring": "careline_scoring.policy:ScoringPolicy",
    "engagement": "careline_engagement.policy:EngagementPolicy",
    "ticketing": "careline_ticketing.policy:Policy",
}
FORBIDS = {"scoring": "careline_scoring.rules.succession:forbids"}
"""What a service refuses in a policy that follows another: the function that it asks itself."""


class Refused(CommandError):
    """A service would not take this policy; `problems` say why, one by one."""

    def __init__(self, what: str, problems: Sequence[Problem], *, why: str, fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.problems = problems


def parsed(service: str, text: str, *, path: str) -> Loaded[Any]:
    """The policy that `text` states; raises `Refused` with file, line and reason."""
    try:
        return parse_policy(_model(service), text, path=path)
    except Flawed as flawed:
        what, fix = f"{path} is no policy of {service}.", "Nothing was published."
        raise Refused(what, flawed.problems, why=str(flawed), fix=fix) from flawed


def own(service: str) -> Loaded[Any]:
    """What the service decides by as long as nothing is published."""
    settings = ServiceSettings.for_service(service)
    return load_policy(_model(service), package=f"careline_{service}", settings=settings)


def refuse_unless_it_may_follow(service: str, former: Loaded[Any], candidate: Loaded[Any]) -> None:
    """Raises `Refused` where the service itself would leave the candidate out."""
    forbids: Callable[[Any, Any], str] = any_follows
    if service in FORBIDS:
        forbids = _imported(FORBIDS[service])
    if reason := forbids(former.policy, candidate.policy):
        what = f"{candidate.path} can't follow {former.version}."
        raise Refused(what, [Problem(None, "", reason)], why=reason)


def _model(service: str) -> type[BaseModel]:
    model: type[BaseModel] = _imported(MODELS[service])
    return model


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
