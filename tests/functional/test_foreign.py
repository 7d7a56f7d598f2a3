"""A node of another family: bcoin 1.0.2 from npm. It needs node in PATH and QUOIN_BCOIN, a folder
where `npm install --ignore-scripts` has put bcoin@1.0.2 (with leveldown overridden by 6.1.1)."""
import json
import os
import shutil
import subprocess

from framework import TIMEOUT, Skip, equal, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
# bcoin's regtest has segregated witnesses only once miners have voted for them.
CONF = "testactivationheight=segwit@100000\ntestactivationheight=csv@100000\n"


class Bcoin:
    def __init__(self, case):
        folder = os.environ.get("QUOIN_BCOIN", "")
        if not os.path.isdir(os.path.join(folder, "node_modules", "bcoin")) or not shutil.which("node"):
            raise Skip("no bcoin: set QUOIN_BCOIN to a folder with node_modules/bcoin")
        self.port = free_port()
        self.err = open(os.path.join(case.dir, "bcoin.err"), "w+")
        self.process = subprocess.Popen(
            ["node", os.path.join(HERE, "bcoin_peer.js"), folder, str(self.port), str(free_port())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err, text=True,
            env={**os.environ, "NODE_BACKEND": "js", "HOME": case.dir})
        equal(self.answer(), "ready")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.err.seek(0)
            raise AssertionError(f"bcoin ended: {self.err.read()}")
        return json.loads(line)

    def call(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        got = self.answer()
        assert "error" not in got, got
        return got["result"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)


def with_bcoin(test):
    def run(case):
        b = Bcoin(case)
        try:
            test(case, b)
        finally:
            b.stop()
    return run


def same(node, b):
    wait_until("the same tip", lambda: b.call("tip") == [node.getblockcount(), node.getbestblockhash()])


def join(node, b):
    node.addnode(f"127.0.0.1:{b.port}", "onetry", False)
    wait_until("joined", lambda: b.call("peers") == 1)


def part(node, b):
    b.call("part")
    wait_until("parted", lambda: not node.getpeerinfo() and b.call("peers") == 0)


@with_bcoin
def test_bcoin_gets_our_chain_and_our_reorganisations(case, b):
    node = case.node(CONF).start()
    node.mine(120)
    b.call("connect", node.address())
    same(node, b)
    node.mine(5)
    same(node, b)
    fork = node.getblockhash(122)
    node.invalidateblock(fork)
    node.mine(6, "52")
    same(node, b)
    equal(b.call("tip")[0], 127)


@with_bcoin
def test_we_get_its_chain_and_its_reorganisations(case, b):
    node = case.node(CONF).start()
    b.call("mine", 60)
    join(node, b)
    same(node, b)
    equal(node.getpeerinfo()[0]["subver"].split(":")[0], "/bcoin")
    b.call("mine", 3)
    same(node, b)
    part(node, b)
    ours = node.mine(2)
    b.call("mine", 4)
    join(node, b)
    same(node, b)
    equal(node.getblockcount(), 67)
    equal({t["hash"]: t["status"] for t in node.getchaintips()}[ours[-1]], "valid-fork")


@with_bcoin
def test_it_follows_us_when_ours_is_the_better_chain(case, b):
    node = case.node(CONF).start()
    b.call("mine", 10)
    join(node, b)
    same(node, b)
    part(node, b)
    b.call("mine", 2)
    won = node.mine(5)
    b.call("connect", node.address())
    same(node, b)
    equal(b.call("tip"), [15, won[-1]])
    b.call("mine", 1)
    same(node, b)
    node.mine(1)
    same(node, b)
    equal(b.call("tip")[0], 17)
