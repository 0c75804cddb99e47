"""The local stack as most tests want it: what its database writes waits for no disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from careline_localstack import LocalStack
from careline_localstack.postgres import Postgres


class StackInTest(LocalStack):
    """Real servers; what the kill of a process (kill -9) leaves is what it leaves in production."""

    def __init__(self, home: Path, *, environment: Mapping[str, str]) -> None:
        super().__init__(home, environment=environment)
        self.postgres = _Undurable(self.home)


class _Undurable(Postgres):
    """Only the operating system brings to the disk what was written.

    What a crash of the machine leaves is no test's subject here. A new database, of which there is
    one for most tests, takes PostgreSQL two waits for the disk otherwise.
    """

    def command(self) -> Sequence[str | Path]:
        return [*super().command(), "-c", "fsync=off", "-c", "full_page_writes=off"]
