"""One module for each bench; its `measure(run)` yields a Result for each case, with the goals that it has."""

NAMES = ("book", "ticks", "exits", "feed", "intake", "recorded", "burst", "scale", "pages", "idle")
