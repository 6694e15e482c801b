"""How long to wait before a Redis that is away is tried again.

All workers of all machines lose it at the same moment. Trying again in step, they would all meet at once a Redis that
has just come back and reads its file: so the pauses grow, and no two workers' are alike.
"""

import random

from service.store.settings import StoreSettings

JITTER = 0.25
"""A pause is up to so much shorter or longer. Forked workers draw different ones: Python seeds anew after a fork."""


def pause_ms(failures: int, settings: StoreSettings) -> float:
    """The pause before the next try, after so many; 0 is the pause of a watch to which all is well.

    The longest one and the try before it (`probe_max_ms` * 1.25 + `give_up_ms`) stay under a second, within which a
    Redis that is back must be in use again.
    """
    doubled_ms = settings.probe_ms << min(failures, 8)
    return min(doubled_ms, max(settings.probe_max_ms, settings.probe_ms)) * random.uniform(1 - JITTER, 1 + JITTER)
