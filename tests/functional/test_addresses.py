"""Known addresses and bans: methods, options, files over a restart."""
import json
import os
import socket
import time

from framework import equal, expect_error, wait_until

ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"


def short(test):
    test.short = True
    return test


def listed(n):
    return [b["address"] for b in n.listbanned()]


@short
def test_bans_come_and_go(case):
    n = case.node().start()
    equal(n.listbanned(), [])
    equal(n.setban("127.0.0.0/24", "add"), None)
    expect_error(-23, "Error: IP/Subnet already banned", n.setban, "127.0.0.1", "add")
    equal(n.setban("1.2.3.4", "add", 60), None)
    expect_error(-23, "Error: IP/Subnet already banned", n.setban, "127.0.0.0/24", "add")
    equal(n.setban("127.0.0.0/23", "add"), None)
    expect_error(-30, "Error: Invalid IP/Subnet", n.setban, "127.0.0.1/42", "add")
    expect_error(-30, "Error: Invalid IP/Subnet", n.setban, "0.0.0.0", "add")
    expect_error(-8, "Error: Absolute timestamp is in the past", n.setban, "9.9.9.9", "add", 1, True)
    expect_error(-30, "Error: Unban failed. Requested address/subnet was not previously manually banned.",
                 n.setban, "9.9.9.9", "remove")
    equal(n.setban(ONION, "add", int(time.time()) + 500, True), None)
    equal(listed(n), ["1.2.3.4/32", "127.0.0.0/23", "127.0.0.0/24", ONION])
    equal(n.listbanned()[0]["ban_duration"], 60)
    n.restart("-bantime=1234")
    equal(n.setban("127.0.0.0/24", "remove"), None)
    equal(n.setban("::1", "add"), None)
    equal(listed(n), ["1.2.3.4/32", "127.0.0.0/23", "::1/128", ONION])
    equal(n.listbanned()[2]["ban_duration"], 1234)
    n.setmocktime(int(time.time()) + 61 + 5)
    equal(listed(n), ["127.0.0.0/23", "::1/128", ONION])
    with open(n.path("banlist.json")) as f:
        equal(len(json.load(f)["banned_nets"]), 4)
    equal(n.clearbanned(), None)
    equal(n.listbanned(), [])
    n.stop()


def test_banned_peers_are_dropped_and_kept_out(case):
    n = case.node().start("-debug=net")
    with open(os.path.join(n.datadir, "quoin.conf")) as f:
        port = int(next(line for line in f if line.startswith("port=")).split("=")[1])
    with socket.create_connection(("127.0.0.1", port)) as peer:
        wait_until("connected", lambda: n.getconnectioncount() == 1)
        n.setban("127.0.0.1", "add")
        wait_until("dropped", lambda: n.getconnectioncount() == 0)
        equal(peer.recv(1), b"")
    with socket.create_connection(("127.0.0.1", port)) as peer:
        equal(peer.recv(1), b"")
    assert "dropped (banned)" in n.log()
    n.clearbanned()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        wait_until("connected", lambda: n.getconnectioncount() == 1)
    n.stop()


@short
def test_addresses_are_kept(case):
    n = case.node().start("-test=addrman", "-checkaddrman=1")
    equal(n.getnodeaddresses(), [])
    equal(n.addpeeraddress("1.2.3.4", 8333, True), {"success": True})
    equal(n.addpeeraddress("1.2.3.4", 8333), {"error": "failed-adding-to-new", "success": False})
    equal(n.addpeeraddress("2.0.0.0", 8333), {"success": True})
    equal(n.addpeeraddress(ONION, 8333), {"success": True})
    expect_error(-30, "Invalid IP address", n.addpeeraddress, "example.org", 8333)
    expect_error(-1, "JSON integer out of range", n.addpeeraddress, "1.2.3.4", 65536)
    expect_error(-8, "Address count out of range", n.getnodeaddresses, -1)
    expect_error(-8, "Network not recognized: tor3", n.getnodeaddresses, 1, "tor3")
    expect_error(-1, "No embedded ASMap data available", n.exportasmap, "x")
    n.restart("-test=addrman", "-checkaddrman=1")
    assert "Loaded 3 addresses from peers.dat" in n.log()
    equal(len(n.getnodeaddresses(0)), 3)
    equal(len(n.getnodeaddresses()), 1)
    [onion] = n.getnodeaddresses(5, "onion")
    equal((onion["address"], onion["port"], onion["services"], onion["network"]),
          (ONION, 8333, 9, "onion"))
    info = n.getaddrmaninfo()
    equal(info["all_networks"], {"new": 2, "tried": 1, "total": 3})
    equal(info["onion"], {"new": 1, "tried": 0, "total": 1})
    raw = n.getrawaddrman()
    equal(set(raw["tried"]), {"6/33"})
    equal(raw["new"]["82/8"]["source"], "2.0.0.0")
    n.stop()


@short
def test_corrupt_files(case):
    n = case.node().start()
    n.stop()
    with open(n.path("peers.dat"), "r+b") as f:
        f.seek(10)
        was = f.read(1)[0]  # of a random number
        f.seek(10)
        f.write(bytes([was ^ 1]))
    with open(n.path("banlist.json"), "w") as f:
        f.write("{")
    n.fails("Invalid or corrupt peers.dat (Checksum mismatch, data corrupted). If you believe this is "
            "a bug, please report it to none. As a workaround, you can move the file "
            f"(\"{n.path('peers.dat')}\") out of the way (rename, move, or delete) to have a new one "
            "created on the next start.")
    os.unlink(n.path("peers.dat"))
    n.start()
    equal(n.listbanned(), [])
    assert "Recreating the banlist database" in n.log()
    n.stop()


def test_asmap(case):
    n = case.node()
    n.start()
    n.stop()
    n.fails("Embedded asmap data not available", "-asmap")
    n.fails(f"Could not find asmap file \"{n.path('none')}\"", "-asmap=none")
    with open(n.path("bad.map"), "wb") as f:
        f.write(b"\xff\xff")
    n.fails(f"Could not parse asmap file \"{n.path('bad.map')}\"", "-asmap=bad.map")
    with open(n.path("one.map"), "wb") as f:
        f.write(b"\x00\x40\x00")  # everything is AS 5
    n.start("-asmap=one.map")
    n.addpeeraddress("1.2.3.4", 8333)
    [entry] = n.getrawaddrman()["new"].values()
    equal((entry["mapped_as"], entry["source_mapped_as"]), (5, 5))
    n.restart("-asmap=one.map")
    assert "1 clearnet peers are mapped to 1 ASNs with 0 peers being unmapped" in n.log()
    n.stop()
