"""The whole suite on one machine, from wheels: Postgres, NATS, Envoy and the five services.

`make up`, the tests and the benchmarks all start it through `Stack`. What runs inside the services
is no business of this package: it starts them as processes and imports none of them.
"""

from stack.config import SERVICES, StackConfig
from stack.errors import ComponentFailed, DataDirInUse, PortTaken, StackError, StartCancelled
from stack.suite import Stack

__all__ = [
    "SERVICES",
    "ComponentFailed",
    "DataDirInUse",
    "PortTaken",
    "Stack",
    "StackConfig",
    "StackError",
    "StartCancelled",
]
