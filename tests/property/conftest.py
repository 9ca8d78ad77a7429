"""How hard the property tests try: briefly in `make test`, long with HYPOTHESIS_PROFILE=nightly.

The comparison of the core with the brute force takes five times as many examples as a law: 200, at night 10,000.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("default", max_examples=40, deadline=None, suppress_health_check=SLOW)
settings.register_profile("nightly", max_examples=2_000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
