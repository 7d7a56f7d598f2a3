#include "core/tool/tool.h"

#define USED(name, arg, group, help)                                                               \
    {                                                                                              \
        name, arg, group, QC_OPT_USED, 0, help, NULL                                               \
    }
#define O QC_OPTS_OPTIONS
#define C QC_OPTS_CHAIN
#define P QC_OPTS_PLUGIN

static const qc_opt OPTIONS[] = {
    USED("help", "", O, "Print this text and exit (also -h or -?)"),
    USED("h", "", QC_OPTS_HIDDEN, NULL),
    USED("?", "", QC_OPTS_HIDDEN, NULL),
    USED("version", "", O, "Print the version and exit"),
    USED("conf", "=<file>", O, "The node's configuration file"),
    USED("includeconf", "=<file>", QC_OPTS_HIDDEN, NULL),
    USED("allowignoredconf", "", QC_OPTS_HIDDEN, NULL),
    USED("datadir", "=<dir>", O, "The node's data folder (default: ~/.quoin)"),
    USED("json", "", O, "inspect, doctor, check: print JSON"),
    USED("yes", "", O, "Do not ask"),
    USED("mode", "=<mode>", O, "enable: isolated or trusted (default: " QC_NEW_GRANT_MODE ")"),
    USED("grant", "=<id=parameters>", O,
         "enable, check: what stands behind an interface in its grant: "
         "'net.listen/1=127.0.0.1:50001'; "
         "may be given again. id=no: not, or not any more"),
    USED("reload", "", O, "pin, enable, disable: then have the node that runs take it up"),
    USED("needs", "=<ids>", O, "new: the interfaces, separated by commas"),
    USED("autotools", "", O, "new: configure.ac and Makefile.am instead of a plain Makefile"),
    USED("dir", "=<dir>", O, "new: where the folder is made (default: here)"),
    USED("mock", "", O, "run: against libquoin-mock, a host in a box"),
    USED("blocks", "=<n>", O, "run, trace: length of the chain (default: 20)"),
    USED("seed", "=<n>", O, "run, trace, check: another chain (default: 1)"),
    USED("rpc", "=<call>", O,
         "run, trace: call a method at the end: 'method [params]'; may be given again"),
    USED("config", "=<name=value>", O,
         "enable, run, trace, check: a value of the plugin's configuration; may be given again"),
    USED("filter", "=<text>", O, "check: only cases whose name holds this"),
    USED("at", "=<k>", O, "check: only the k-th point of a case that has several"),
    USED("timeout", "=<s>", O,
         "check: seconds that a case may take (default: 120); trace of a node: seconds to follow"),
    USED("anystore", "", O,
         "check: its store holds more than the chain says; do not compare stores"),
    USED("in-process", "", O, "check: no process per case, for a debugger"),
    USED("quoind", "=<file>", O,
         "check: the quoind of the case parity (default: the one beside this program)"),
    USED("runner", "=<file>", O, "doctor: the runner to ask (default: the installed one)"),
    USED("templatedir", "=<dir>", QC_OPTS_HIDDEN, NULL),
    USED("plugindir", "=<dir>", P,
         "Folder that holds the plugins' files (default: " QC_PLUGINDIR
         "; of programs that were not installed .libs beside them)"),
    USED("plugingrants", "=<dir>", P,
         "Folder that holds the grant files (default: plugins.d in the chain's folder)"),
    USED("chain", "=<chain>", C, "Chain: main, test, testnet4, signet or regtest (default: main)"),
    USED("regtest", "", C, "Same as -chain=regtest"),
    USED("testnet", "", C, "Same as -chain=test"),
    USED("testnet4", "", C, "Same as -chain=testnet4"),
    USED("signet", "", C, "Same as -chain=signet"),
    USED("signetchallenge", "=<hex>", QC_OPTS_HIDDEN, NULL),
    {.name = NULL}};

const qc_opt *const QC_TOOL_OPTIONS[] = {OPTIONS, NULL};
