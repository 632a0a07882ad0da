# Prints how long mastodon-reader (PyPI) takes to read the spots, links and tags of a project.
import statistics
import sys
import time

from mastodon_reader import MastodonReader


def once():
    start = time.perf_counter()
    MastodonReader(sys.argv[1]).read_tables()
    return (time.perf_counter() - start) * 1000


print("open_ms", statistics.median(once() for _ in range(3)))
