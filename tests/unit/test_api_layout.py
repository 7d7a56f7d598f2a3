#!/usr/bin/env python3
"""The generated interface files are up to date, and the layout rule catches what must not happen."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).resolve().parents[2])).resolve()
GENERATE = TOP / "api" / "generate.py"


def run(*args) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", str(GENERATE), *map(str, args)], capture_output=True, text=True)


class Layout(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.source = pathlib.Path(self.tmp.name) / "source"
        shutil.copytree(TOP / "api" / "interfaces", self.source / "api" / "interfaces")
        self.out = pathlib.Path(self.tmp.name) / "out"

    def tearDown(self):
        self.tmp.cleanup()

    def change(self, name: str, old: str, new: str) -> None:
        path = self.source / "api" / "interfaces" / name
        text = path.read_text()
        self.assertEqual(text.count(old), 1, f"'{old}' in {name}")
        path.write_text(text.replace(old, new))

    def prefix(self) -> subprocess.CompletedProcess:
        made = run("--source", self.source, "--out", self.out)
        self.assertEqual(made.returncode, 0, made.stderr)
        return run("--prefix", TOP / "api" / "layout", self.out / "api" / "layout")

    def refused(self, word: str) -> None:
        got = run("--source", self.source, "--out", self.out)
        self.assertEqual(got.returncode, 1, "it was taken")
        self.assertIn(word, got.stderr)

    def caught(self, name: str, old: str, new: str, word: str) -> None:
        self.change(name, old, new)
        got = self.prefix()
        self.assertEqual(got.returncode, 1, "the change was not seen")
        self.assertIn(word, got.stdout)

    def test_checked_in_output__is_what_the_interfaces_say(self):
        got = run("--check")
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)

    def test_released_layouts__are_prefixes_of_todays(self):
        for folder in sorted((TOP / "api" / "layout").glob("released-*")):
            got = run("--prefix", folder, TOP / "api" / "layout")
            self.assertEqual(got.returncode, 0, got.stdout)

    def test_prefix__unchanged_interfaces_pass(self):
        self.assertEqual(self.prefix().returncode, 0)

    def test_prefix__an_appended_method_passes(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        path.write_text(path.read_text() + '\n[[method]]\nname = "peek"\nsince = 2\ndoc = "Later."\nparams = []\n')
        self.assertEqual(self.prefix().returncode, 0)
        text = (self.out / "api" / "quoin" / "chain_follow.h").read_text()
        self.assertIn("typedef qn_chain_follow_1_r2 qn_chain_follow_1;", text)
        self.assertIn("} qn_chain_follow_1_r1;", text)

    def test_prefix__a_reordered_method_is_caught(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        parts = path.read_text().split("[[method]]")
        parts[2], parts[3] = parts[3], parts[2]
        path.write_text("[[method]]".join(parts))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("16 next", got.stdout)

    def test_prefix__a_removed_method_is_caught(self):
        path = self.source / "api" / "interfaces" / "rpc.serve.toml"
        parts = path.read_text().split("[[method]]")
        path.write_text("[[method]]".join(parts[:2] + parts[3:]))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("remove", got.stdout)

    def test_prefix__a_retyped_parameter_is_caught(self):
        self.caught("chain.follow.toml", '["u64", "seq", "of an event that was delivered"]',
                    '["u32", "seq", "of an event that was delivered"]', "24 ack")

    def test_prefix__a_renamed_method_is_caught(self):
        self.caught("chain.follow.toml", 'name = "ack"', 'name = "acknowledge"', "24 ack")

    def test_prefix__a_renamed_member_is_caught(self):
        self.caught("chain.follow.toml", '"chain_seq"', '"chain_no"', "chain_seq")

    def test_prefix__a_changed_status_value_is_caught(self):
        self.caught("types.toml", "value = -23", "value = -33", "QN_E_CANCELED")

    def test_prefix__a_changed_flag_is_caught(self):
        self.caught("chain.follow.toml", '["PIN", 4', '["PIN", 8', "QN_FOLLOW_PIN")

    def test_prefix__a_vanished_interface_is_caught(self):
        made = run("--source", self.source, "--out", self.out)
        self.assertEqual(made.returncode, 0)
        (self.out / "api" / "layout" / "store.own-1.txt").unlink()
        got = run("--prefix", TOP / "api" / "layout", self.out / "api" / "layout")
        self.assertEqual(got.returncode, 1)

    def test_model__a_frozen_struct_cannot_grow(self):
        self.change("types.toml", '["u32", "height", "0 is the genesis block"]]',
                    '["u32", "height", ""], ["u32", "time", "", 2]]')
        self.refused("frozen")

    def test_model__a_pointer_in_shared_data_is_refused(self):
        self.change("chain.follow.toml", '["u32", "lag",', '["void", "lag",')
        self.refused("may not lie in shared data")

    def test_model__a_hole_is_refused(self):
        self.change("chain.follow.toml", '  ["u32", "reserved", "0"],\n', '  ["u64", "reserved", "0"],\n')
        self.refused("hole")

    def test_model__a_struct_that_crosses_begins_with_its_size(self):
        self.change("chain.follow.toml", '["u32", "size", "bytes filled in"]', '["u32", "length", ""]')
        self.refused("first member is u32 size")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)
