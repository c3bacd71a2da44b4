"""What every test begins with: properties are tried without a stopwatch, because a busy machine is nobody's fault."""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
