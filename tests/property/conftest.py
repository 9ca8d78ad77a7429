"""How hard the property tests try: briefly in `make test`, long in `make nightly`.

HYPOTHESIS_EXAMPLES is the number of examples of a law. The comparisons of the core with the brute force take five times
as many: 200, at night 10,000 each.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "recorder",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=SLOW,
    print_blob=True,
)
settings.load_profile("recorder")
