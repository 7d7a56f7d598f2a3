"""The networks peers are on: proxies, names, listening addresses, Tor's control port, I2P."""
import os
import shutil
import subprocess

from fakes import Sam, Socks5, TorControl
from framework import equal, free_port, same_tip, wait_until

ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
I2P = "zsxwyo6qcn3chqzwxnseusqgsnuw3maqnztkiypyfxtya4snkoka.b32.i2p"


def networks(node):
    return {n["name"]: n for n in node.getnetworkinfo()["networks"]}


def greeted(node, **want):
    """The one peer with these fields, once it has answered a ping."""
    def there():
        for p in node.getpeerinfo():
            if p["bytesrecv_per_msg"].get("pong") and all(p[k] == v for k, v in want.items()):
                return p
    return wait_until(f"a peer with {want}", there)


def log_has(node, text):
    wait_until(f"log: {text}", lambda: text in node.log())


# ---- proxies ----

def test_peers_are_reached_through_the_proxy_of_their_network(case):
    far = case.node().start()
    far.mine(3)
    to = ("127.0.0.1", far.p2p_port)
    plain = Socks5({"15.61.23.23": to, "peer.example": to}, auth=False)
    onions = Socks5({ONION: to})
    node = case.node().start(f"-proxy={plain.address}", f"-onion={onions.address}")
    n = networks(node)
    for name, proxy, reached in [("ipv4", plain.address, True), ("ipv6", plain.address, True),
                                 ("onion", onions.address, True), ("cjdns", plain.address, False),
                                 ("i2p", "", False)]:
        equal((n[name]["proxy"], n[name]["reachable"], n[name]["limited"]),
              (proxy, reached, not reached))
    equal(n["ipv4"]["proxy_randomize_credentials"], True)
    for name, server, network in [("15.61.23.23:8333", plain, "ipv4"),
                                  ("peer.example:1", plain, "not_publicly_routable"),
                                  (ONION, onions, "onion")]:
        node.addnode(name, "onetry")
        kind, host, port, user = server.asked.get(timeout=30)
        equal((kind, host), (3, name.split(":")[0]))
        greeted(node, addr=name, network=network)
        same_tip(far, node)
        node.disconnectnode(name)
    assert user and user[0] == user[1], "no credentials of its own"


def test_each_connection_has_credentials_of_its_own(case):
    proxy = Socks5()
    node = case.node().start(f"-proxy={proxy.address}")
    for i in range(3):
        node.addnode(f"8.8.8.{i + 1}:8333", "onetry", False)
    users = {proxy.asked.get(timeout=30)[3] for _ in range(3)}
    equal(len(users), 3)
    node.restart(f"-proxy={proxy.address}", "-proxyrandomize=0")
    node.addnode("8.8.8.8:8333", "onetry", False)
    equal(proxy.asked.get(timeout=30)[3], None)


def test_an_added_name_is_tried_again_and_falls_back_to_version_1(case):
    """The proxy hangs up at first; a peer without version 2 is connected to again, by name."""
    far = case.node().start("-v2transport=0")
    proxy = Socks5()
    node = case.node("addnode=away.example\n").start(f"-proxy={proxy.address}")
    for _ in range(2):
        equal(proxy.asked.get(timeout=30)[1:3], ("away.example", 18444))
    proxy.hosts["away.example"] = ("127.0.0.1", far.p2p_port)
    greeted(node, addr="away.example", transport_protocol_type="v1", connection_type="manual")
    added = node.getaddednodeinfo("away.example")[0]
    equal((added["connected"], added["addresses"][0]["connected"]), (True, "outbound"))


def test_a_silent_proxy_holds_nothing_up(case):
    proxy = Socks5()
    proxy.silent = True
    far = case.node().start()
    node = case.node().start(f"-proxy={proxy.address}", "-bind=127.0.0.1:" + str(free_port()))
    node.addnode("8.8.8.8:8333", "onetry", False)
    proxy.asked.get(timeout=30)
    equal(node.getpeerinfo(), [])
    node.addnode(far.address(), "onetry")  # this machine is reached past the proxy
    greeted(node, addr=far.address())
    node.setnetworkactive(False)
    equal(len(node.getpeerinfo()), 0)


def test_hidden_names_are_looked_up_nowhere(case):
    node = case.node("debug=net\n").start()
    for name in ["nothing.onion", "NOTHING.i2p", "a.onion."]:
        node.addnode(name, "onetry")
    node.addnode(ONION, "onetry")
    log_has(node, f"connection to {ONION}")
    assert "no proxy for its network" in node.log()
    node.restart("-dns=0")
    node.addnode("localhost:1", "onetry")
    log_has(node, "addnode localhost:1")


