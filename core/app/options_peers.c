/* Options of parts that do not exist yet, or never will: accepted, so that a set-up made for
 * bitcoind starts, and said so in -help and in one log line each. */
#include "core/app/options.h"

#define NO_PEERS "the peer layer does not know it yet."
#define NO_WALLET "there is no wallet; keys belong into another program."
#define NO_GUI "there is no graphical interface."
#define USE_PLUGIN                                                                                 \
    "A publisher for this does not exist in this version: poll JSON-RPC, or use -blocknotify."

#define PEER(name, arg, help)                                                                      \
    {                                                                                              \
        name, arg, QC_OPTS_CONNECTION, QC_OPT_NO_EFFECT, 0, help, NO_PEERS                         \
    }
#define LIVE_PEER(name, arg, help)                                                                 \
    {                                                                                              \
        name, arg, QC_OPTS_CONNECTION, QC_OPT_USED, 0, help, NULL                                  \
    }
#define LIVE_NPEER(name, arg, help)                                                                \
    {                                                                                              \
        name, arg, QC_OPTS_CONNECTION, QC_OPT_USED, QC_OPTF_NETWORK_ONLY, help, NULL               \
    }
#define POOL(name, arg, help)                                                                      \
    {                                                                                              \
        name, arg, QC_OPTS_RELAY, QC_OPT_USED, 0, help, NULL                                       \
    }
#define TEST(name, arg, group, help)                                                               \
    {                                                                                              \
        name, arg, group, QC_OPT_USED, QC_OPTF_DEBUG_ONLY, help, NULL                              \
    }
#define INERT(name, arg, note)                                                                     \
    {                                                                                              \
        name, arg, QC_OPTS_HIDDEN, QC_OPT_NO_EFFECT, 0, NULL, note                                 \
    }
#define HIDDEN(name, arg, note)                                                                    \
    {                                                                                              \
        name, arg, QC_OPTS_HIDDEN, QC_OPT_NO_EFFECT, 0, NULL, note                                 \
    }
#define REFUSED(name, arg, note)                                                                   \
    {                                                                                              \
        name, arg, QC_OPTS_HIDDEN, QC_OPT_REFUSED, 0, NULL, note                                   \
    }

