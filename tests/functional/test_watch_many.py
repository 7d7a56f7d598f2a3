"""Very many scripts, watched by an isolated plugin on a node that syncs: not one hit is missed, and
none is told that is not there. QUOIN_MANY is how many (20,000; 1,000,000 for the whole thing),
QUOIN_MODELS how many blocks as large as mainnet's the chain has (1)."""
import os
import random

import many
from framework import Skip, equal, same_tip, wait_until
from plugin_node import running
from test_watch import short

LONG = 900


@short
def test_a_crowd_of_scripts_misses_nothing_while_the_node_syncs(case):
    n, models = (int(os.environ.get(k, d)) for k, d in (("QUOIN_MANY", "20000"), ("QUOIN_MODELS", "1")))
    path = os.path.join(case.dir, "chain.dat")
    blocks = many.chain(path, models)
    brute = many.Brute(blocks)
    r = random.Random(7)
    everything = sorted(brute.scripts() - {b""})
    named = r.sample(everything, min(len(everything), max(n // 20, 500)))
    source, node = case.node("maxtipage=1000000000\n"), case.node("maxtipage=1000000000\nassumevalid=0\n")
    source.spawn(f"-loadblock={path}")
    many.grant(node)
    node.start()
    running(node, many.ID)
    # The grant counts all of them together.
    crowd = (n - len(named)) * 10 // 11 - 1
    got = node.call("good.crowd", crowd, 10)
    equal((got["status"], got["scripts"], got["outpoints"]), (0, crowd, (crowd + 9) // 10))
    late = len(named) // 4
    for k in range(late, len(named), 500):
        equal(node.call("good.named", [s.hex() for s in named[k:k + 500]])["status"], 0)
    wait_until("the chain is there", lambda: source.getblockcount() == len(blocks)
               if ready(source) else False, LONG)
    node.join(source)
    same_tip(node, source, timeout=LONG)
    wait_until("it was told", lambda: node.call("good.counts")["height"] == node.getblockcount(), LONG)
    got = node.call("good.counts")
    equal((got["hits"], got["sum"], got["strange"]), (*brute.hits(set(named[late:])), 0))
    assert got["hits"] > 0, got
    # Those that come late are found by a rescan, among the others.
    equal(node.call("good.named", [s.hex() for s in named[:late]])["status"], 0)
    equal(node.call("good.rescan", 0)["status"], 0)
    wait_until("it was looked through", lambda: node.call("good.counts")["scans"] == 0, LONG)
    got = node.call("good.counts")
    equal((got["scanned"], got["scanned_sum"], got["strange"]), (*brute.hits(set(named)), 0))
    # A reorganisation takes the last blocks away.
    node.part(source)
    top = len(blocks)  # the file begins behind genesis
    node.invalidateblock(node.getblockhash(top))
    wait_until("it was told", lambda: node.call("good.counts")["height"] == top - 1, LONG)
    got = node.call("good.counts")
    lost = brute.hits(set(named), top - 1)
    equal(got["hits"], brute.hits(set(named[late:]))[0] - lost[0])
    node.stop()
    source.stop()


def faults(pid):
    """Pages that the system had to give the process, or give back."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return int(f.read().rpartition(")")[2].split()[7])


def test_large_calls_find_the_memory_of_those_before(case):
    node = case.node()
    many.grant(node)
    node.start()
    with open(f"/proc/{node.process.pid}/maps", encoding="utf-8") as f:
        libraries = f.read()
        if "libasan" in libraries or "libtsan" in libraries:
            raise Skip("another allocator")
    running(node, many.ID)
    pid, calls = node.getplugininfo(many.ID)["pid"], 5
    equal(node.call("good.crowd", 65536)["status"], 0)
    equal(node.call("good.crowd", 65536)["status"], 0)
    before = faults(pid)
    equal(node.call("good.crowd", calls * 65536)["status"], 0)
    # Its lists and the message that they make are two thousand pages.
    assert faults(pid) - before < calls * 200, faults(pid) - before
    node.stop()


def ready(node):
    try:
        return node.getmempoolinfo()["loaded"]
    except Exception:  # noqa: B902: it does not answer yet
        return False
