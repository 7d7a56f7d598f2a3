#include "core/cli/cli.h"

#define USED(name, arg, group, flags, help)                                                        \
    {                                                                                              \
        name, arg, group, QC_OPT_USED, flags, help, NULL                                           \
    }
#define O QC_OPTS_OPTIONS
#define C QC_OPTS_CHAIN
#define CMD QC_OPTS_CLI

static const qc_opt OPTIONS[] = {
    USED("help", "", O, 0, "Print this text and exit (also -h or -?)"),
    USED("h", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("?", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("help-debug", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("version", "", O, 0, "Print the version and exit"),
    USED("conf", "=<file>", O, 0,
         "Read this configuration file; relative paths count from the data folder (default: "
         "quoin.conf if there is one, else bitcoin.conf)"),
    USED("includeconf", "=<file>", QC_OPTS_HIDDEN, 0, NULL),
    USED("allowignoredconf", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("datadir", "=<dir>", O, QC_OPTF_NO_NEGATION, "Data folder (default: ~/.quoin)"),
    USED("color", "=<when>", O, QC_OPTF_NO_NEGATION,
         "Colours in the output of -getinfo: always, auto or never (default: auto)"),
    USED("named", "", O, 0, "Parameters are given as name=value (default: 0)"),
    USED("rpcid", "=<id>", O, QC_OPTF_NO_NEGATION | QC_OPTF_NO_ELISION,
         "Id of the request (default: 1)"),
    USED("rpcclienttimeout", "=<n>", O, 0,
         "Seconds to wait for an answer, 0 for ever (default: 900)"),
    USED("rpcconnect", "=<ip>", O, 0, "Where the node runs (default: 127.0.0.1)"),
    USED("rpccookiefile", "=<loc>", O, 0,
         "Where the cookie lies; relative paths count from the chain's folder"),
    USED("rpcpassword", "=<pw>", O, QC_OPTF_SENSITIVE, "Password"),
    USED("rpcport", "=<port>", O, QC_OPTF_NETWORK_ONLY,
         "Port of the node (default: 8332, testnet3: 18332, testnet4: 48332, signet: 38332, "
         "regtest: 18443)"),
    USED("rpcuser", "=<user>", O, QC_OPTF_SENSITIVE, "User name"),
    USED("rpcwait", "", O, 0, "Wait for the node to start"),
    USED("rpcwaittimeout", "=<n>", O, QC_OPTF_NO_NEGATION,
         "Seconds to wait with -rpcwait, 0 for ever (default: 0)"),
    USED("rpcwallet", "=<name>", O, 0, "Send to the path /wallet/<name>"),
    USED("stdin", "", O, 0,
         "Read more parameters from the standard input, one per line, until its end. With "
         "-stdinrpcpass the first line is the password"),
    USED("stdinrpcpass", "", O, 0, "Read the password from the standard input, one line"),
    {"stdinwalletpassphrase", "", QC_OPTS_HIDDEN, QC_OPT_REFUSED, 0, NULL, "There is no wallet."},
    {"ipcconnect", "=<address>", QC_OPTS_HIDDEN, QC_OPT_REFUSED, 0, NULL,
     "There is no socket of that kind: JSON-RPC goes over HTTP."},
    USED("getinfo", "", CMD, 0, "Show the state of the node at a glance"),
    USED("follow", "", CMD, 0,
         "Call a method that answers with events and a cursor (watch.waitevent) again and again, "
         "and print each event as one line of JSON. Parameters may follow, the cursor first"),
    USED("generate", "", CMD, 0,
         "Make blocks to a new address of a wallet: number of blocks (default: 1) and tries may "
         "follow"),
    USED("netinfo", "", CMD, 0,
         "Show the peers: level 0 to 4 (default: 0) and outonly may follow, or help"),
    USED("addrinfo", "", CMD, 0, "Show how many addresses the node knows, by network"),
    USED("chain", "=<chain>", C, 0,
         "Chain: main, test, testnet4, signet or regtest (default: main)"),
    USED("regtest", "", C, 0, "Same as -chain=regtest"),
    USED("testnet", "", C, 0, "Same as -chain=test"),
    USED("testnet4", "", C, 0, "Same as -chain=testnet4"),
    USED("signet", "", C, 0, "Same as -chain=signet"),
    USED("signetchallenge", "=<hex>", QC_OPTS_HIDDEN, 0, NULL),
    {.name = NULL}};

const qc_opt *const QC_CLI_OPTIONS[] = {OPTIONS, NULL};
