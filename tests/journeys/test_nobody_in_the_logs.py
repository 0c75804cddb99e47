"""Whoever was looked for is in no log of ours, however the question was put."""

import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_localstack import LocalStack

pytestmark = pytest.mark.stack

ASKED_FOR = "13987650123"


async def test_an_identity_that_was_asked_for_is_in_no_log(
    running_services: LocalStack, pipeline: Pipeline
) -> None:
    identity = f"phone:{ASKED_FOR}"
    async with httpx.AsyncClient(base_url=pipeline.endpoints.services["profile"]) as profile:
        asked = [
            await profile.get("/v1/customers", params={"identity": identity}),
            await profile.post("/v1/customers/lookup", json={"identity": identity}),
            await profile.get(f"/v1/no-such-page?identity={identity}"),
        ]
    assert [answer.status_code for answer in asked] == [404, 404, 404]

    logs = [path.read_text("utf-8") for path in running_services.home.logs.iterdir()]
    assert any("service.ready" in log for log in logs)
    assert not any(ASKED_FOR in log for log in logs)
