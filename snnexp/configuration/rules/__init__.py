"""Options that do not fit together, each rule with its remedy.

A rule gets a configuration whose every part is valid by itself.
A module of rules is about one matter, and lists its own. What they say comes in the order of the
modules below; what is built comes last.
"""

from collections.abc import Callable, Iterator

from snnexp.configuration.rules import (
    analog,
    batches,
    building,
    conversion,
    counts,
    data,
    events,
    front,
    general,
    norms,
    presimulation,
    pretrained,
    recurrence,
    spike_trains,
    start,
    synapses,
    teachers,
    timed,
    tracker,
    windows,
)
from snnexp.configuration.rules.reading import Config

ABOUT_THE_RUN = (general, batches, data, events, tracker)
ABOUT_THE_NETWORK = (
    *(conversion, norms, synapses, presimulation, windows, counts, timed),
    *(spike_trains, front, analog, recurrence),
)
ABOUT_OTHER_NETWORKS = (pretrained, start, teachers)
MODULES = (*ABOUT_THE_RUN, *ABOUT_THE_NETWORK, *ABOUT_OTHER_NETWORKS, building)
RULES: tuple[Callable[[Config], Iterator[str]], ...] = tuple(
    rule for module in MODULES for rule in module.RULES
)
