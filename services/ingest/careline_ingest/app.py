"""Wires ingest: raw topics and HTTP on one side, one set of rules, Kafka on the other."""

from careline_contracts.topics import RAW
from careline_ingest import api
from careline_ingest.edge import Edge
from careline_ingest.handlers import RawTopics
from careline_ingest.policy import IngestPolicy
from careline_ingest.publishing import GroupPublisher
from careline_ingest.sealing import KeyringSealer
from careline_ingest.window import ValkeyWindow
from careline_runtime.keyring import Keyring
from careline_runtime.policy import load_policy
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings


def build(settings: ServiceSettings) -> Service:
    """Ingest as the settings want it; raises `Misconfigured`."""
    loaded = load_policy(IngestPolicy, package="careline_ingest", settings=settings)
    policy = loaded.policy
    sealer = KeyringSealer(
        Keyring.load(settings.keyring), remembered_identities=policy.remembered_identities
    )
    service = Service(
        name="ingest",
        settings=settings,
        # what these two need of the service is wired below
        transform=lambda records: raw_topics.transform(records),
        on_stop=lambda: window.close(),
        transforms=tuple(RAW.values()),
        policy_version=loaded.version,
    )
    edge = Edge(sealer=sealer, policy=policy, clock=service.clock)
    raw_topics = RawTopics(edge)
    window = ValkeyWindow(settings.valkey_url, policy=policy, now=service.clock.now)
    intake = api.Intake(
        edge,
        policy=policy,
        window=window,
        publisher=GroupPublisher(service.publisher),
        is_ready=lambda: service.is_ready,
    )
    service.http.include_router(api.router(intake))
    return service
