/* Options of validation and storage. */
#include "core/app/options.h"

#define USED(name, arg, group, flags, help)                                                        \
    {                                                                                              \
        name, arg, group, QC_OPT_USED, flags, help, NULL                                           \
    }
#define INERT(name, arg, group, flags, help, note)                                                 \
    {                                                                                              \
        name, arg, group, QC_OPT_NO_EFFECT, flags, help, note                                      \
    }
#define O QC_OPTS_OPTIONS
#define C QC_OPTS_CHAIN
#define D QC_OPTS_DEBUG
#define DBG QC_OPTF_DEBUG_ONLY

const qc_opt QC_OPTIONS_CHAIN[] = {
    USED("chain", "=<chain>", C, 0,
         "Chain: main, test, testnet4, signet or regtest (default: main)"),
    USED("regtest", "", C, DBG, "Use the chain on which blocks are found at once, for tests"),
    USED("testnet", "", C, 0, "Use testnet3"),
    USED("testnet4", "", C, 0, "Use testnet4"),
    USED("signet", "", C, 0, "Use signet, or the one that -signetchallenge names"),
    USED("signetchallenge", "=<hex>", C, 0, "Script that blocks of the signet must satisfy"),
    USED("testactivationheight", "=name@height", D, DBG,
         "Height at which a rule begins: segwit, bip34, dersig, cltv or csv (not on main)"),
    USED("vbparams", "=deployment:start:end[:min_activation_height]", C, DBG,
         "Times of a deployment (not on main)"),
    USED("test", "=<option>", D, DBG, "Rule for tests: bip94, or addrman for foreseeable places"),
    USED("assumevalid", "=<hex>", O, 0,
         "Scripts of this block and its ancestors count as checked (0: check all; default: a block "
         "known at release)"),
    USED("minimumchainwork", "=<hex>", O, DBG, "Least work a valid chain is known to have"),
    USED("maxtipage", "=<n>", D, DBG,
         "A best block older than this many seconds means initial download (default: 86400)"),
    USED("checkblocks", "=<n>", D, DBG, "Blocks checked at the start (default: 6, 0 = all)"),
    USED("checklevel", "=<n>", D, DBG, "How thorough that is, 0 to 4 (default: 3)"),
    USED("checkblockindex", "", D, DBG,
         "Check the header tree for consistency after each change (default: 0, regtest: 1)"),
    USED("stopatheight", "=<n>", D, DBG, "Stop when this height is reached (default: 0, off)"),
    USED("stopafterblockimport", "", D, DBG, "Stop when the import has ended (default: 0)"),
    USED("fastprune", "", D, DBG, "Small block files, for tests of pruning"),
    USED("maxsigcachesize", "=<n>", D, DBG,
         "MiB for what is known about signatures and scripts (default: 32)"),
    USED("dbcache", "=<n>", O, 0,
         "MiB for the coins cache and databases, at least 4 (default: 1024, 450 on machines with "
         "less than 4 GiB)"),
    USED("dbbatchsize", "=<n>", O, DBG, "Largest database batch in bytes (default: 33554432)"),
    USED("par", "=<n>", O, 0,
         "Threads that check scripts (0: one per processor, negative: leave so many processors "
         "free; default: 0)"),
    USED("prevoutfetchthreads", "=<n>", O, 0,
         "Threads that fetch spent coins ahead, 0 to 16 (default: 8)"),
    USED("prune", "=<n>", O, 0,
         "Delete old blocks: 0 keep all, 1 by the RPC pruneblockchain only, 550 and more: keep "
         "about so many MiB of block files (default: 0)"),
    USED("reindex", "", O, 0, "Rebuild block index and chain state from the block files"),
    USED("reindex-chainstate", "", O, 0, "Rebuild the chain state from the block index"),
    USED("loadblock", "=<file>", O, 0,
         "Import blocks from a file at the start. May be given several times"),
    USED("blocksxor", "", O, 0,
         "Scramble block files with a key, so that other programs do not take them for something "
         "else (default: 1)"),
    USED("blockversion", "=<n>", QC_OPTS_MINING, DBG, "Version of the blocks made by generate*"),
    USED("blockmaxweight", "=<n>", QC_OPTS_MINING, 0,
         "Largest weight of the blocks that are made here (default: 4000000)"),
    USED("blockreservedweight", "=<n>", QC_OPTS_MINING, 0,
         "Weight kept in them for header, count of transactions and coinbase, at least 2000 "
         "(default: 8000)"),
    USED("blockmintxfee", "=<amt>", QC_OPTS_MINING, 0,
         "Least fee rate in BTC/kvB of what goes into them (default: 0.00000001)"),
    USED("printpriority", "", D, DBG, "Log fee rates when blocks are made (default: 0)"),
    INERT("checkpoints", "", QC_OPTS_HIDDEN, 0, NULL, "checkpoints were removed."),
    INERT("dbcrashratio", "", QC_OPTS_HIDDEN, 0, NULL, "crashes are simulated from outside."),
    INERT("forcecompactdb", "", QC_OPTS_HIDDEN, 0, NULL, "the databases compact themselves."),
    USED("txindex", "", O, 0,
         "Keep an index of all transactions by their ids, for getrawtransaction (default: 0)"),
    USED("txospenderindex", "", O, 0,
         "Keep an index of who spends which output, for gettxspendingprevout (default: 0)"),
    USED("coinstatsindex", "", O, 0,
         "Keep statistics of the coins after every block, for gettxoutsetinfo (default: 0)"),
    USED("blockfilterindex", "=<type>", O, 0,
         "Keep an index of compact filters by block (default: 0; values: basic, 1)"),
    USED("peerblockfilters", "", QC_OPTS_CONNECTION, 0,
         "Serve compact filters to peers (BIP157); needs -blockfilterindex (default: 0)"),
    {.name = NULL}};
