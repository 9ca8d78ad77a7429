"""Threads of a web process that read their first positions at once, in a process of their own: it used to crash."""

import subprocess
import sys

FIRST_READS = """
import sys
from threading import Barrier, Thread
from msgspec import ValidationError
from shared.store.position_rows import exit_plan_from_json

def read():
    together.wait()
    try:
        exit_plan_from_json({"rules": {}, "stop": 1})
    except ValidationError:
        pass

sys.setswitchinterval(1e-6)
together = Barrier(8)
threads = [Thread(target=read) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def test_first_reads_at_once_do_not_crash() -> None:
    assert [subprocess.run([sys.executable, "-c", FIRST_READS], check=False).returncode for _ in range(3)] == [0, 0, 0]
