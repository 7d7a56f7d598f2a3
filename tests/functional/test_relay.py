"""Transactions that peers announce, send and ask for, while there is no pool of them: manners only."""
import struct

from framework import equal
from handmade import MSG_TX, Peer, coinbase, inv

LOG = "debug=net\n"
MSG_WTX = 5


def short(test):
    test.short = True
    return test


@short
def test_nobody_need_announce_what_is_not_kept(case):
    node = case.node(LOG).start()
    p = Peer(node)
    equal([m for n, m in p.seen if n == "feefilter"], [struct.pack("<q", 9936506)])
    p.ask("feefilter", struct.pack("<q", 150))
    assert "received: feefilter of 0.00000150 BTC/kvB" in node.log()
    p.ask("feefilter", struct.pack("<q", -5))
    p.ask("feefilter", b"123")
    equal(str(node.getpeerinfo()[0]["minfeefilter"]), str(0.0000015))
    equal(p.ask("tx", coinbase(5)) + p.ask("tx", b"\1\2") + p.ask("inv", inv((MSG_TX, "12" * 32))), [])
    equal(p.ask("notfound", inv((MSG_TX, "12" * 32))), [])
    equal([n for n, _ in p.ask("getdata", inv((MSG_TX, "12" * 32), (MSG_WTX, "13" * 32)))], ["notfound"])
    equal(node.getnetworkinfo()["localrelay"], True)


@short
def test_who_was_told_to_send_none_and_does_is_dropped(case):
    node = case.node(LOG + "blocksonly=1\n").start()
    equal(node.getnetworkinfo()["localrelay"], False)
    p = Peer(node)
    equal([n for n, _ in p.seen if n == "feefilter"], [])
    p.rejected("tx", coinbase(5), "transaction sent in violation of protocol, disconnecting peer=0")
    p = Peer(node)
    p.ask("inv", inv((MSG_WTX, "12" * 32)))  # a name that was not agreed upon
    p.rejected("inv", inv((MSG_TX, "12" * 32)),
               "transaction (%s) inv sent in violation of protocol, disconnecting peer=1" % ("12" * 32))
    p = Peer(node, early=["wtxidrelay"])
    p.ask("inv", inv((MSG_TX, "12" * 32)))
    p.rejected("inv", inv((MSG_WTX, "12" * 32)), "inv sent in violation of protocol, disconnecting peer=2")
    node.restart("-whitelist=relay@127.0.0.1")
    p = Peer(node)
    equal(p.ask("tx", coinbase(5)) + p.ask("inv", inv((MSG_TX, "12" * 32))), [])


def test_what_is_agreed_upon_afterwards_costs_the_connection(case):
    node = case.node(LOG).start()
    Peer(node).rejected("wtxidrelay", b"", "wtxidrelay received after verack, disconnecting peer=0")
