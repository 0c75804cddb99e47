"""The numbers the edge decides by; the reason for each stands beside it in `policy.yaml`."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from careline_ingest.senders import TYPES

Treatment = Literal["ignore", "count", "reject"]
"""What becomes of an event with a field that its contract doesn't have."""


class RateLimitPolicy(BaseModel):
    """How fast one channel system may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: int = Field(gt=0)
    seconds: int = Field(gt=0, le=3_600)
    fails_open: bool


class WatchPolicy(BaseModel):
    """When a source is late, out of order, silent or drifting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    late_after_minutes: float = Field(gt=0)
    skewed_after_seconds: float = Field(ge=0)
    check_every_seconds: int = Field(gt=0)
    learn_days: int = Field(ge=7)
    past_days: int = Field(ge=7, le=60)
    silent_expected_events: float = Field(gt=0)
    least_events: int = Field(gt=0)
    rate_ratio: float = Field(gt=1)
    share_difference: float = Field(gt=0, le=1)


def _is_said(type: str) -> str:
    if type not in TYPES:
        raise ValueError("channels say no such type")
    return type


class UnknownFieldsPolicy(BaseModel):
    """How strict the edge is, type by type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Treatment
    types: dict[Annotated[str, AfterValidator(_is_said)], Treatment]

    def of(self, type: str) -> Treatment:
        """What becomes of an event of this type."""
        return self.types.get(type, self.default)


class IngestPolicy(BaseModel):
    """Limits of what is taken in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    future_tolerance_minutes: float = Field(ge=0)
    oldest_days: int = Field(gt=0, le=36_525)
    unknown_fields: UnknownFieldsPolicy
    most_sources: int = Field(gt=0, le=10_000)
    # what a touchpoint becomes must fit a record of 4 MiB, sealed text and all
    max_event_bytes: int = Field(gt=0, le=1_048_576)
    # and a batch the arguments of one Valkey script
    max_batch_events: int = Field(gt=0, le=5_000)
    max_batch_bytes: int = Field(gt=0, le=33_554_432)
    max_requests_in_flight: int = Field(gt=0)
    max_bytes_in_flight: int = Field(gt=0)
    retry_after_seconds: int = Field(gt=0)
    body_timeout_seconds: float = Field(gt=0)
    publish_timeout_seconds: float = Field(gt=0)
    duplicate_window_minutes: int = Field(gt=0)
    valkey_timeout_milliseconds: int = Field(gt=0)
    valkey_pause_seconds: float = Field(gt=0)
    remembered_identities: int = Field(ge=0)
    signature_tolerance_seconds: int = Field(gt=0, le=3_600)
    rate_limit: RateLimitPolicy
    watch: WatchPolicy

    @cached_property
    def oldest(self) -> timedelta:
        """How long ago it may be that an event happened."""
        return timedelta(days=self.oldest_days)

    @cached_property
    def future_tolerance(self) -> timedelta:
        """How far a sender's clock may be ahead of ours."""
        return timedelta(minutes=self.future_tolerance_minutes)
