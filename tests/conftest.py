"""What all tests share: the real servers, started once a test process where a test asks for them."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.stack_fixtures"]

# How long an example takes says how busy the machine is; what hangs ends at pytest's own limit.
settings.register_profile("scoreline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("scoreline")