const qc_opt QC_OPTIONS_PEERS[] = {
    LIVE_NPEER("addnode", "=<ip>", "Peer to stay connected to"),
    LIVE_NPEER("bind", "=<addr>[:<port>][=onion]",
               "Address to listen on for peers; =onion: where Tor connects for its visitors "
               "(default: all addresses, and 127.0.0.1 at the next port for Tor)"),
    LIVE_NPEER("connect", "=<ip>", "The only peers to connect to; 0: none"),
    LIVE_NPEER("port", "=<port>", "Port to listen on for peers"),
    LIVE_PEER("asmap", "=<file>", "Map from addresses to autonomous systems"),
    LIVE_PEER("bantime", "=<n>", "Seconds a ban lasts (default: 86400)"),
    LIVE_PEER("blocksonly", "", "Take no transactions from peers"),
    LIVE_PEER("blockreconstructionextratxn", "=<n>",
              "Transactions outside the pool to keep for compact blocks (default: 100)"),
    LIVE_PEER("capturemessages", "", "Write all peer messages to disk"),
    LIVE_PEER("checkaddrman", "=<n>", "Check the address manager"),
    LIVE_PEER("cjdnsreachable", "", "Addresses in fc00::/8 are of CJDNS"),
    LIVE_PEER("discover", "",
              "Find out own addresses (default: 1 when listening and neither -externalip nor "
              "-proxy is given)"),
    LIVE_PEER("dns", "", "Look up names of peers and proxies here (default: 1)"),
    LIVE_PEER("dnsseed", "",
              "Ask DNS for peers when few are connected (default: 1 unless -connect or "
              "-maxconnections=0)"),
    LIVE_PEER("externalip", "=<ip>", "Own public address. May be given several times"),
    LIVE_PEER("fixedseeds", "", "Use built-in peers when nothing else helps (default: 1)"),
    LIVE_PEER("forcednsseed", "", "Always ask DNS for peers (default: 0)"),
    LIVE_PEER("i2pacceptincoming", "",
              "Accept peers over I2P, under an address that is kept; 0: connect only, from an "
              "address of its own each time (default: 1)"),
    LIVE_PEER("i2psam", "=<ip:port>", "SAM port of the I2P router through which I2P is reached"),
    LIVE_PEER("inboundrelaypercent", "=<n>",
              "Share of inbound peers that may relay transactions, in percent (default: 50)"),
    LIVE_PEER("listen", "", "Accept peers"),
    LIVE_PEER("listenonion", "", "Ask Tor for an onion service (default: 1)"),
    LIVE_PEER("maxconnections", "=<n>",
              "Largest number of peers but for those named by -addnode; 11 are kept for "
              "connections that we make (default: 200)"),
    LIVE_PEER("maxreceivebuffer", "=<n>",
              "Thousands of bytes from a peer that may wait to be processed (default: 5000)"),
    LIVE_PEER("maxsendbuffer", "=<n>",
              "Thousands of bytes that may wait to be sent to a peer before its messages wait too "
              "(default: 1000)"),
    LIVE_PEER("maxuploadtarget", "=<n>",
              "Upload in 24 hours to stay below: then blocks older than a week are only given to "
              "peers with permission download. 0: no limit (default: 0). Units k m g t of 1000, "
              "K M G T of 1024 (default: M)"),
    LIVE_PEER("natpmp", "",
              "Ask the router by PCP or NAT-PMP to forward the port (default: 1 when listening "
              "without -proxy)"),
    LIVE_PEER("networkactive", "", "Use the network at all"),
    LIVE_PEER("onion", "=<ip:port|path>",
              "SOCKS5 proxy for onion peers, or unix:PATH; 0: none are connected to (default: "
              "-proxy, else what Tor's control port says)"),
    LIVE_PEER("onlynet", "=<net>",
              "Make automatic connections to this network only: ipv4, ipv6, onion, i2p or cjdns. "
              "May be given several times"),
    LIVE_PEER("peerbloomfilters", "", "Serve bloom filters (default: 0)"),
    LIVE_PEER("peertimeout", "=<n>", "Seconds until a silent peer is dropped"),
    LIVE_PEER(
        "privatebroadcast", "",
        "Send transactions of sendrawtransaction over connections of their own through Tor or "
        "I2P, and take them into the mempool when they come back (default: 0)"),
    LIVE_PEER("proxy", "=<ip>[:<port>]|unix:<path>[=<network>]",
              "SOCKS5 proxy for peers and for connections that plugins make; =ipv4, =ipv6, =tor or "
              "=cjdns: for that network only. May be given several times"),
    LIVE_PEER("proxyrandomize", "",
              "New proxy credentials for each connection, so that Tor keeps them apart (default: "
              "1)"),
    LIVE_PEER("seednode", "=<ip>",
              "Peer to ask for addresses, tried before DNS. May be given several times"),
    LIVE_PEER("signetseednode", "=<ip>",
              "Name that gives addresses of signet's peers, in place of the built-in ones"),
    LIVE_PEER("timeout", "=<n>", "Milliseconds to wait for a connection (default: 5000)"),
    LIVE_PEER("torcontrol", "=<ip>:<port>",
              "Tor's control port, for -listenonion (default: 127.0.0.1:9051)"),
    {"torpassword", "=<pass>", QC_OPTS_CONNECTION, QC_OPT_USED, QC_OPTF_SENSITIVE,
     "Password of Tor's control port; without one its cookie is used", NULL},
    PEER("txreconciliation", "", "Reconcile transactions with peers"),
    {"txsendrate", "=<n>", QC_OPTS_RELAY, QC_OPT_USED, QC_OPTF_DEBUG_ONLY,
     "Transactions announced to inbound peers per second (default: 14)", NULL},
    LIVE_PEER(
        "upnp", "",
        "Ask the router by UPnP to forward the port (default: 0: whatever device of the local "
        "network says that it is the router is believed, and a library parses what it sends, "
        "in a process of its own)"),
    TEST("upnpurl", "=<url>", QC_OPTS_CONNECTION,
         "Description of the router that -upnp asks, in place of a search"),
    LIVE_PEER("v2transport", "", "Encrypt connections to peers (default: 1)"),
    LIVE_PEER("whitebind", "=<[permissions@]addr>",
              "Address and port to listen on, with permissions for all who come there"),
    LIVE_PEER("whitelist", "=<[permissions@]IP address or network>", "Peers with permissions"),
    LIVE_PEER("whitelistforcerelay", "",
              "Permission forcerelay for whitelisted peers without named permissions (default: 0)"),
    LIVE_PEER("whitelistrelay", "",
              "Permission relay for whitelisted peers without named permissions (default: 1)"),
    {.name = NULL}};

