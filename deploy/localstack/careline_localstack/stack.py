"""The local stack: real Kafka, PostgreSQL and Valkey, each replaceable from the environment."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careline_contracts.topics import SERVICES, WITH_DATABASE
from careline_localstack.endpoints import (
    Endpoints,
    database_variable,
    http_port_variable,
    missing_databases,
)
from careline_localstack.home import Home, Progress, default_cache
from careline_localstack.kafka import Kafka
from careline_localstack.ports import LOOPBACK
from careline_localstack.postgres import Postgres
from careline_localstack.server import Server, silently
from careline_localstack.services import Service, ServiceOptions, set_up
from careline_localstack.valkey import Valkey


class LocalStack:
    """The three servers of one CARELINE_HOME, and the five services that use them.

    Endpoints in the environment win: a server that it names is somebody else's, and is neither
    started nor stopped here.
    """

    def __init__(
        self, home: Path, *, environment: Mapping[str, str] = os.environ, cache: Path | None = None
    ) -> None:
        self.environment = environment
        self.home = Home(home, environment=environment)
        self.cache = cache or default_cache(environment)
        self.kafka = Kafka(self.home, cache=self.cache)
        self.postgres = Postgres(self.home)
        self.valkey = Valkey(self.home)
        self.services: Mapping[str, Service] = {
            name: Service(self.home, name, lambda: self.endpoints) for name in SERVICES
        }

    @property
    def servers(self) -> Sequence[Server]:
        """Those that are ours to run."""
        needed = {
            self.kafka: not self.environment.get("KAFKA_BOOTSTRAP_SERVERS"),
            self.postgres: bool(missing_databases(self.environment)),
            self.valkey: not self.environment.get("VALKEY_URL"),
        }
        return [server for server, is_needed in needed.items() if is_needed]

    @property
    def endpoints(self) -> Endpoints:
        given = self.environment
        return Endpoints(
            services={name: f"http://{LOOPBACK}:{self._http_port(name)}" for name in SERVICES},
            kafka=given.get("KAFKA_BOOTSTRAP_SERVERS") or self.kafka.bootstrap_servers,
            databases={
                name: given.get(database_variable(name)) or self.postgres.url(name)
                for name in WITH_DATABASE
            },
            valkey=given.get("VALKEY_URL") or self.valkey.url,
        )

    def start(self, progress: Progress = silently) -> Endpoints:
        """Start the servers that do not run yet, and return when every one answers."""
        self.home.open()
        with self.home.lock(progress):
            if not any(server.is_running for server in self._all_processes()):
                self.home.forget_taken_ports()
            # Chosen before the threads start, which then only read them.
            endpoints = self.endpoints
            _ = self.kafka.controller_port, self.home.password("postgres")
            _start_together(self.servers, progress)
            self.home.write_endpoints(endpoints.as_json())
        return endpoints

    def start_services(
        self,
        options: ServiceOptions = ServiceOptions(),  # noqa: B008 - frozen
        *,
        names: Sequence[str] = SERVICES,
        progress: Progress = silently,
    ) -> None:
        """Make topics and tables, start these services, and return when every one is ready.

        Services that run with other options are stopped first.
        """
        with self.home.lock(progress):
            running = [service for service in self.services.values() if service.is_running]
            if running and options != ServiceOptions.saved(self.home):
                progress("Stopping the services, which run with other options …")
                _stop_together(running)
            options.save(self.home)
            progress("Creating topics and bringing databases up to date …")
            set_up(self.home, self.endpoints, names)
            progress(f"Starting {', '.join(names)} …")
            _start_together([self.services[name] for name in names], progress)

    def stop(self) -> None:
        """Stop the services, then the servers, that this home started; the data stay."""
        self.home.refuse_foreign_owner()
        if not self.home.run.exists():
            return
        with self.home.lock(silently):
            _stop_together(list(self.services.values()))
            _stop_together([self.kafka, self.postgres, self.valkey])

    def _all_processes(self) -> Sequence[Server]:
        return [self.kafka, self.postgres, self.valkey, *self.services.values()]

    def _http_port(self, service: str) -> int:
        return self.home.port(service, variable=http_port_variable(service))


def _start_together(servers: Sequence[Server], progress: Progress) -> None:
    """All or none: when one does not come up, those started with it are stopped again."""
    newcomers = [server for server in servers if not server.is_running]
    for server in newcomers:
        server.refuse_taken_port()
    try:
        with ThreadPoolExecutor(len(servers) or 1) as pool:
            list(pool.map(lambda server: server.start(progress), servers))
    except BaseException:
        _stop_together(newcomers)
        raise


def _stop_together(servers: Sequence[Server]) -> None:
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        list(pool.map(lambda server: server.stop(), servers))
