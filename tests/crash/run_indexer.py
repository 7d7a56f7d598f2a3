#!/usr/bin/env python3
"""The node with the indexer plugin, killed and crashed during an import with reorganisations.

usage: run_indexer.py [--long] [--seed N]

One series submits a file of blocks in its order, with a coin flush now and then, to a node that is
struck down again and again and started anew, until the import is complete. `kill` is kill -9 at a
file-system call, or while a block is being processed; `crash` takes all away that was not synced,
of the node and of the plugin's store alike. After each start: the index opens where it last said it
was, or later, and never has to start afresh or to search for the fork. At the end of a series its
answers are right; so they are after its store was deleted.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import time

from faults import BUILD, KILLED, Suite, environment, read_count, run, vectors

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functional"))
import framework  # noqa: E402

SHORT = {"kill": 12, "crash": 12}
LONG = {"kill": 200, "crash": 200}
PLUGIN = "org.quoin.indexer"
OPTIONS = "-dbcache=4 -dbbatchsize=4096 -fastprune=1 -checklevel=4 -printtoconsole=0".split()
MADE_SEED = "1"
FLUSH_EVERY = 10  # blocks
STATUS_EVERY = 3
SHARE = 6  # a start is struck down within a 1/SHARE of the calls of a whole import
STRIKES = 25  # at most in one import


class Died(Exception):
    pass


class Node(framework.Node):
    """A quoind whose chain folder is under the shim; log, cookie and counts lie outside of it."""

    def __init__(self, case):
        super().__init__(case, "node", f"plugindir={BUILD}/.libs\n")
        self.outside = os.path.join(case.dir, "outside")
        os.mkdir(self.outside)
        self.count = os.path.join(self.outside, "count")
        code, out, err = run([framework.program("quoin-plugin"), f"-datadir={self.datadir}", "-yes",
                              "enable", "indexer"])
        assert code == 0, out + err
        with open(os.path.join(self.chain_dir, "plugins.d", PLUGIN + ".grant"), "a") as f:
            f.write("[limits]\ncpu = normal\n")  # nobody else's work decides a test

    def log(self):
        try:
            with open(os.path.join(self.outside, "debug.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def cookie(self):
        with open(os.path.join(self.outside, "cookie")) as f:
            return f.read()

    def spawn(self, point=None, lie=False):
        self.log_at = len(self.log())
        self.err = open(os.path.join(self.outside, "stderr"), "w+")
        places = [f"-{o}={self.outside}/{f}" for o, f in
                  (("debuglogfile", "debug.log"), ("rpccookiefile", "cookie"), ("pid", "pid"))]
        env = environment(self.chain_dir, self.count, point, lie)
        self.process = subprocess.Popen(
            [framework.program("quoind"), f"-datadir={self.datadir}", *OPTIONS, *places], env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.err)

    def basic(self):
        return "Basic " + base64.b64encode(self.cookie().encode()).decode()

    def try_call(self, method, *params):
        """As call(), but Died when the node is gone."""
        try:
            return self.call(method, *params)
        except (OSError, http.client.HTTPException):
            self.gone()
            raise Died from None

    def gone(self):
        """It does not answer: it must have been killed."""
        code = self.process.wait(framework.TIMEOUT)
        self.process = None
        assert code in (KILLED, -9), f"status {code}: {self.stderr()}"

    def new_log(self):
        return self.log()[self.log_at:]

    def start(self, point=None, lie=False):
        """Until the indexer answers."""
        self.spawn(point, lie)
        deadline = time.monotonic() + framework.TIMEOUT
        while True:
            if self.process.poll() is not None:
                self.gone()
                raise Died
            try:
                return self.call("indexer.status")
            except (OSError, http.client.HTTPException, framework.RpcError) as e:
                assert time.monotonic() < deadline, f"not ready: {e}"
            time.sleep(0.01)


class Series:
    """One import over many starts."""

    def __init__(self, world, folder, lie=False):
        self.world, self.lie = world, lie
        case = framework.Case.__new__(framework.Case)
        case.dir, case.nodes = folder, []
        self.node = Node(case)
        self.at = 0  # blocks submitted and not known to be lost
        self.reported = None  # height the index last said it had, durable
        self.struck = 0

    def has(self, k):
        try:
            self.node.try_call("getblock", self.world.hashes[k], 0)
            return True
        except framework.RpcError:
            return False

    def opened(self):
        """What the log says of how the index came up."""
        log = self.node.new_log()
        for bad in ("built again from the first block", "rolling back to the fork", "[bug]"):
            assert bad not in log, [line for line in log.splitlines() if bad in line]
        mark = "index opened at height "
        at = log.find(mark)
        height = int(log[at + len(mark):].split()[0]) if at >= 0 else -1
        floor = -1 if self.reported is None else self.world.floor(self.reported)
        assert height >= floor, f"the index had reported height {self.reported} and opened at {height}"

    def feed(self, kill_after=None):
        """Submit what is left. kill_after: kill -9 while that submission is being processed."""
        n, world = self.node, self.world
        while self.at > 0 and not self.has(self.at - 1):
            self.at -= 1
        while self.at < len(world.blocks):
            if kill_after == 0:
                self.kill_in_flight()
            n.try_call("submitblock", world.blocks[self.at])
            self.at += 1
            if self.at % FLUSH_EVERY == 0:
                n.try_call("gettxoutsetinfo", "none")
            if self.at % STATUS_EVERY == 0:
                self.reported = n.try_call("indexer.status")["tip"]["height"]
            kill_after = None if kill_after is None else kill_after - 1

    def kill_in_flight(self):
        """The request is sent, nobody waits for its answer."""
        n = self.node
        body = json.dumps({"id": 1, "method": "submitblock", "params": [self.world.blocks[self.at]]})
        conn = n.connect()
        conn.request("POST", "/", body, {"Authorization": n.basic()})
        n.process.kill()
        conn.close()
        n.gone()
        raise Died

    def one_start(self, point, kill_after):
        """True: the import is complete and the node stopped in peace."""
        try:
            self.node.start(point, self.lie)
            self.opened()
            self.feed(kill_after)
            self.node.try_call("stop")
            code = self.node.process.wait(framework.TIMEOUT)
            self.node.process = None
            assert code in (0, KILLED), f"status {code} at the stop: {self.node.stderr()}"
            self.struck += code != 0
            return code == 0
        except Died:
            self.struck += 1
            return False

    def strike(self, rng, kind, most):
        """Starts until the import is complete, or `most` of them were struck down."""
        while self.struck < most:
            point, kill_after = None, None
            if kind == "kill" and rng.randrange(2):
                kill_after = rng.randrange(len(self.world.blocks) // SHARE)
            else:
                point = ("stop" if kind == "kill" else kind, rng.randrange(1, self.world.calls // SHARE))
            if self.one_start(point, kill_after):
                return

    def indexed(self):
        def at_tip():
            # An index that has no block yet has a tip of height -1, without a hash.
            return self.node.call("indexer.status")["tip"].get("hash") == self.world.tip
        framework.wait_until("the index at the tip", at_tip)

    def end(self):
        if self.node.process:
            self.node.process.kill()
            self.node.process.wait()

    def finish(self):
        """Without faults: everything is right, and again with a new index."""
        n = self.node
        n.start()
        self.opened()
        self.feed()
        self.indexed()
        self.world.check(n)
        n.call("stop")
        n.wait_exit()
        shutil.rmtree(os.path.join(n.chain_dir, "plugins", PLUGIN))
        n.start()
        self.indexed()
        self.world.check(n)
        n.call("stop")
        n.wait_exit()


class World:
    """The blocks and the right answers."""

    def __init__(self, suite):
        recorded = vectors("regtest-mixed/blocks.dat")
        file = recorded or os.path.join(suite.dir, "made.dat")
        if not recorded:
            code, _, err = run([os.path.join(BUILD, "tests", "crash", "crash_import"), "make", MADE_SEED, file])
            assert code == 0, err
        self.blocks = list(frames(file))
        self.hashes = [block_hash(b) for b in self.blocks]
        folder = os.path.join(suite.dir, "clean")
        os.mkdir(folder)
        clean = Series(self, folder)
        self.answers, self.forks = None, []
        n = clean.node
        n.start()
        clean.feed()
        tips = n.call("getchaintips")
        self.tip = next(t["hash"] for t in tips if t["status"] == "active")
        self.forks = [(t["height"] - t["branchlen"], t["height"]) for t in tips if t["branchlen"]]
        clean.indexed()
        n.call("stop")
        n.wait_exit()
        self.calls = read_count(n.count)  # of the import alone: reading opens files too
        n.start()
        self.answers = from_vectors(recorded) if recorded else from_blocks(n)
        self.muhash = n.call("gettxoutsetinfo", "muhash")["muhash"]
        if recorded:
            with open(vectors("regtest-mixed/expected.json")) as f:
                want = json.load(f)
            framework.equal((self.tip, self.muhash), (want["tip"], want["utxo"]["muhash"]))
        assert self.forks, "the chain has no reorganisation"
        self.check(n)
        n.call("stop")
        n.wait_exit()
        print(f"{'recorded' if recorded else 'made'} chain: {len(self.blocks)} blocks, {self.calls} calls, "
              f"{len(self.answers['histories'])} scripts, {len(self.answers['spends'])} spends", flush=True)

    def floor(self, height):
        """The lowest height an index may open at that was at `height` before: a branch may have been
        left since."""
        return min([fork for fork, top in self.forks if fork <= height <= top] + [height])

    def check(self, n):
        framework.equal(n.call("getbestblockhash"), self.tip)
        framework.equal(n.call("gettxoutsetinfo", "muhash")["muhash"], self.muhash)
        for script, want in self.answers["histories"].items():
            got = n.call("indexer.history", f"script:{script}")["history"]
            framework.equal([[e["height"], e["position"], e["txid"]] for e in got], want)
        for outpoint, want in self.answers["spends"].items():
            txid, vout = outpoint.split(":")
            got = n.call("indexer.spender", txid, int(vout))
            framework.equal([got["txid"], got["input"], got["height"]], want)


def frames(path):
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while at + 8 < len(data):
        size = int.from_bytes(data[at + 4:at + 8], "little")
        yield data[at + 8:at + 8 + size].hex()
        at += 8 + size


def block_hash(raw):
    once = hashlib.sha256(bytes.fromhex(raw[:160])).digest()
    return hashlib.sha256(once).digest()[::-1].hex()


def from_vectors(recorded):
    with open(os.path.join(os.path.dirname(recorded), "expected.json")) as f:
        want = json.load(f)
    return {"histories": {s["script"]: s["history"] for s in want["scripts"]},
            "spends": {s["outpoint"]: [s["spent_by"], s["input"], s["height"]] for s in want["spends"]}}


def from_blocks(n):
    """Right answers by a plain walk over the node's blocks."""
    histories, spends = {}, {}
    for height in range(1, n.call("getblockcount") + 1):
        block = n.call("getblock", n.call("getblockhash", height), 3)
        for position, tx in enumerate(block["tx"]):
            scripts = {o["scriptPubKey"]["hex"] for o in tx["vout"]}
            for k, i in enumerate(tx["vin"]):
                if "txid" not in i:
                    continue
                scripts.add(i["prevout"]["scriptPubKey"]["hex"])
                spends[f"{i['txid']}:{i['vout']}"] = [tx["txid"], k, height]
            for s in scripts:
                histories.setdefault(s, []).append([height, position, tx["txid"]])
    return {"histories": {s: h for s, h in histories.items() if s}, "spends": spends}


