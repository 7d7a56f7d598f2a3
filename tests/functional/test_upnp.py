"""-upnp: a router that forwards our port, one that lies, and none."""
import ctypes
import fcntl
import os
import socket
import struct
import threading
import time

from fakes import Gateway
from framework import Skip, equal, program, wait_until

CLONE_NEWNET = 0x40000000
SIOCADDRT, SIOCSIFFLAGS = 0x890B, 0x8914


def needs_helper():
    if not os.path.exists(program("quoin-upnp")):
        raise Skip("this build has no libminiupnpc")


def asks(case, gateway, *args):
    needs_helper()
    return case.node(conf="upnp=1\n").start("-debug=net", f"-upnpurl={gateway.url}", *args)


def log_has(node, text):
    wait_until(f"log: {text}", lambda: text in node.log())


def is_mapped(node):
    own = node.getnetworkinfo()["localaddresses"]
    return any(a["address"] == "1.2.3.4" and a["port"] == node.p2p_port for a in own)


def maps_and_takes_back(node, gateway):
    wait_until("the router's address is ours", lambda: is_mapped(node))
    equal(gateway.mappings, {node.p2p_port: {
        "NewRemoteHost": "", "NewExternalPort": str(node.p2p_port), "NewProtocol": "TCP",
        "NewInternalPort": str(node.p2p_port), "NewInternalClient": "127.0.0.1", "NewEnabled": "1",
        "NewPortMappingDescription": "Quoin", "NewLeaseDuration": "2400"}})
    log_has(node, f"portmap: Added mapping upnp:1.2.3.4:{node.p2p_port} -> "
                  f"127.0.0.1:{node.p2p_port} (for 2400s)")
    node.stop()
    equal(gateway.mappings, {})
    equal(gateway.asked[-1], ("DeletePortMapping", {
        "NewRemoteHost": "", "NewExternalPort": str(node.p2p_port), "NewProtocol": "TCP"}))
    log_has(node, f"portmap: Removed mapping of port {node.p2p_port} (upnp)")


def test_the_port_is_forwarded_while_the_node_runs(case):
    gateway = Gateway()
    maps_and_takes_back(asks(case, gateway), gateway)


test_the_port_is_forwarded_while_the_node_runs.short = True


def test_it_is_off_by_default_and_for_who_hides_or_does_not_listen(case):
    gateway = Gateway()
    needs_helper()
    for conf in ("listen=1\nbind=127.0.0.1\n", "upnp=0\nlisten=1\nbind=127.0.0.1\n", "listen=0\n",
                 "proxy=127.0.0.1:1\n"):
        node = case.node()
        node.write_conf(f"regtest=1\n[regtest]\nprinttoconsole=0\nrpcport={node.rpc_port}\n"
                        f"port={node.p2p_port}\nnatpmp=0\nconnect=0\nlistenonion=0\ndebug=net\n"
                        f"upnpurl={gateway.url}\n{conf}")
        node.start().stop()
        assert "upnp:" not in node.log()
    equal(gateway.asked, [])


def test_a_build_without_it_says_so(case):
    if os.path.exists(program("quoin-upnp")):
        raise Skip("this build has it")
    node = case.node(conf="upnp=1\n").start()
    log_has(node, "-upnp has no effect: this build has no UPnP")


def test_a_search_finds_the_router(case):
    """In a network of its own, where multicast goes to this machine alone."""
    needs_helper()
    why = []

    def alone():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            why.append(Skip("may not make a network of its own"))
            return
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                # lo: UP, LOOPBACK, RUNNING, MULTICAST; and 224.0.0.0/4 leads there
                fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", 0x1 | 0x8 | 0x40 | 0x1000))

                def inet(text):
                    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))
                dev = ctypes.create_string_buffer(b"lo")
                fcntl.ioctl(s, SIOCADDRT, struct.pack(
                    "@L16s16s16sHhLBB6xhPLLH6x", 0, inet("224.0.0.0"), inet("0.0.0.0"), inet("240.0.0.0"),
                    0x1, 0, 0, 0, 0, 0, ctypes.addressof(dev), 0, 0, 0))  # RTF_UP
            gateway = Gateway()
            gateway.listen_for_searches()
            node = case.node(conf="upnp=1\n").start("-debug=net")
            maps_and_takes_back(node, gateway)
        except BaseException as e:  # noqa: B036: told to the test's own thread
            why.append(e)
    # A network belongs to a thread and to what it starts.
    t = threading.Thread(target=alone)
    t.start()
    t.join()
    if why:
        raise why[0]


