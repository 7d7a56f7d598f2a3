/* core/conf/load.h: data folder and configuration files, found and read the same way by every
 * program. May block on disk. */
#pragma once
#include "core/conf/settings.h"

typedef struct qc_conf_paths {
    char *base;    /* data folder of all chains, absolute; owned */
    char *conf;    /* configuration file in use, NULL: none; owned */
    char *warning; /* something to tell the operator, or NULL; owned */
} qc_conf_paths;

/** After qc_settings_args(): find the data folder (-datadir, else ~/.quoin), read its configuration
 *  file (-conf, else quoin.conf, else bitcoin.conf) and what it includes, and select the chain.
 *  Nothing is created. Out: *p, qc_conf_paths_clear() in any case; *error owned on failure, a whole
 *  sentence. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_conf_load(qc_settings *s, qc_conf_paths *p, char **error);
void qc_conf_paths_clear(qc_conf_paths *p);

/** <base>[/<folder of the chain>]. Out: owned. */
char *qc_conf_net_dir(const char *base, const char *chain_folder);
/** `path` if absolute, else below `base`. Out: owned. */
char *qc_conf_path_in(const char *base, const char *path);
/** A path option: NULL when negated; the default when not set or empty; relative ones below `base`.
 *  Out: owned. */
char *qc_conf_file_option(const qc_settings *s, const char *name, const char *dflt,
                          const char *base);
/** -plugindir; else, for a program that was not installed, the folder beside it that libtool builds
 *  plugins in; else `installed`. Out: owned. */
char *qc_conf_plugin_dir(const qc_settings *s, const char *installed);
/** A command to be typed as it is: `program` ("quoin-cli" or "quoin-plugin") with the options, as
 *  given, that have it find the same node: datadir (NULL: the usual one), -conf, the chain, and for
 *  the latter its folders. Out: owned. */
char *qc_conf_command(const qc_settings *s, const char *program, const char *datadir,
                      const char *chain);
bool qc_conf_is_dir(const char *path);
/** Folder of a chain below the base ("test": "testnet3", "main": ""); NULL: no such chain. */
const char *qc_conf_chain_folder(const char *chain);
/** Core's RPC port of a chain; 0: no such chain. */
uint16_t qc_conf_rpc_port(const char *chain);
