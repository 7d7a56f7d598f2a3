"""Several nodes on one machine: parted and joined again, killed and started again while they sync;
in the end all have the chain with most work."""
import random

from framework import equal, same_tip, wait_until

# Nodes that come back find each other again by themselves.
PATIENT = 120


def start_ring(nodes):
    """Each keeps a connection to the next. A node that knows nothing yet asks one peer for headers
    and the others once they announce a block: so it is after this that blocks are mined."""
    for i, node in enumerate(nodes):
        node.start(f"-addnode={nodes[(i + 1) % len(nodes)].address()}")
    for i, node in enumerate(nodes):
        wait_until("connected", lambda: any(
            p["addr"] == nodes[(i + 1) % len(nodes)].address() and p["bytesrecv_per_msg"].get("pong")
            for p in node.getpeerinfo()))


def ring(case, n):
    nodes = [case.node() for _ in range(n)]
    start_ring(nodes)
    return nodes


def cut(group, other):
    """No connection between the two groups, and none comes back."""
    for a in group:
        for b in other:
            for x, y in ((a, b), (b, a)):
                if any(n["addednode"] == y.address() for n in x.getaddednodeinfo()):
                    x.addnode(y.address(), "remove")
                if any(p["addr"] == y.address() for p in x.getpeerinfo()):
                    x.part(y)


def test_a_partition_heals(case):
    nodes = ring(case, 5)
    nodes[0].mine(30)
    same_tip(*nodes)
    left, right = nodes[:2], nodes[2:]
    cut(left, right)
    left[0].mine(7)
    won = right[0].mine(9, "52")
    same_tip(*left)
    same_tip(*right)
    assert left[0].getbestblockhash() != right[0].getbestblockhash()
    left[1].mine(1)
    same_tip(*left)
    left[0].addnode(right[-1].address(), "add")
    same_tip(*nodes, timeout=PATIENT)
    equal(nodes[0].getbestblockhash(), won[-1])
    for n in nodes:
        equal(n.getblockcount(), 39)


def test_the_tip_swings_back_across_a_partition(case):
    """Both sides take turns to be ahead: each join ends on the longer one, for all."""
    a, b, c, d = (case.node().start() for _ in range(4))
    a.mine(5)
    b.join(a)
    c.join(b)
    d.join(c)
    same_tip(a, b, c, d)
    for k in range(4):
        c.part(b)
        one, two = (a, d) if k % 2 else (d, a)
        one.mine(2, f"5{k + 1}")
        won = two.mine(3, f"5{k + 5}")
        same_tip(a, b)
        same_tip(c, d)
        c.join(b)
        same_tip(a, b, c, d, timeout=PATIENT)
        equal(a.getbestblockhash(), won[-1])
    equal(a.getblockcount(), 5 + 4 * 3)
    equal(len({t["hash"] for n in (a, d) for t in n.getchaintips()}), 1 + 4)  # each lost branch


def test_a_storm_of_restarts(case):
    rand = random.Random(3)
    nodes = ring(case, 4)
    nodes[0].mine(400)
    for k in range(12):
        i = rand.randrange(1, 4)
        nodes[i].kill()
        if k % 3 == 0:
            nodes[0].mine(5)
        nodes[i].start(f"-addnode={nodes[(i + 1) % 4].address()}", f"-addnode={nodes[0].address()}")
    nodes[0].mine(1)
    same_tip(*nodes, timeout=PATIENT)
    assert nodes[0].getblockcount() >= 420
    for n in nodes:
        equal(n.call("verifychain", 3, 50), True)


def test_all_are_killed_at_once(case):
    nodes = ring(case, 4)
    nodes[0].mine(100)
    same_tip(*nodes)
    for n in nodes:
        n.kill()
    start_ring(nodes)
    nodes[2].mine(100)
    same_tip(*nodes, timeout=PATIENT)
    assert nodes[0].getblockcount() >= 100
