"""bitcoind as a node of the tests: QUOIN_BITCOIND, or the one in PATH."""
import os
import shutil

from framework import Node, Skip


class Bitcoind(Node):
    stops_with = "Bitcoin Core stopping"

    def program(self):
        found = os.environ.get("QUOIN_BITCOIND") or shutil.which("bitcoind")
        if not found:
            raise Skip("no bitcoind in PATH, and QUOIN_BITCOIND names none")
        return found

    def write_conf(self, text, name="bitcoin.conf"):
        super().write_conf(text, name)