def test_names_are_looked_up_without_a_proxy(case):
    far, node = case.node().start(), case.node().start()
    node.addnode(f"localhost:{far.p2p_port}", "onetry")
    greeted(node, addr=f"localhost:{far.p2p_port}")


def test_a_proxy_may_be_a_unix_socket(case):
    far = case.node().start()
    path = os.path.join(case.dir, "socks")
    proxy = Socks5({"peer.example": ("127.0.0.1", far.p2p_port)}, path=path)
    node = case.node().start(f"-proxy=unix:{path}")
    equal(networks(node)["onion"]["proxy"], proxy.address)
    node.addnode("peer.example", "onetry")
    greeted(node, addr="peer.example")


def test_proxies_by_network(case):
    node = case.node().start("-proxy=127.1.1.1:1", "-proxy=127.2.2.2=tor", "-proxy=0=cjdns",
                             "-cjdnsreachable")
    n = networks(node)
    equal([n[k]["proxy"] for k in ("ipv4", "ipv6", "onion", "cjdns")],
          ["127.1.1.1:1", "127.1.1.1:1", "127.2.2.2:9050", ""])
    equal(n["cjdns"]["reachable"], True)
    node.restart("-onlynet=ipv6", "-onlynet=onion", "-onion=127.0.0.1")
    n = networks(node)
    equal([k for k in n if n[k]["reachable"]], ["ipv6", "onion"])


def test_options_that_contradict_each_other_end_the_start(case):
    n = case.node("listen=0\n", "deaf")
    with open(os.path.join(n.datadir, "quoin.conf")) as f:
        text = f.read().replace("bind=127.0.0.1\n", "").replace("listen=1\n", "")
    n.write_conf(text)
    for message, *args in [
            ("Unknown network specified in -onlynet: 'tor5'", "-onlynet=tor5"),
            ("Invalid -proxy address or hostname: 'a..b:1'", "-proxy=a..b:1"),
            ("Invalid port specified in -onion: '127.0.0.1:x'", "-onion=127.0.0.1:x"),
            ("Unrecognized network in -proxy='127.0.0.1=i2p': 'i2p'", "-proxy=127.0.0.1=i2p"),
            ("Cannot set -listen=0 together with -listenonion=1", "-listenonion=1"),
            ("Cannot resolve -externalip address: 'no..host'", "-externalip=no..host"),
            ("Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided",
             "-onlynet=i2p")]:
        n.fails(message, *args)


# ---- listening ----

def test_an_address_for_tor_marks_who_comes_there(case):
    port = free_port()
    far = case.node("whitelist=noban@127.0.0.1\n").start(f"-bind=127.0.0.1:{port}=onion")
    node = case.node().start()
    node.addnode(f"127.0.0.1:{port}", "onetry")
    greeted(node)
    peer = greeted(far)
    # Everybody behind Tor has this address: it grants nothing.
    equal((peer["network"], peer["permissions"]), ("onion", []))
    node.join(far)
    equal(sorted(p["network"] for p in far.getpeerinfo()), ["not_publicly_routable", "onion"])


def test_no_address_is_given_twice(case):
    n = case.node()
    port = free_port()
    n.fails(f"Duplicate binding configuration for address 127.0.0.1:{port}. Please check your "
            "-bind, -bind=...=onion and -whitebind settings.",
            f"-bind=127.0.0.1:{port}", f"-bind=127.0.0.1:{port}=onion")


def test_own_addresses_that_the_operator_names(case):
    node = case.node().start("-externalip=1.2.3.4", "-externalip=[2a00::1]:99",
                             f"-externalip={ONION}:8333")
    got = {(a["address"], a["port"]) for a in node.getnetworkinfo()["localaddresses"]}
    equal(got, {("1.2.3.4", node.p2p_port), ("2a00::1", 99), (ONION, 8333)})


def test_whoever_comes_to_an_address_has_its_permissions(case):
    port = free_port()
    far = case.node().start(f"-whitebind=noban,addr@127.0.0.1:{port}")
    node = case.node().start()
    node.addnode(f"127.0.0.1:{port}", "onetry")
    greeted(node)
    equal(greeted(far)["permissions"], ["noban", "download", "addr"])
    node.join(far)
    equal(sorted(len(p["permissions"]) for p in far.getpeerinfo()), [0, 3])
    far.stop()
    far.fails("Need to specify a port with -whitebind: '127.0.0.1'", "-whitebind=127.0.0.1")
    far.fails("Invalid P2P permission: 'oops'", "-whitebind=oops@127.0.0.1:1")
    far.fails(f"Duplicate binding configuration for address 127.0.0.1:{port}. Please check your "
              "-bind, -bind=...=onion and -whitebind settings.",
              f"-bind=127.0.0.1:{port}", f"-whitebind=127.0.0.1:{port}")


