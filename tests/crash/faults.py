"""What both crash suites share: programs run under faultfs, points chosen by a seed, a tally.

A point is (kind, n): what happens at the n-th counted file-system call of a run.
  EIO, ENOSPC   that one call fails
  full          it and all after it fail with ENOSPC: the disk is full
  stop          kill -9: what was written stays
  crash         power failure: what was not synced is gone
"""
import concurrent.futures
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import traceback

BUILD = os.environ.get("top_builddir", os.getcwd())
KILLED = 137
SHIM = os.path.join(BUILD, "tests", "faultfs.so")
TIMEOUT = 120


def vectors(name):
    """Path of a shared test vector, or None."""
    top = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
    path = os.path.join(os.environ.get("QUOIN_VECTORS") or os.path.join(top, "..", "shared", "vectors"), name)
    return os.path.abspath(path) if os.path.exists(path) else None


def environment(root, count, point=None, lie=False):
    """Variables that put a program under the shim. root: what it watches; count: where it says how
    many calls there were."""
    env = dict(os.environ, LD_PRELOAD=SHIM, FAULTFS_ROOT=root, FAULTFS_COUNT=count)
    # The shim has to come before a sanitizer's library.
    env["ASAN_OPTIONS"] = ":".join(filter(None, [env.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    if lie:
        env["FAULTFS_LIE_SYNC"] = "1"
    kind, n = point or (None, 0)
    if kind == "crash":
        env["FAULTFS_CRASH_AT"] = str(n)
    elif kind == "stop":
        env["FAULTFS_STOP_AT"] = str(n)
    elif kind == "full":
        env.update(FAULTFS_FAIL_AT=str(n), FAULTFS_FAIL_FOR="0", FAULTFS_ERRNO="ENOSPC")
    elif kind:
        env.update(FAULTFS_FAIL_AT=str(n), FAULTFS_ERRNO=kind)
    return env


def read_count(path):
    with open(path) as f:
        return int(f.read())


def spread(rng, kind, n, calls):
    """n points over calls 1 to `calls`: one at random in each of n equal parts."""
    n = min(n, calls)
    return [(kind, rng.randrange(i * calls // n, (i + 1) * calls // n) + 1) for i in range(n)]


class Suite:
    """Runs cases, each in a scratch folder that is kept when it fails."""

    def __init__(self, name, seed):
        self.dir = tempfile.mkdtemp(prefix=f"quoin-crash-{name}-")
        self.seed, self.rng = seed, random.Random(seed)
        self.passed = self.failed = 0
        self.lock = threading.Lock()
        self.began = time.monotonic()
        print(f"{name}: seed {seed}", flush=True)

    def attempt(self, what, case):
        """None when case(folder) passes, else why not. The folder is kept then."""
        folder = tempfile.mkdtemp(prefix="case-", dir=self.dir)
        try:
            case(folder)
        except BaseException as e:  # noqa: B036: whatever ends a case is a failure of it
            text = str(e) if isinstance(e, AssertionError) and str(e) else traceback.format_exc()
            return f"FAILED {what}: {text}\n  kept: {folder}"
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def one(self, what, case):
        why = self.attempt(what, case)
        with self.lock:
            self.passed, self.failed = self.passed + (why is None), self.failed + (why is not None)
            if why:
                print(why, flush=True)

    def each(self, label, points, case, jobs=2):
        began, failed = time.monotonic(), self.failed
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda p: self.one(f"{label}: {p[0]} at call {p[1]}", lambda d: case(d, p)), points))
        print(f"{label}: {len(points)} points, {self.failed - failed} failed, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def end(self):
        """Exit status."""
        print(f"{self.passed} passed, {self.failed} failed ({time.monotonic() - self.began:.0f} s)")
        if not self.failed:
            shutil.rmtree(self.dir, ignore_errors=True)
        return self.failed > 0 or self.passed == 0


def run(args, env=None):
    """(status, stdout, stderr)"""
    got = subprocess.run(args, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    return got.returncode, got.stdout.decode(), got.stderr.decode(errors="replace")
