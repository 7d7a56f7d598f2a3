"""Who may call: cookie, passwords, rpcauth, whitelists."""
import hashlib
import hmac
import os
import socket
import stat
import time

from framework import equal, wait_until


def short(test):
    test.short = True
    return test


@short
def test_cookie_is_private_fresh_and_removed(case):
    n = case.node().start()
    first = n.cookie()
    equal(stat.S_IMODE(os.stat(n.path(".cookie")).st_mode), 0o600)
    assert first.startswith("__cookie__:") and len(first) == 75
    n.restart()
    assert n.cookie() != first
    equal(n.post({"method": "echo"}, auth=first)[0], 401)
    n.stop()
    assert not os.path.exists(n.path(".cookie"))


def test_cookie_options(case):
    n = case.node()
    place = os.path.join(case.dir, "my.cookie")
    n.spawn(f"-rpccookiefile={place}", "-rpccookieperms=group", "-rpcuser=u", "-rpcpassword=")
    wait_until("cookie", lambda: os.path.exists(place))
    equal(stat.S_IMODE(os.stat(place).st_mode), 0o640)
    n.process.terminate()
    n.wait_exit()
    n.fails("Unable to start HTTP server. See debug log for details.", "-rpccookieperms=abc")


def test_passwords_and_rpcauth(case):
    salt, password = "f00d", "s3cret"
    digest = hmac.new(salt.encode(), password.encode(), hashlib.sha256).hexdigest()
    n = case.node(conf=f"rpcuser=u\nrpcpassword=p:w\nrpcauth=bob:{salt}${digest}\n").spawn()
    wait_until("up", lambda: up(n))
    assert not os.path.exists(n.path(".cookie"))
    for auth, status in (("u:p:w", 200), ("u:x", 401), ("bob:s3cret", 200), ("bob:p:w", 401),
                         ("nobody:p:w", 401), ("", 401)):
        equal((auth, n.post({"method": "echo"}, auth=auth)[0]), (auth, status))
    status, headers, _ = n.post({"method": "echo"}, auth="")
    equal(headers["WWW-Authenticate"], 'Basic realm="jsonrpc"')
    for bad in ("Bearer x", "Basic !!!", "Basic ", "Basic bm9jb2xvbg=="):
        equal(n.post({"method": "echo"}, auth="", headers={"Authorization": bad})[0], 401)


def up(n):
    try:
        return n.post({"method": "getblockcount"}, auth="u:p:w")[0] == 200
    except OSError:
        return False


def test_wrong_password_costs_time(case):
    n = case.node().start()
    began = time.monotonic()
    equal(n.post({"method": "echo"}, auth="a:b")[0], 401)
    assert time.monotonic() - began >= 0.24
    assert "incorrect password attempt from 127.0.0.1" in n.log()


def test_whitelists(case):
    n = case.node(conf="rpcwhitelist=__cookie__:getblockcount,getmempoolinfo,stop\n").start()
    equal(n.post({"method": "getblockcount"})[0], 200)
    status, _, body = n.post({"method": "getbestblockhash"})
    equal((status, body), (403, b""))
    equal(n.post([{"method": "getblockcount"}, {"method": "echo"}])[0], 403)


def test_whitelist_default_shuts_out(case):
    n = case.node(conf="rpcuser=u\nrpcpassword=p:w\nrpcwhitelist=other:echo\n").spawn()

    def answered():
        try:
            return n.post({"method": "getblockcount"}, auth="u:p:w")[0]
        except OSError:
            return None
    equal(wait_until("an answer", answered), 403)


def test_options_that_are_wrong(case):
    n = case.node()
    n.fails("Unable to start HTTP server. See debug log for details.", "-rpcauth=nonsense")
    n.fails("Invalid port specified in -rpcport: '65536'", "-rpcport=65536")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        n.fails("Unable to start HTTP server. See debug log for details. "
                f"Port {port} may be in use, by another node perhaps: -rpcport=PORT names another.",
                f"-rpcport={port}", "-rpcallowip=127.0.0.1", "-rpcbind=127.0.0.1")
    n.fails("Invalid port specified in -rpcbind: '127.0.0.1:0'", "-rpcbind=127.0.0.1:0",
            "-rpcallowip=127.0.0.1")
    n.spawn("-rpcallowip=nonsense")
    equal(n.process.wait(30), 1)
    lines = n.stderr().splitlines()
    n.process = None
    assert lines[0].startswith("Error: Invalid -rpcallowip subnet specification: nonsense."), lines
    equal(lines[1:], ["Error: Unable to start HTTP server. See debug log for details."])