# ---- Tor ----

def with_tor(case, tor, *args):
    node = case.node().start("-listenonion=1", f"-torcontrol={tor.address}", "-debug=tor", *args)
    wait_until("an onion service", lambda: node.getnetworkinfo()["localaddresses"])
    return node


def onion_of(node):
    a = node.getnetworkinfo()["localaddresses"]
    equal(len(a), 1)
    return f"{a[0]['address']}:{a[0]['port']}"


def test_two_nodes_meet_over_tor(case):
    socks = Socks5()
    tor = TorControl(case.dir, "SAFECOOKIE", socks=socks)
    a, b = with_tor(case, tor), with_tor(case, tor)
    equal((networks(b)["onion"]["proxy"], networks(b)["onion"]["reachable"]), (socks.address, True))
    a.mine(2)
    b.addnode(onion_of(a), "onetry")
    greeted(b, addr=onion_of(a), network="onion", inbound=False)
    greeted(a, inbound=True)
    same_tip(a, b)
    assert any(c.startswith("AUTHENTICATE ") and len(c) == 13 + 64 for c in tor.commands)


def test_the_onion_service_is_kept_over_restarts_and_made_again(case):
    tor = TorControl(case.dir, old=True)
    node = with_tor(case, tor)
    name = onion_of(node)
    equal(name.split(":")[1], "18444")
    key = node.path("onion_v3_private_key")
    equal(os.stat(key).st_mode & 0o777, 0o600)
    # Tor restarts: the service has gone until there is a connection again.
    before = len(tor.commands)
    tor.hang_up_all()
    wait_until("a new service", lambda: any(
        c.startswith("ADD_ONION ED25519-V3:") for c in tor.commands[before:]))
    wait_until("the same address", lambda: [
        a["address"] for a in node.getnetworkinfo()["localaddresses"]] == [name.split(":")[0]])
    node.stop()
    wait_until("no service", lambda: not tor.services)
    node.start("-listenonion=1", f"-torcontrol={tor.address}")
    wait_until("an onion service", lambda: node.getnetworkinfo()["localaddresses"])
    equal(onion_of(node), name)
    with open(key) as f:
        assert f.read().startswith("ED25519-V3:")


def test_tor_is_waited_for_and_a_password_given(case):
    port = free_port()
    node = case.node().start("-listenonion=1", f"-torcontrol=127.0.0.1:{port}", "-debug=tor",
                                              '-torpassword=a"b\\c')
    log_has(node, f"Initiating connection to Tor control port 127.0.0.1:{port} failed")
    tor = TorControl(case.dir, "HASHEDPASSWORD", password='a"b\\c', port=port)
    wait_until("an onion service", lambda: node.getnetworkinfo()["localaddresses"])
    assert 'a"b' not in node.log(), "the password is in the log"
    equal(len(tor.services), 1)


def test_a_liar_on_the_control_port_learns_no_cookie(case):
    """It names a file of 32 bytes that is somebody's secret; nothing of it is sent, not even where
    only the old way of cookies is offered."""
    secret = os.path.join(case.dir, "secret")
    with open(secret, "wb") as f:
        f.write(bytes(range(32)))
    fifo = os.path.join(case.dir, "control_auth_cookie")
    os.mkfifo(fifo)

    class Liar(TorControl):
        def __init__(self, method, path):
            self.method, self.path, self.commands, self.services = method, path, [], {}
            self.socks = None
            super(TorControl, self).__init__()

        def answer(self, c, state, line):
            if line.startswith("PROTOCOLINFO"):
                return (f'250-AUTH METHODS={self.method} COOKIEFILE="{self.path}"\r\n250 OK\r\n')
            return "250 AUTHCHALLENGE SERVERHASH=" + "00" * 32 + " SERVERNONCE=" + "11" * 32 + "\r\n"

    for method, path, words in [("SAFECOOKIE", secret, "ServerHash does not match"),
                                ("COOKIE", secret, "No supported authentication method"),
                                ("SAFECOOKIE", fifo, "could not be opened")]:
        tor = Liar(method, path)
        node = case.node().start("-listenonion=1", f"-torcontrol={tor.address}", "-debug=tor")
        log_has(node, words)
        assert not any(bytes(range(32)).hex() in c for c in tor.commands)
        node.stop()