def test_routers_that_cannot_are_told_of_in_the_log(case):
    for n, (gateway, refuse, text) in enumerate((
            (Gateway(status="Disconnected"), {}, "upnp: No gateway: it is not connected"),
            (Gateway(external=""), {}, "upnp: No gateway:"),
            (Gateway(external="mars"), {}, "upnp: The helper gave no answer to what was asked"),
            (Gateway(external="100.64.1.1"), {}, "upnp: The router's address 100.64.1.1 is not one"),
            (Gateway(), {"AddPortMapping": [718]},
             "upnp: Mapping failed with result ConflictInMappingEntry (code 718)"),
            (Gateway(), {"AddPortMapping": [606]}, "(code 606)"))):
        gateway.refuse = refuse
        node = asks(case, gateway)
        log_has(node, text)
        equal((gateway.mappings, is_mapped(node)), ({}, False))
        node.stop()
        assert all(a[0] != "DeletePortMapping" for a in gateway.asked)


def test_a_router_sends_us_to_no_other_host(case):
    victim = Gateway()
    for host, found in (("localhost", False), ("127.0.0.1@localhost", False), ("127.0.0.1", True)):
        gateway = Gateway(control=f"http://{host}:{victim.port}/ctl")
        node = asks(case, gateway)
        if found:
            wait_until("mapped", lambda: is_mapped(node))
        else:
            log_has(node, "upnp: No gateway: its description leads to another host")
            equal(victim.asked, [])
        node.stop()
        equal(gateway.asked, [])


def test_a_router_that_knows_no_leases_maps_until_it_is_told_otherwise(case):
    gateway = Gateway()
    gateway.refuse = {"AddPortMapping": [725]}
    node = asks(case, gateway)
    log_has(node, "(until it is removed)")
    equal(gateway.mappings[node.p2p_port]["NewLeaseDuration"], "0")
    node.stop()
    equal(gateway.mappings, {})


def test_nonsense_does_no_harm(case):
    for at, kinds in (("description", ("close", "garbage", "deep", "body")),
                      ("GetExternalIPAddress", ("close", "garbage", "deep", "body")),
                      ("AddPortMapping", ("close", "body"))):
        for kind in kinds:
            gateway = Gateway()
            gateway.trouble = (at, kind)
            node = asks(case, gateway)
            log_has(node, "upnp: Mapping failed" if at == "AddPortMapping" else "upnp: No gateway")
            equal((gateway.mappings, is_mapped(node), node.getblockcount()), ({}, False, 0))
            node.stop()


def test_a_head_without_end_costs_its_reader_his_life(case):
    gateway = Gateway()
    gateway.trouble = ("description", "head")
    node = asks(case, gateway)
    wait_until("it is told of", lambda: any(
        t in node.log() for t in ("upnp: No gateway", "upnp: The helper ended", "upnp: No end of it")))
    equal(node.getblockcount(), 0)


def test_a_stop_waits_for_no_search(case):
    gateway = Gateway()
    gateway.trouble = ("description", "drip")
    node = asks(case, gateway)
    wait_until("the router is asked", lambda: gateway.open)
    before = time.monotonic()
    node.stop()
    assert time.monotonic() - before < 15, "the round may take 30 s"
    wait_until("the helper has gone", lambda: not gateway.open)


def test_a_stop_waits_two_seconds_for_a_router_that_has_gone_silent(case):
    gateway = Gateway()
    node = asks(case, gateway)
    wait_until("mapped", lambda: is_mapped(node))
    gateway.trouble = ("DeletePortMapping", "drip")
    node.stop()
    log_has(node, f"portmap: The mapping of port {node.p2p_port} stays until it ends: no answer in time")
