"""Apache Kafka's jars: exactly those of the lock file, fetched once, then taken from the cache.

`python -m careline_localstack.jars` resolves the endpoint anew and rewrites the lock.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from careline_localstack.errors import StackError
from careline_localstack.home import Progress

if TYPE_CHECKING:
    from jgo.maven import MavenContext

# kafka-clients is named although kafka depends on it: left to itself the resolver picks 3.8.0, and
# the broker dies with NoSuchMethodError.
ENDPOINT = "+".join(
    (
        "org.apache.kafka:kafka_2.13:4.3.0",
        "org.apache.kafka:kafka-clients:4.3.0",
        "org.apache.logging.log4j:log4j-core:2.25.4",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    )
)
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
_LOCK_NAME = "kafka-jars.lock"
_PARALLEL_DOWNLOADS = 8
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked_jars() -> list[Jar]:
    lines = files(__package__).joinpath(_LOCK_NAME).read_text().splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Jar:
    sha256, coordinate = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def ensure_jars(cache: Path, progress: Progress, environment: Mapping[str, str]) -> list[Path]:
    """The verified jars as a class path. Nothing is asked of the network when all are there."""
    directory = cache / "jars"
    jars = locked_jars()
    missing = [jar for jar in jars if _sha256(directory / jar.file_name) != jar.sha256]
    if missing:
        repository = environment.get("CARELINE_MAVEN_URL", MAVEN_CENTRAL).rstrip("/")
        progress(f"Downloading Apache Kafka: {len(missing)} jars from {repository} …")
        _download(missing, directory, repository)
    return [directory / jar.file_name for jar in jars]


def _download(missing: list[Jar], directory: Path, repository: str) -> None:
    # Imported here: a quarter of a second that only the first start has to spend.
    import requests
    from jgo.maven import MavenContext

    try:
        directory.mkdir(parents=True, exist_ok=True)
        # A directory of its own, then a rename: other homes may be filling the same cache.
        with tempfile.TemporaryDirectory(dir=directory, prefix=".download-") as draft:
            context = MavenContext(
                repo_cache=Path(draft),
                remote_repos={"central": repository},
                timeout=_TIMEOUT_SECONDS,
            )
            with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
                for jar, path in zip(
                    missing, pool.map(lambda jar: _fetch(context, jar), missing), strict=True
                ):
                    _refuse_altered(jar, path, repository)
                    path.replace(directory / jar.file_name)
    except OSError as error:  # requests' errors are OSErrors, too
        if isinstance(error, requests.RequestException):
            raise _unreachable(repository, missing, str(error)) from error
        raise StackError(
            f"The download cache {directory} cannot be written.",
            why=str(error),
            fix="Make room, or set CARELINE_CACHE to a directory of your own.",
        ) from error


def _fetch(context: "MavenContext", jar: Jar) -> Path:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        return Path(artifact.resolve())
    except RuntimeError as error:  # jgo: the repository answered, and not with the jar
        raise _unreachable(str(context.remote_repos), [jar], str(error)) from error


def _refuse_altered(jar: Jar, path: Path, repository: str) -> None:
    if _sha256(path) != jar.sha256:
        raise StackError(
            f"{jar.coordinate} from {repository} is not the file that the lock names.",
            why=f"SHA-256 {_sha256(path)}, expected {jar.sha256}.",
            fix="Nothing was kept. Check the mirror, or set CARELINE_MAVEN_URL to another.",
        )


def _unreachable(repository: str, missing: list[Jar], why: str) -> StackError:
    return StackError(
        f"Apache Kafka cannot be fetched: {len(missing)} of its jars are not in the cache, "
        f"the first is {missing[0].coordinate}, and {repository} did not deliver.",
        why=why,
        fix=(
            "Either connect to the network once, or name a Maven mirror "
            "(CARELINE_MAVEN_URL=https://…), or use a broker that runs already: "
            "KAFKA_BOOTSTRAP_SERVERS=HOST:PORT careline up"
        ),
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def rewrite_lock() -> None:
    """Resolve the endpoint with all that it needs, and note each jar's SHA-256."""
    import jgo

    logging.getLogger("jgo").setLevel(logging.ERROR)
    lines = [f"# {part}" for part in ENDPOINT.split("+")]
    for artifact in sorted(jgo.resolve(ENDPOINT), key=str):
        coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        lines.append(f"{_sha256(Path(artifact.resolve()))}  {coordinate}")
    Path(__file__).with_name(_LOCK_NAME).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    # Not from the user's ~/.m2, whose jars may be anyone's.
    scratch = tempfile.mkdtemp()
    os.environ["M2_REPO"] = scratch
    try:
        rewrite_lock()
    finally:
        shutil.rmtree(scratch)
