/* Options of the program itself: folders, files, start and stop, log, RPC server, plugins. */
#include "core/app/options.h"

const qc_opt *const QC_OPTIONS[] = {QC_OPTIONS_NODE,  QC_OPTIONS_CHAIN,   QC_OPTIONS_LOG,
                                    QC_OPTIONS_RPC,   QC_OPTIONS_PEERS,   QC_OPTIONS_POLICY,
                                    QC_OPTIONS_OTHER, QC_OPTIONS_PLUGINS, NULL};

#define USED(name, arg, group, flags, help)                                                        \
    {                                                                                              \
        name, arg, group, QC_OPT_USED, flags, help, NULL                                           \
    }
#define O QC_OPTS_OPTIONS

const qc_opt QC_OPTIONS_NODE[] = {
    USED("help", "", O, 0, "Print this text and exit (also -h or -?)"),
    USED("h", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("?", "", QC_OPTS_HIDDEN, 0, NULL),
    USED("help-debug", "", QC_OPTS_DEBUG, 0, "Print help with the options for debugging and exit"),
    USED("version", "", O, 0, "Print the version and exit"),
    USED("conf", "=<file>", O, 0,
         "Read this configuration file; relative paths count from the data folder (default: "
         "quoin.conf if there is one, else bitcoin.conf). Only on the command line"),
    USED("includeconf", "=<file>", O, 0,
         "Read another configuration file as well, relative to the data folder. Only inside a "
         "configuration file; -noincludeconf on the command line reads none"),
    USED("allowignoredconf", "", O, 0,
         "Start although the data folder holds a configuration file that is not the one in use"),
    USED("datadir", "=<dir>", O, QC_OPTF_NO_NEGATION, "Data folder (default: ~/.quoin)"),
    USED("blocksdir", "=<dir>", O, 0,
         "Folder below which the block files lie (default: the data folder)"),
    USED("pid", "=<file>", O, 0,
         "Pid file; relative paths count from the chain's folder (default: bitcoind.pid)"),
    USED("daemon", "", O, 0, "Run in the background (default: 0)"),
    USED("daemonwait", "", O, 0,
         "As -daemon, but exit only when the start has succeeded or failed (default: 0)"),
    USED("alertnotify", "=<cmd>", O, 0,
         "Run a command for each warning about the node's state (%s in it is the text)"),
    USED("blocknotify", "=<cmd>", O, 0,
         "Run a command when the best block changes, after the initial download (%s in it is the "
         "block hash)"),
    USED("startupnotify", "=<cmd>", O, 0, "Run a command when the start is complete"),
    USED("shutdownnotify", "=<cmd>", O, 0,
         "Run a command before shutdown begins, and wait for it. May be given several times"),
    USED("uacomment", "=<cmt>", QC_OPTS_DEBUG, 0, "Add a comment to the user agent text"),
    USED("mocktime", "=<n>", QC_OPTS_DEBUG, QC_OPTF_DEBUG_ONLY,
         "Start with the clock fixed at this time (default: 0, off)"),
    {.name = NULL}};

#define L QC_OPTS_DEBUG
const qc_opt QC_OPTIONS_LOG[] = {
    USED("debug", "=<category>", L, 0,
         "Log debug messages of a category; 1, all or nothing: of every one; 0 or none: forget the "
         "categories given before. May be given several times"),
    USED("debugexclude", "=<category>", L, 0,
         "Do not log debug messages of a category, whatever -debug says"),
    USED("debuglogfile", "=<file>", O, 0,
         "Log file; relative paths count from the chain's folder; -nodebuglogfile writes none "
         "(default: debug.log)"),
    USED("loglevel", "=<level>|<category>:<level>", L,
         QC_OPTF_NO_NEGATION | QC_OPTF_NO_ELISION | QC_OPTF_DEBUG_ONLY,
         "Most verbose level logged for enabled categories: info, debug or trace (default: debug)"),
    USED("loglevelalways", "", L, 0, "Always print category and level (default: 0)"),
    USED("logtimestamps", "", L, 0, "Print the time before each line (default: 1)"),
    USED("logtimemicros", "", L, QC_OPTF_DEBUG_ONLY, "Print microseconds (default: 0)"),
    USED("logthreadnames", "", L, 0, "Print the thread's name (default: 0)"),
    {"logsourcelocations", "", L, QC_OPT_NO_EFFECT, 0, "Print source file and line",
     "log lines name their area, not their place in the source."},
    {"logips", "", L, QC_OPT_NO_EFFECT, 0, "Log IP addresses",
     "addresses of peers are logged as they are."},
    {"logratelimit", "", L, QC_OPT_NO_EFFECT, 0, "Limit the rate of unconditional log lines",
     "each module limits what others can cause."},
    USED("printtoconsole", "", L, 0,
         "Print the log on the standard output as well (default: 1 unless -daemon)"),
    USED("shrinkdebugfile", "", L, 0,
         "Cut a log file of more than 11 MB to its last 10 MB at the start (default: 1 when no "
         "-debug)"),
    {.name = NULL}};

#define R QC_OPTS_RPC
const qc_opt QC_OPTIONS_RPC[] = {
    USED("server", "", R, 0, "Serve JSON-RPC (default: 1)"),
    USED("rpcallowip", "=<ip>", R, 0,
         "Accept JSON-RPC from an address, network/bits or network/mask. May be given several "
         "times (default: this machine only)"),
    USED("rpcauth", "=<userpw>", R, QC_OPTF_SENSITIVE,
         "A user as name:salt$hash, where hash is the HMAC-SHA-256 of the password keyed with the "
         "salt. May be given several times"),
    USED("rpcbind", "=<addr>[:port]", R, QC_OPTF_NETWORK_ONLY,
         "Listen for JSON-RPC on this address; counts only together with -rpcallowip. Never expose "
         "it to a network you do not trust. May be given several times (default: 127.0.0.1 and "
         "::1)"),
    USED("rpccookiefile", "=<loc>", R, 0,
         "Where the cookie lies; relative paths count from the chain's folder (default: .cookie)"),
    USED("rpccookieperms", "=<readable-by>", R, 0,
         "Who may read the cookie: owner, group or all (default: owner)"),
    USED("rpcuser", "=<user>", R, QC_OPTF_SENSITIVE, "User name for JSON-RPC"),
    USED("rpcpassword", "=<pw>", R, QC_OPTF_SENSITIVE, "Password for JSON-RPC"),
    USED("rpcport", "=<port>", R, QC_OPTF_NETWORK_ONLY,
         "Port for JSON-RPC (default: 8332, testnet3: 18332, testnet4: 48332, signet: 38332, "
         "regtest: 18443)"),
    USED("rpcservertimeout", "=<n>", R, QC_OPTF_DEBUG_ONLY,
         "Seconds after which an idle or slow client is dropped (default: 30)"),
    USED("rpcthreads", "=<n>", R, 0, "Threads that serve JSON-RPC calls (default: 16)"),
    USED("rpcworkqueue", "=<n>", R, QC_OPTF_DEBUG_ONLY,
         "How many calls may wait for a thread (default: 64)"),
    USED("rpcwhitelist", "=<whitelist>", R, 0,
         "Methods a user may call, as name:method,method,... Given again for a user, both must "
         "allow"),
    USED("rpcwhitelistdefault", "", R, 0,
         "Users without a whitelist may call nothing (default: 1 if any -rpcwhitelist is given)"),
    USED("deprecatedrpc", "=<method>", QC_OPTS_DEBUG, QC_OPTF_DEBUG_ONLY,
         "Bring back what a method did before it was deprecated"),
    {"rpcdoccheck", "", R, QC_OPT_NO_EFFECT, QC_OPTF_DEBUG_ONLY,
     "Check results against the documentation", "the tests of the project do that."},
    USED("rest", "", R, 0, "Serve public data below /rest/, without a password (default: 0)"),
    {.name = NULL}};

#define P QC_OPTS_PLUGIN
const qc_opt QC_OPTIONS_PLUGINS[] = {
    USED("plugins", "", P, 0, "Run the plugins that were granted something (default: 1)"),
    USED("plugindir", "=<dir>", P, 0,
         "Folder that holds the plugins' files (default: " QC_PLUGINDIR
         "; of programs that were not installed .libs beside them)"),
    USED("plugingrants", "=<dir>", P, 0,
         "Folder that holds the grant files (default: plugins.d in the chain's folder)"),
    USED("pluginrunner", "=<file>", P, 0,
         "Program that runs a plugin in a process of its own (default: quoin-runner beside quoind, "
         "else the installed one)"),
    USED("pluginuids", "=<base>:<count>", P, 0,
         "Users, by number, for the processes of plugins when the node runs as root (default: "
         "60600:500)"),
    {.name = NULL}};
