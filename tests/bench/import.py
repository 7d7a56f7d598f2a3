"""Importing the generated chain into real nodes: quoind, quoind with the indexer following, and
bitcoind when there is one (QUOIN_BITCOIND, or in PATH). The runs of the nodes alternate, so that a
busy minute of a shared machine falls on all of them. One row each, as tests/bench/bench.h prints
them: wall time from start to tip, processor time of the whole process, ratio to plain quoind.
"""
import argparse
import atexit
import base64
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("top_builddir", os.getcwd())
DEADLINE = 900  # seconds that one import may take
COMMON = ["-regtest", "-dbcache=450", "-checkblockindex=0", "-printtoconsole=0",
          f"-par={os.cpu_count()}"]
OPTIONS = ["-connect=0", "-listen=0", "-assumevalid=0"]
GRANT = """[plugin]
file = {file}
sha256 = {digest}
mode = trusted
[grant]
chain.read/1 = yes
chain.follow/1 = window=64
block.read/1 = window=16
store.own/1 = quota=10GB
rpc.serve/1 = prefix=indexer.
"""


def built(name):
    return os.path.join(BUILD, name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    """One process on a data folder of its own."""

    def __init__(self, program, folder, *args, options=OPTIONS):
        self.folder, self.port = folder, free_port()
        if os.path.basename(program) == "quoind":  # of a build folder: only what is granted is looked at
            args = (f"-plugindir={folder}/none", *args)
        self.process = subprocess.Popen(
            [program, f"-datadir={folder}", f"-rpcport={self.port}", *COMMON, *options, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        atexit.register(self.kill)  # a run that fails leaves none behind

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()

    def call(self, method, *params):
        """The result; None while the node does not answer."""
        try:
            with open(os.path.join(self.folder, "regtest", ".cookie"), "rb") as f:
                auth = base64.b64encode(f.read()).decode()
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            c.request("POST", "/", json.dumps({"id": 0, "method": method, "params": params}),
                      {"Authorization": "Basic " + auth})
            return json.loads(c.getresponse().read())["result"]
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def wait(self, there):
        end = time.monotonic() + DEADLINE
        while not there(self):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{self.folder}: the node ended, or did not get there")
            time.sleep(0.02)

    def stop(self):
        """Processor seconds it took in all."""
        self.process.send_signal(signal.SIGTERM)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode:
            sys.exit(f"{self.folder}: the node ended with {self.process.returncode}")
        return used.ru_utime + used.ru_stime


def grant_indexer(folder):
    so = built(".libs/indexer.so")
    where = os.path.join(folder, "regtest", "plugins.d")
    os.makedirs(where, mode=0o700)
    with open(so, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    path = os.path.join(where, "org.quoin.indexer.grant")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(GRANT.format(file=so, digest=digest))


class Variant:
    def __init__(self, name, program, indexer=False, warm=False):
        self.name, self.program, self.indexer, self.warm = name, program, indexer, warm
        self.wall, self.cpu = [], []

    def there(self, height):
        if self.indexer:
            return lambda n: (n.call("indexer.status") or {}).get("tip", {}).get("height") == height
        return lambda n: n.call("getblockcount") == height

    def run(self, chain, height, scratch):
        folder = tempfile.mkdtemp(dir=scratch)
        if self.indexer:
            grant_indexer(folder)
        if self.warm:  # bitcoind cannot import into a folder that has no genesis block yet
            n = Node(self.program, folder)
            n.wait(lambda n: n.call("getblockcount") == 0)
            n.stop()
        begun = time.monotonic()
        n = Node(self.program, folder, f"-loadblock={chain}")
        n.wait(self.there(height))
        self.wall.append(time.monotonic() - begun)
        self.cpu.append(n.stop())
        shutil.rmtree(folder)

    def report(self, plain):
        show = [f"{x:.3f} s" for x in (statistics.median(self.wall), min(self.wall),
                                       max(self.wall), statistics.median(self.cpu))]
        ratio = ""
        if self is not plain:
            ratio = f"{statistics.median(self.wall) / statistics.median(plain.wall):6.2f}x" \
                    f" (processor {statistics.median(self.cpu) / statistics.median(plain.cpu):.2f}x)"
        row(self.name, *show, ratio)


def row(name, *columns):
    print(f"{'import':<10} {name:<44} " + " ".join(f"{c:>12}" for c in columns), flush=True)


def core_node():
    """bitcoind, or None."""
    return os.environ.get("QUOIN_BITCOIND") or shutil.which("bitcoind")


def variants(with_core):
    yield Variant("generated chain, all scripts: quoind", built("quoind"))
    if os.path.exists(built(".libs/indexer.so")):
        yield Variant("  quoind, the indexer following", built("quoind"), indexer=True)
    else:
        row("  quoind, the indexer following", "-", "(built without plugins)")
    core = core_node()
    if core and with_core:
        yield Variant("  bitcoind", core, warm=True)
    elif with_core:
        row("  bitcoind", "-", "(no bitcoind in PATH, none named by QUOIN_BITCOIND)")


def chain_file(models):
    """Path and height. Made again when the generator is newer."""
    maker, path = built("tests/bench/gen_chain"), built(f"tests/bench/chain-{models}.dat")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(maker):
        subprocess.run([maker, path + ".new", str(models)], check=True, stdout=subprocess.DEVNULL)
        os.rename(path + ".new", path)
    return path, height_of(path)


def height_of(path):
    """Of the last block in a file of blocks."""
    height = at = 0
    with open(path, "rb") as f:
        while head := f.read(8):
            at += 8 + int.from_bytes(head[4:], "little")
            f.seek(at)
            height += 1
    return height


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--models", type=int, default=26, help="model blocks in the chain")
    p.add_argument("--smoke", action="store_true", help="once, with a small chain")
    a = p.parse_args()
    if a.smoke:
        a.reps = a.models = 1
    if a.filter not in "import: generated chain, quoind, indexer, bitcoind":
        return
    chain, height = chain_file(a.models)
    all_of = list(variants(not a.smoke))
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    try:
        for _ in range(min(a.reps, 9)):
            for v in all_of:
                v.run(chain, height, scratch)
    finally:
        shutil.rmtree(scratch)
    for v in all_of:
        v.report(all_of[0])


if __name__ == "__main__":
    main()