const qc_opt QC_OPTIONS_POLICY[] = {
    TEST("acceptnonstdtxn", "", QC_OPTS_RELAY,
         "Relay and mine transactions of no standard form, not on the main chain (default: 0)"),
    TEST("acceptstalefeeestimates", "", QC_OPTS_DEBUG,
         "Read fee estimates however old they are; regtest only (default: 0: up to 60 hours)"),
    POOL("bytespersigop", "=<n>",
         "Bytes that a signature operation counts for at least, in relay and mining (default: 20)"),
    TEST("checkmempool", "=<n>", QC_OPTS_DEBUG,
         "Check the mempool for consistency after one of so many changes of the tip, 0: never "
         "(default: 0, regtest: 1)"),
    POOL("datacarrier", "", "Relay and mine outputs that hold data (default: 1)"),
    POOL("datacarriersize", "=<n>",
         "Bytes of all such outputs of a transaction, scripts included (default: 100000)"),
    TEST("dustrelayfee", "=<amt>", QC_OPTS_RELAY,
         "Fee rate in BTC/kvB at which an output that costs more to spend than it holds is dust "
         "(default: 0.00003)"),
    TEST("incrementalrelayfee", "=<amt>", QC_OPTS_RELAY,
         "Fee rate in BTC/kvB by which a replacement must pay more, and the mempool's minimum goes "
         "up when it is full (default: 0.000001)"),
    INERT("limitancestorcount", "=<n>", "cluster limits replaced it."),
    TEST("limitclustercount", "=<n>", QC_OPTS_DEBUG,
         "Connected transactions in the mempool, at most 64 (default: 64)"),
    TEST("limitclustersize", "=<n>", QC_OPTS_DEBUG,
         "Thousands of virtual bytes of connected transactions in the mempool (default: 101)"),
    INERT("limitdescendantcount", "=<n>", "cluster limits replaced it."),
    {"maxmempool", "=<n>", QC_OPTS_OPTIONS, QC_OPT_USED, 0,
     "Megabytes of memory for the mempool (default: 300, 5 with -blocksonly)", NULL},
    {"mempoolexpiry", "=<n>", QC_OPTS_OPTIONS, QC_OPT_USED, 0,
     "Hours that a transaction stays in the mempool (default: 336)", NULL},
    POOL("minrelaytxfee", "=<amt>",
         "Fee rate in BTC/kvB below which transactions are neither relayed nor mined (default: "
         "0.000001)"),
    POOL("permitbaremultisig", "",
         "Relay and mine outputs of multisig scripts that are not hashed (default: 1)"),
    {"persistmempool", "", QC_OPTS_OPTIONS, QC_OPT_USED, 0,
     "Keep the mempool over a restart (default: 1)", NULL},
    {"persistmempoolv1", "", QC_OPTS_OPTIONS, QC_OPT_USED, 0,
     "Write mempool.dat in the old format, without obfuscation (default: 0)", NULL},
    {"privatebroadcast", "", QC_OPTS_RELAY, QC_OPT_NO_EFFECT, 0,
     "Send own transactions over short private connections", NO_PEERS},
    HIDDEN("limitancestorsize", "=<n>", "cluster limits replaced it."),
    HIDDEN("limitdescendantsize", "=<n>", "cluster limits replaced it."),
    {.name = NULL}};

const qc_opt QC_OPTIONS_OTHER[] = {
    HIDDEN("settings", "=<file>", "there are no settings that change at run time."),
    HIDDEN("addresstype", "", NO_WALLET),
    HIDDEN("avoidpartialspends", "", NO_WALLET),
    HIDDEN("changetype", "", NO_WALLET),
    HIDDEN("consolidatefeerate", "=<amt>", NO_WALLET),
    HIDDEN("disablewallet", "", NO_WALLET),
    HIDDEN("discardfee", "=<amt>", NO_WALLET),
    HIDDEN("fallbackfee", "=<amt>", NO_WALLET),
    HIDDEN("keypool", "=<n>", NO_WALLET),
    HIDDEN("maxapsfee", "=<n>", NO_WALLET),
    HIDDEN("maxtxfee", "=<amt>", NO_WALLET),
    HIDDEN("mintxfee", "=<amt>", NO_WALLET),
    HIDDEN("signer", "=<cmd>", NO_WALLET),
    HIDDEN("spendzeroconfchange", "", NO_WALLET),
    HIDDEN("txconfirmtarget", "=<n>", NO_WALLET),
    HIDDEN("wallet", "=<path>", NO_WALLET),
    HIDDEN("walletbroadcast", "", NO_WALLET),
    HIDDEN("walletdir", "=<dir>", NO_WALLET),
    HIDDEN("walletnotify", "=<cmd>", NO_WALLET),
    HIDDEN("walletrbf", "", NO_WALLET),
    HIDDEN("walletrejectlongchains", "", NO_WALLET),
    HIDDEN("walletcrosschain", "", NO_WALLET),
    HIDDEN("unsafesqlitesync", "", NO_WALLET),
    HIDDEN("choosedatadir", "", NO_GUI),
    HIDDEN("lang", "=<lang>", NO_GUI),
    HIDDEN("min", "", NO_GUI),
    HIDDEN("resetguisettings", "", NO_GUI),
    HIDDEN("splash", "", NO_GUI),
    HIDDEN("uiplatform", "", NO_GUI),
    REFUSED("ipcbind", "=<address>", "There is no capnp interface: plugins take its place."),
    REFUSED("zmqpubhashblock", "=<address>", USE_PLUGIN),
    REFUSED("zmqpubhashtx", "=<address>", USE_PLUGIN),
    REFUSED("zmqpubrawblock", "=<address>", USE_PLUGIN),
    REFUSED("zmqpubrawtx", "=<address>", USE_PLUGIN),
    REFUSED("zmqpubsequence", "=<address>", USE_PLUGIN),
    HIDDEN("zmqpubhashblockhwm", "=<n>", "there is no ZeroMQ publisher."),
    HIDDEN("zmqpubhashtxhwm", "=<n>", "there is no ZeroMQ publisher."),
    HIDDEN("zmqpubrawblockhwm", "=<n>", "there is no ZeroMQ publisher."),
    HIDDEN("zmqpubrawtxhwm", "=<n>", "there is no ZeroMQ publisher."),
    HIDDEN("zmqpubsequencehwm", "=<n>", "there is no ZeroMQ publisher."),
    {.name = NULL}};