def run_kind(suite, world, kind, wanted):
    """Series until `wanted` points struck."""
    struck = series = 0
    failed = suite.failed
    while struck < wanted and suite.failed < failed + 5:
        series += 1
        rng = random.Random(f"{suite.seed} {kind} {series}")
        most = min(STRIKES, wanted - struck)
        held = []

        def case(folder):
            s = Series(world, folder)
            held.append(s)
            try:
                s.strike(rng, kind, most)
                s.finish()
            finally:
                s.end()
        suite.one(f"{kind}, series {series}", case)
        struck += held[0].struck if held else 0
    print(f"{kind}: {struck} points in {series} imports, {suite.failed - failed} failed", flush=True)


def lying_disk(suite, world):
    """A series on a disk whose syncs do nothing must not pass."""
    def case(folder):
        s = Series(world, folder, lie=True)
        try:
            s.strike(random.Random(suite.seed), "crash", STRIKES)
        finally:
            s.end()
    why = suite.attempt("lying disk", case)

    def noticed(_):
        assert why, "syncs that do nothing were not noticed"
    suite.one("the mutant whose fdatasync does nothing fails", noticed)
    print("lying disk:", why.splitlines()[0] if why else "not noticed", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    suite = Suite("indexer", o.seed)
    world = World(suite)
    for kind, wanted in (LONG if o.long else SHORT).items():
        run_kind(suite, world, kind, wanted)
    lying_disk(suite, world)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
