"""What waits for a peer, or of a peer, is bounded as the operator says; and messages kept on disk."""
import os
import socket
import struct
import time

from framework import equal
from peer import V1
from test_transport import p2p_port

HEADERS = 600  # in each answer
ANSWER = 81 * HEADERS
ASKED = 120
REST = 2000  # messages of 1,000 bytes behind them


def short(test):
    test.short = True
    return test


def deaf(node):
    """A peer that has shaken hands, asks for much, and reads nothing."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", p2p_port(node)))
    p = V1(s)
    p.greet()
    want = struct.pack("<IB", 70016, 1) + bytes.fromhex(node.getblockhash(0))[::-1] + bytes(32)
    s.setblocking(False)
    return p, b"".join([p.frame(b"getheaders", want)] * ASKED + [p.frame(b"inv", bytes(1000))] * REST)


def settled(node, data, deaf_one, control):
    """Once nothing has moved while another peer was answered fifty times: what was sent and read."""
    sent, last, still = 0, None, 0
    while still < 50:
        try:
            sent += deaf_one.sock.send(data[sent:sent + 65536])
        except BlockingIOError:
            pass
        control.ping()
        info = node.getpeerinfo()[0]
        now = sent, info["bytessent_per_msg"].get("headers", 0), info["bytesrecv"]
        still = still + 1 if now == last and now[1] else 0
        last = now
    return now[1:]


def flood(case, *options):
    """What the node has answered, and what it has read, of a peer that does not read."""
    n = case.node().start(*options)
    n.generatetodescriptor(HEADERS, "raw(51)")
    p, data = deaf(n)
    control = V1.connect(p2p_port(n))
    control.greet()
    result = settled(n, data, p, control)
    p.sock.close()
    control.sock.close()
    n.stop()
    return result


@short
def test_what_is_sent_and_what_is_read_are_bounded(case):
    """Of a peer that does not read no more is read than 65,536 bytes, and what one reading takes."""
    sent, read = flood(case)
    assert sent > 10 * ANSWER and read > 65536, (sent, read)
    few, _ = flood(case, "-maxsendbuffer=1")
    assert few < sent - 10 * ANSWER, (few, sent)
    _, little = flood(case, "-maxreceivebuffer=10")
    assert little < read, (little, read)


@short
def test_messages_are_kept_for_those_who_look_for_faults(case):
    n = case.node().start("-capturemessages")
    p = V1.connect(p2p_port(n))
    p.greet()
    p.send(b"ping", b"capture!")
    p.expect(b"pong")
    folder = n.path("message_capture")
    name, = os.listdir(folder)
    equal(name, n.getpeerinfo()[0]["addr"].replace(":", "_"))

    def kept(file):
        messages = []
        with open(os.path.join(folder, name, file), "rb") as f:
            while head := f.read(24):
                when, kind, size = struct.unpack("<q12sI", head)
                assert abs(when / 1e6 - time.time()) < 60
                messages.append((kind.rstrip(b"\0"), f.read(size)))
                equal(len(messages[-1][1]), size)
        return messages

    got, said = kept("msgs_recv.dat"), kept("msgs_sent.dat")
    equal([m[0] for m in got][:2], [b"version", b"verack"])
    assert (b"ping", b"capture!") in got and (b"pong", b"capture!") in said
    equal(said[0][0], b"version")
    p.sock.close()
    n.stop()