def test_a_real_tor_gives_a_service(case):
    """It needs no network to promise one."""
    program = shutil.which("tor")
    if not program:
        print("tor is not installed: not tried")
        return
    folder, port = os.path.join(case.dir, "tor"), free_port()
    os.mkdir(folder, 0o700)
    tor = subprocess.Popen(
        [program, "-f", "/nonexistent", "--ignore-missing-torrc", "--DisableNetwork", "1",
         "--DataDirectory", folder, "--ControlPort", str(port), "--CookieAuthentication", "1",
         "--SocksPort", str(free_port())], stdout=subprocess.DEVNULL)
    try:
        node = case.node().start("-listenonion=1", f"-torcontrol=127.0.0.1:{port}", "-debug=tor")
        name = wait_until("an onion service", lambda: node.getnetworkinfo()["localaddresses"])
        assert "Using SAFECOOKIE authentication" in node.log()
        node.restart("-listenonion=1", f"-torcontrol=127.0.0.1:{port}")
        equal(wait_until("the same", lambda: node.getnetworkinfo()["localaddresses"]), name)
    finally:
        tor.terminate()
        tor.wait()


# ---- I2P ----

def i2p_of(node):
    a = wait_until("an address of I2P", lambda: node.getnetworkinfo()["localaddresses"])
    equal((len(a), a[0]["port"]), (1, 0))
    return a[0]["address"]


def test_two_nodes_meet_over_i2p(case):
    sam = Sam()
    a = case.node().start(f"-i2psam={sam.address}", "-debug=i2p")
    b = case.node().start(f"-i2psam={sam.address}", "-i2pacceptincoming=0", "-debug=i2p")
    name = i2p_of(a)
    equal((networks(a)["i2p"]["proxy"], networks(a)["i2p"]["reachable"]), (sam.address, True))
    a.mine(2)
    b.addnode(name, "onetry")
    mine = greeted(b, addr=name, network="i2p", inbound=False)
    theirs = greeted(a, network="i2p", inbound=True)
    same_tip(a, b)
    equal(mine["addrbind"], theirs["addr"])
    equal(theirs["addrbind"], name + ":0")
    equal(b.getnetworkinfo()["localaddresses"], [])
    assert "Persistent I2P SAM session" in a.log() and "Transient I2P SAM session" in b.log()
    # The session of a single connection ends with it.
    own = len(sam.sessions)
    b.disconnectnode(name)
    wait_until("the transient session has ended", lambda: len(sam.sessions) == own - 1)
    b.addnode(name, "onetry")
    again = greeted(b, addr=name)
    assert again["addrbind"] != mine["addrbind"]


def test_the_i2p_address_is_kept_and_comes_back(case):
    sam = Sam()
    node = case.node().start(f"-i2psam={sam.address}", "-debug=i2p")
    name = i2p_of(node)
    equal(os.stat(node.path("i2p_private_key")).st_mode & 0o777, 0o600)
    sam.hang_up_all()  # the router restarts
    log_has(node, "Destroying I2P SAM session")
    wait_until("listening again", lambda: node.log().count("Persistent I2P SAM session") == 2)
    equal(i2p_of(node), name)
    node.restart(f"-i2psam={sam.address}")
    equal(i2p_of(node), name)
    equal(sum(line.startswith("DEST GENERATE") for line in sam.lines), 1)


def test_peers_that_i2p_cannot_reach(case):
    sam = Sam()
    node = case.node().start(f"-i2psam={sam.address}", "-debug=i2p")
    i2p_of(node)
    node.addnode(I2P + ":8333", "onetry")
    log_has(node, f"Error connecting to {I2P}:8333, connection refused due to arbitrary port 8333")
    node.addnode(I2P, "onetry")
    log_has(node, f"Error connecting to {I2P}:0: ")
    equal(node.getpeerinfo(), [])


def test_a_router_that_talks_nonsense(case):
    class Babble(Sam):
        answers = [b"x" * 70000, b"HELLO REPLY RESULT=OK\0\n",
                   b"HELLO REPLY RESULT=OK\nDEST REPLY PRIV=AAAA\n"]

        def handle(self, c):
            take_from = self.answers.pop(0) if self.answers else b""
            for part in take_from.split(b"\n")[:-1] or [take_from]:
                c.recv(1000)
                c.sendall(part + (b"\n" if take_from.endswith(b"\n") else b""))
            c.recv(1000)

    sam = Babble()
    node = case.node().start(f"-i2psam={sam.address}", "-debug=i2p")
    wait_until("all of it", lambda: not sam.answers)
    equal(node.getnetworkinfo()["localaddresses"], [])
    assert not os.path.exists(node.path("i2p_private_key"))
