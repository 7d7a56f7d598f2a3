"""Nodes that talk to each other: the chain of one becomes the chain of all."""
from framework import equal, same_tip, wait_until


def short(test):
    test.short = True
    return test


@short
def test_a_new_node_gets_the_whole_chain(case):
    a, b = case.node().start(), case.node().start()
    a.mine(260)
    b.join(a)
    same_tip(a, b)
    equal(b.getblockcount(), 260)
    wait_until("caught up", lambda: not b.getblockchaininfo()["initialblockdownload"])


def test_new_blocks_go_round(case):
    a, b, c = (case.node().start() for _ in range(3))
    a.mine(1)
    b.join(a)
    c.join(b)
    same_tip(a, b, c)
    for node in (a, b, c, a):
        node.mine(1)
        same_tip(a, b, c)
    a.mine(12)  # more than are told by their headers
    same_tip(a, b, c)
    equal(c.getblockcount(), 17)


@short
def test_after_a_partition_the_better_chain_wins(case):
    a, b, c = (case.node().start() for _ in range(3))
    a.mine(10)
    b.join(a)
    c.join(b)
    same_tip(a, b, c)
    c.part(b)
    lost = a.mine(5)
    won = c.mine(8, "52")
    same_tip(a, b)
    equal(a.getbestblockhash(), lost[-1])
    c.join(b)
    same_tip(a, b, c)
    equal(a.getbestblockhash(), won[-1])
    tips = {t["hash"]: t["status"] for t in a.getchaintips()}
    equal(tips[lost[-1]], "valid-fork")


def test_a_restart_in_the_middle_goes_on(case):
    a, b = case.node().start(), case.node().start()
    a.mine(600)
    b.join(a)
    wait_until("some blocks", lambda: b.getblockcount() > 20)
    b.kill()
    b.start()
    assert b.getblockcount() <= 600
    b.join(a)
    same_tip(a, b)
    b.restart()
    equal(b.getblockcount(), 600)


def test_two_sources_share_the_work(case):
    a, b, c = (case.node().start() for _ in range(3))
    a.mine(400)
    b.join(a)
    same_tip(a, b)
    c.addnode(a.address(), "onetry")
    c.addnode(b.address(), "onetry")
    same_tip(a, c)
    equal(c.getblockcount(), 400)
    peers = c.getpeerinfo()
    equal(len(peers), 2)
    for p in peers:
        equal(p["inflight"], [])
