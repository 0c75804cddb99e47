"""Real Kafka, PostgreSQL and Valkey as child processes, and the services on them, no Docker."""

from careline_localstack.endpoints import Endpoints
from careline_localstack.errors import StackError
from careline_localstack.services import ServiceOptions
from careline_localstack.stack import LocalStack

__all__ = ["Endpoints", "LocalStack", "ServiceOptions", "StackError"]
