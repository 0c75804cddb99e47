"""Wires ingest: raw topics and HTTP on one side, one set of rules, Kafka on the other."""

from functools import partial

from careline_contracts.topics import CHANNELS, RAW
from careline_ingest import api
from careline_ingest.edge import Edge
from careline_ingest.gate import Gate, Registry
from careline_ingest.handlers import RawTopics
from careline_ingest.observer import Observer, Unobserving
from careline_ingest.policy import IngestPolicy
from careline_ingest.publishing import GroupPublisher
from careline_ingest.rate_limit import ValkeyRateLimit
from careline_ingest.sealing import KeyringSealer
from careline_ingest.watch import Watch
from careline_ingest.window import ValkeyWindow
from careline_runtime.clock import SystemClock
from careline_runtime.keyring import FollowedKeyring
from careline_runtime.policy import load_policy
from careline_runtime.sealed_letter import seal_dead_letter
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.state_topic import StateTopic
from careline_runtime.transforming import Transforms
from careline_runtime.valkey import Valkey


def build(settings: ServiceSettings) -> Service:
    """Ingest as the settings want it; raises `Misconfigured`."""
    loaded = load_policy(IngestPolicy, package="careline_ingest", settings=settings)
    policy = loaded.policy
    keyring = FollowedKeyring.load(settings.keyring)
    sealer = KeyringSealer(keyring, remembered_identities=policy.remembered_identities)
    seal_letter = partial(seal_dead_letter, keyring=keyring)
    registry = Registry()
    channels = StateTopic(settings.kafka_bootstrap_servers, CHANNELS, registry.hear)
    valkey = Valkey(
        settings.valkey_url,
        timeout_milliseconds=policy.valkey_timeout_milliseconds,
        pause_seconds=policy.valkey_pause_seconds,
    )

    service = Service("ingest", settings, policy_version=loaded.version)
    clock = service.clock
    edge = Edge(sealer=sealer, policy=policy, clock=clock)
    watch = Watch(valkey, service.publisher, policy=policy.watch, now=clock.now)
    observer = Unobserving() if clock.is_replay else Observer(policy, note=watch.note)
    raw_topics = RawTopics(edge, observer, seal_letter)
    intake = api.Intake(
        edge,
        policy=policy,
        gate=Gate(
            registry,
            keyring=keyring,
            # keys live in the machine's time, also while another time is replayed
            now=SystemClock().now,
            takes_anonymous=settings.anonymous == "accept",
            tolerance_seconds=policy.signature_tolerance_seconds,
        ),
        rate_limit=ValkeyRateLimit(valkey, url=settings.valkey_url, policy=policy.rate_limit),
        window=ValkeyWindow(valkey, policy=policy, now=clock.now),
        observer=observer,
        publisher=GroupPublisher(service.publisher),
        is_ready=lambda: service.is_ready,
    )
    service.transform(
        Transforms(tuple(RAW.values()), raw_topics.transform, finish_letter=seal_letter)
    )
    service.answer(api.router(intake))
    service.on_start(channels.start)
    if not clock.is_replay:
        service.on_start(watch.start)
    service.on_stop(watch.stop, channels.stop, valkey.close)
    return service
