"""Networks of quoind and bitcoind, and of bcoin where it knows the rules: they sync, relay, part and
heal; and either opens the folder of the other."""
import os
import shutil

from bitcoind import Bitcoind
from framework import Node, equal, same_tip, wait_until
from test_foreign import CONF, Bcoin, join as join_bcoin

PATIENT = 120


def chain_of(*nodes):
    """Connected in a row."""
    for n in nodes:
        n.start()
    for a, b in zip(nodes, nodes[1:]):
        b.join(a)


def swing(nodes, chain_mine):
    """Cut in the middle, both halves mine, the longer branch wins everywhere; then the other way."""
    half = len(nodes) // 2
    left, right = nodes[half - 1], nodes[half]
    for k in range(2):
        right.part(left)
        short, long = (nodes[0], nodes[-1]) if k == 0 else (nodes[-1], nodes[0])
        lost = chain_mine(short, 1 + k, f"5{1 + 2 * k}")
        won = chain_mine(long, 2 + k, f"5{2 + 2 * k}")
        same_tip(*nodes[:half])
        same_tip(*nodes[half:])
        assert left.getbestblockhash() != right.getbestblockhash()
        right.join(left)
        same_tip(*nodes, timeout=PATIENT)
        equal(nodes[0].getbestblockhash(), won[-1])
        status = {t["hash"]: t["status"] for t in short.getchaintips()}
        equal(status[lost[-1]], "valid-fork")


def same_coins(*nodes):
    equal(len({n.gettxoutsetinfo("muhash")["muhash"] for n in nodes}), 1)


def test_a_regtest_network_with_bitcoind_parts_and_heals(case):
    nodes = [case.node(), case.node(kind=Bitcoind), case.node(), case.node(kind=Bitcoind),
             case.node()]
    chain_of(*nodes)
    nodes[1].mine(20)
    same_tip(*nodes)
    nodes[4].mine(20)
    same_tip(*nodes)
    swing(nodes, lambda n, k, script: n.mine(3 * k, script))
    same_coins(*nodes)


def test_a_network_under_bip94_parts_and_heals(case):
    """The rules of testnet4, whose proof of work is too much for a test."""
    conf = "test=bip94\n"
    nodes = [case.node(conf), case.node(conf, kind=Bitcoind), case.node(conf)]
    chain_of(*nodes)
    nodes[0].mine(150)  # over a retarget (144)
    same_tip(*nodes)
    nodes[1].mine(150)
    same_tip(*nodes)
    swing(nodes, lambda n, k, script: n.mine(k, script))
    same_coins(*nodes)


def test_nodes_meet_on_testnet4(case):
    nodes = [case.node(chain="testnet4"), case.node(chain="testnet4", kind=Bitcoind),
             case.node(chain="testnet4")]
    chain_of(*nodes)
    equal({n.getblockhash(0) for n in nodes},
          {"00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"})
    for n in nodes:
        equal({p["subver"].split(":")[0] for p in n.getpeerinfo()} <= {"/Quoin", "/Satoshi"}, True)


def test_a_signet_of_ones_own_parts_and_heals(case):
    conf = "signetchallenge=51\n"
    nodes = [case.node(conf, chain="signet"), case.node(conf, chain="signet", kind=Bitcoind),
             case.node(conf, chain="signet")]
    chain_of(*nodes)
    nodes[0].mine(2)
    same_tip(*nodes, timeout=PATIENT)
    nodes[1].mine(1, "52")
    same_tip(*nodes, timeout=PATIENT)
    swing(nodes, lambda n, k, script: n.mine(k, script))
    same_coins(*nodes)


def test_bcoin_between_quoind_and_bitcoind(case):
    b = Bcoin(case)
    try:
        ours, core = case.node(CONF), case.node(CONF, kind=Bitcoind)
        ours.start()
        core.start()
        join_bcoin(ours, b)
        b.call("connect", core.address())
        for miner in (ours, core, ours):
            miner.mine(15)
            same_tip(ours, core)
        b.call("mine", 5)
        wait_until("bcoin's blocks are everywhere", lambda: {
            n.getbestblockhash() for n in (ours, core)} == {b.call("tip")[1]})
        equal(ours.getblockcount(), 50)
    finally:
        b.stop()


def hand_over(case, first, second):
    """A chain with a reorganisation, made by the one, opened, checked and continued by the other, and
    given back."""
    a = case.node(kind=first).start()
    a.mine(30)
    a.invalidateblock(a.getblockhash(25))
    a.mine(120, "52")
    was = a.gettxoutsetinfo("muhash")
    a.stop()
    b = case.node(kind=second)
    for part in ("blocks", "chainstate"):
        os.makedirs(b.chain_dir, exist_ok=True)
        shutil.copytree(a.path(part), b.path(part))
    b.start()
    equal(b.gettxoutsetinfo("muhash")["muhash"], was["muhash"])
    equal(b.call("verifychain", 4, 0), True)
    b.mine(10)
    now = b.gettxoutsetinfo("muhash")
    b.stop()
    for part in ("blocks", "chainstate"):
        shutil.rmtree(a.path(part))
        shutil.copytree(b.path(part), a.path(part))
    a.start()
    equal(a.gettxoutsetinfo("muhash")["muhash"], now["muhash"])
    equal(a.call("verifychain", 4, 0), True)


def test_bitcoind_takes_over_our_folder_and_gives_it_back(case):
    hand_over(case, Node, Bitcoind)


def test_we_take_over_the_folder_of_bitcoind_and_give_it_back(case):
    hand_over(case, Bitcoind, Node)
