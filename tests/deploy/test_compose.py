"""docker-compose.yml keeps its word: valid, true to the code, and with the least rights."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from starlette.routing import Route

from careline_contracts.topics import CATALOGUE, SERVICES, WITH_DATABASE
from careline_runtime.http import create_app
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings

PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?")
OURS = ("setup", *SERVICES)


def package_of(service: str, root: Path) -> str:
    sources = (root / f"services/{service}/careline_{service}").rglob("*.py")
    return "\n".join(path.read_text("utf-8") for path in sources)


def mounts(container: dict[str, Any]) -> list[list[str]]:
    return [mount.split(":") for mount in container.get("volumes", [])]


def test_it_follows_the_compose_specification(compose: Any) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(compose)


def test_every_service_is_there(compose: Any) -> None:
    assert set(SERVICES) <= set(compose["services"])


@pytest.mark.parametrize("name", OURS)
def test_the_command_names_a_module_that_the_image_holds(name: str, compose: Any) -> None:
    container = compose["services"][name]
    python, option, module, *_ = container["command"]

    assert (python, option) == ("python", "-m")
    assert importlib.util.find_spec(f"{module}.__main__" if name != "setup" else module)
    expected = [name] if name in SERVICES else list(WITH_DATABASE)
    assert container["build"]["args"]["SERVICE"].split() == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_understands_its_environment(
    service: str, compose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = compose["services"][service]["environment"]
    known = {
        field.alias or name.upper() for name, field in ServiceSettings.model_fields.items()
    } | {f"DATABASE_URL_{service.upper()}", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert set(environment) <= known
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))

    settings = ServiceSettings.for_service(service)

    assert settings.http_host == "0.0.0.0"  # noqa: S104 (inside its container)
    assert settings.kafka_bootstrap_servers == "kafka:9092"
    if service in WITH_DATABASE:
        assert settings.database_url == f"postgresql://{service}:filled@postgres:5432/{service}"
    else:
        assert settings.database_url == ""


@pytest.mark.parametrize("service", SERVICES)
def test_an_operator_s_policy_reaches_the_service(service: str, compose: Any, root: Path) -> None:
    container = compose["services"][service]
    [[source, target, mode]] = mounts(container)

    assert (root / source).is_dir()
    assert (target, mode) == (container["environment"]["CARELINE_POLICIES"], "ro")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_no_more_than_it_needs(service: str, compose: Any, root: Path) -> None:
    container, code = compose["services"][service], package_of(service, root)
    environment = container["environment"]
    databases = {name for name in environment if name.startswith("DATABASE_URL")}

    own = {f"DATABASE_URL_{service.upper()}"} if service in WITH_DATABASE else set()
    assert databases == own
    assert ("VALKEY_URL" in environment) == ("valkey_url" in code)
    assert ("valkey" in container["depends_on"]) == ("valkey_url" in code)
    assert ("CARELINE_KEYRING" in environment) == ("Keyring.load(" in code)
    assert container.get("secrets", []) == (["keyring"] if "Keyring.load(" in code else [])


def test_setup_is_given_every_database_and_no_key(compose: Any) -> None:
    setup = compose["services"]["setup"]

    assert set(setup["environment"]) == {
        "KAFKA_BOOTSTRAP_SERVERS",
        *(f"DATABASE_URL_{service.upper()}" for service in WITH_DATABASE),
    }
    assert "secrets" not in setup


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_asked_for_its_health_where_it_answers(service: str, compose: Any) -> None:
    container = compose["services"][service]
    port = container["environment"]["HTTP_PORT"]
    probe = container["healthcheck"]["test"][-1]
    [address] = re.findall(r"http://127\.0\.0\.1:(\d+)(/[\w/]+)", probe)
    paths = {
        route.path for route in create_app(cast(Service, _Any())).routes if isinstance(route, Route)
    }

    assert address == (str(port), "/health/ready")
    assert "/health/ready" in paths
    [published] = container["ports"]
    assert published.endswith(f":{port}")


class _Any:
    """Stands for a service: only the routes are looked at."""

    name = "any"
    policy = access = None


def test_nothing_is_published_beyond_this_machine(compose: Any) -> None:
    published = [port for c in compose["services"].values() for port in c.get("ports", [])]
    hosts, host_ports = zip(*(port.split(":")[:2] for port in published), strict=True)

    assert set(hosts) == {"127.0.0.1"}
    assert len(set(host_ports)) == len(host_ports)


def test_images_are_pinned(compose: Any) -> None:
    images = [container["image"] for container in compose["services"].values()]

    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_every_container_is_bounded_and_has_few_rights(compose: Any) -> None:
    for name, container in compose["services"].items():
        assert "mem_limit" in container, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert container["restart"] == ("on-failure:3" if name == "setup" else "unless-stopped")
    for name in OURS:
        assert compose["services"][name]["read_only"] is True, name
        assert not compose["services"][name]["user"].startswith(("0", "root")), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_take_its_time_to_stop(service: str, compose: Any) -> None:
    # Relay.stop publishes for up to ten seconds after the batch in hand
    assert compose["services"][service]["stop_grace_period"] == "30s"


def test_who_waits_for_whom_can_be_answered(compose: Any) -> None:
    containers = compose["services"]
    for name, container in containers.items():
        for other, wish in container.get("depends_on", {}).items():
            match wish["condition"]:
                case "service_healthy":
                    assert "healthcheck" in containers[other], (name, other)
                case "service_completed_successfully":
                    assert other == "setup", (name, other)
    for service in SERVICES:
        conditions = {o: w["condition"] for o, w in containers[service]["depends_on"].items()}
        assert conditions["setup"] == "service_completed_successfully"
        assert conditions["kafka"] == "service_healthy"


def test_files_volumes_networks_and_secrets_exist(compose: Any, root: Path) -> None:
    for name, container in compose["services"].items():
        for source, *_ in mounts(container):
            exists = (root / source).exists() if source.startswith(".") else True
            assert exists and (source.startswith(".") or source in compose["volumes"]), name
        assert set(container["networks"]) <= set(compose["networks"]), name
        assert set(container.get("secrets", [])) <= set(compose["secrets"]), name
        if "build" in container:
            assert (root / container["build"]["dockerfile"]).is_file()


def test_data_is_in_networks_without_a_way_out(compose: Any) -> None:
    containers = compose["services"]

    assert compose["networks"]["servers"]["internal"] is True
    assert containers["postgres"]["networks"] == containers["valkey"]["networks"] == ["servers"]
    assert "servers" not in containers["prometheus"]["networks"] + containers["grafana"]["networks"]


def test_passwords_come_from_outside(compose_text: str) -> None:
    settings = re.findall(r"^\s*\w*PASSWORD: (.*)$", compose_text, re.MULTILINE)
    urls = re.findall(r"postgresql://\w+:([^@]*)@", compose_text)

    assert settings and urls
    assert [value for value in settings + urls if not value.startswith("${")] == []


def test_kafka_is_fit_for_the_catalogue(compose: Any) -> None:
    kafka = compose["services"]["kafka"]["environment"]
    listeners = dict(re.findall(r"(\w+)://([\w.:]*)", kafka["KAFKA_ADVERTISED_LISTENERS"]))

    assert listeners["INSIDE"] == "kafka:9092"
    assert compose["services"]["kafka"]["ports"] == [f"{listeners['HOST']}:9094"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    largest = max(topic.max_message_bytes for topic in CATALOGUE)
    assert kafka["KAFKA_MESSAGE_MAX_BYTES"] >= largest
    assert ["kafka-data", kafka["KAFKA_LOG_DIRS"]] in mounts(compose["services"]["kafka"])


def test_postgresql_keeps_its_data_where_version_18_looks(compose: Any) -> None:
    postgres = compose["services"]["postgres"]

    assert postgres["image"].startswith("postgres:18.")
    assert ["postgres-data", "/var/lib/postgresql"] in mounts(postgres)
