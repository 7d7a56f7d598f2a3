"""Methods about peers: the fields that programs read, what is refused and how."""
from framework import equal, expect_error, wait_until

PEER = """id addr addrbind network services servicesnames relaytxes last_inv_sequence inv_to_send
    lastsend lastrecv last_transaction last_block bytessent bytesrecv conntime timeoffset pingtime minping version
    subver inbound bip152_hb_to bip152_hb_from presynced_headers synced_headers synced_blocks inflight
    addr_relay_enabled addr_processed addr_rate_limited permissions minfeefilter bytessent_per_msg bytesrecv_per_msg
    connection_type transport_protocol_type session_id""".split()


def short(test):
    test.short = True
    return test


def two(case):
    a, b = case.node().start("-debug=net"), case.node().start()
    a.mine(3)
    b.join(a)
    wait_until("both know", lambda: b.getpeerinfo()[0].get("minping") is not None
               and a.getpeerinfo() and a.getpeerinfo()[0].get("minping") is not None)
    wait_until("synced", lambda: b.getblockcount() == 3)
    return a, b


@short
def test_a_peer_has_every_field(case):
    a, b = two(case)
    mine, yours = b.getpeerinfo()[0], a.getpeerinfo()[0]
    equal(sorted(set(PEER) - set(mine)), [])
    equal(sorted(set(mine) - set(PEER)), [])
    equal((mine["inbound"], yours["inbound"]), (False, True))
    equal((mine["connection_type"], yours["connection_type"]), ("manual", "inbound"))
    equal((mine["addrbind"], yours["addrbind"]), (yours["addr"], mine["addr"]))
    equal(mine["network"], "not_publicly_routable")
    equal((mine["transport_protocol_type"], len(mine["session_id"])), ("v2", 64))
    equal(mine["session_id"], yours["session_id"])
    assert mine["synced_headers"] == 3 and mine["last_block"] > 0, mine
    assert sum(mine["bytesrecv_per_msg"].values()) <= mine["bytesrecv"], mine
    info = a.getnetworkinfo()
    equal((info["connections"], info["connections_in"], info["connections_out"]), (1, 1, 0))
    equal([x["name"] for x in info["networks"]], ["ipv4", "ipv6", "onion", "i2p", "cjdns"])
    equal(a.getconnectioncount(), 1)
    totals = a.getnettotals()
    assert totals["totalbytesrecv"] >= yours["bytesrecv"], totals
    info = b.getsyncinfo()
    equal((info["phase"], info["blocks"], info["connections"]), ("synced", 3, 1))


def test_what_is_refused(case):
    a, b = two(case)
    usage = a.help("addnode")
    expect_error(-1, usage, a.addnode, "1.2.3.4", "perhaps")
    for command in ("add", "remove", "onetry"):
        expect_error(-8, "Error: Node address cannot be empty", a.addnode, " ", command)
    expect_error(-24, "Error: Node could not be removed. It has not been added previously.", a.addnode, "1.2.3.4",
                 "remove")
    expect_error(-24, "Error: Node has not been added.", a.getaddednodeinfo, "1.2.3.4")
    expect_error(-29, "Node not found in connected nodes", a.disconnectnode, "1.2.3.4:5")
    expect_error(-29, "Node not found in connected nodes", a.disconnectnode, "", 99)
    expect_error(-32602, "Only one of address and nodeid should be provided.", a.disconnectnode)
    expect_error(-32602, "Only one of address and nodeid should be provided.", a.disconnectnode, "1.2.3.4:5", 0)
    expect_error(-1, a.help("setban"), a.setban, "1.2.3.4", "perhaps")
    expect_error(-8, a.help("addconnection"), a.addconnection, "127.0.0.1:1", "perhaps", False)
    expect_error(-32601, a.help("generate"), a.generate)
    equal(a.getconnectioncount(), 1)
    equal(b.getconnectioncount(), 1)


def test_an_added_node_is_known_by_any_spelling(case):
    a = case.node().start()
    a.addnode("127.0.0.1:1", "add")
    for same in ("127.0.0.1:1", "127.1:1", "0x7f000001:1", "[::ffff:127.0.0.1]:1"):
        expect_error(-23, "Error: Node already added", a.addnode, same, "add")
    for other in ("127.1:2", "127.0.0.2:1", "name.example:1", "name.example"):
        a.addnode(other, "add")
    expect_error(-23, "Error: Node already added", a.addnode, "name.example:1", "add")
    expect_error(-24, "Error: Node could not be removed. It has not been added previously.", a.addnode, "127.1:1",
                 "remove")
    a.addnode("127.0.0.1:1", "remove")
    a.addnode("127.1:1", "add")
    equal(sorted(n["addednode"] for n in a.getaddednodeinfo()),
          ["127.0.0.2:1", "127.1:1", "127.1:2", "name.example", "name.example:1"])


def test_a_message_of_any_kind_is_sent(case):
    a, b = two(case)
    peer = a.getpeerinfo()[0]["id"]
    equal(a.sendmsgtopeer(peer, "nonsense", "ffffff"), {})
    wait_until("counted", lambda: "*other*" in b.getpeerinfo()[0]["bytesrecv_per_msg"])
    before = b.getpeerinfo()[0]["bytesrecv_per_msg"].get("getaddr", 0)
    equal(a.sendmsgtopeer(peer, "getaddr", ""), {})
    wait_until("an empty one", lambda: b.getpeerinfo()[0]["bytesrecv_per_msg"].get("getaddr", 0) > before)
    expect_error(-8, "Error: msg_type too long, max length is 12", a.sendmsgtopeer, peer, "much_too_long", "")
    expect_error(-8, "Error parsing input for msg", a.sendmsgtopeer, peer, "addr", "f")
    expect_error(-1, "Error: Could not send message to peer", a.sendmsgtopeer, 99, "addr", "ff")
    expect_error(-1, "Error: Could not send message to peer", a.sendmsgtopeer, peer, "addr", "00" * 16000001)
    equal(a.sendmsgtopeer(peer, "addr", "00" * 4000013), {})  # v2 has room for a long name
    wait_until("more than is allowed costs the connection", lambda: not b.getpeerinfo())


def test_the_network_goes_off_and_on(case):
    a, b = two(case)
    equal(a.setnetworkactive(False), False)
    wait_until("closed", lambda: a.getconnectioncount() == b.getconnectioncount() == 0)
    equal(a.getnetworkinfo()["networkactive"], False)
    equal(a.setnetworkactive(True), True)
    b.join(a)
    wait_until("again", lambda: a.getconnectioncount() == 1)
