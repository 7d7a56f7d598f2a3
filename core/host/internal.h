/* core/host/internal.h: the host object as its parts see it. */
#pragma once
#include "core/host/blocks.h"
#include "core/host/plugin.h"

#define QC_HOST_PLUGINS 256u

struct qc_follower; /* adapter_chain_follow.c */

struct qc_host {
    qc_host_options o;
    char *network, *plugin_dir, *grant_dir, *data_dir;
    qc_chain_thread *chain_thread;
    uint64_t epoch;
    qc_blocks *blocks;
    qc_plugin *plugin[QC_HOST_PLUGINS];
    size_t n_plugin;
    bool rpc_registered;

    pthread_mutex_t lock; /* followers */
    struct qc_follower *followers;
    unsigned n_followers;
};

/** A follower came or went: tells the chain how many there are. Thread: any. */
void qc_host_followers_changed(qc_host *h);
/** Run fn on the chain thread, or here when the caller is it. */
void qc_host_on_chain(qc_host *h, void (*fn)(qc_chain *c, void *arg), void *arg);
/** Wake every follower that waits. Thread: any. */
void qc_followers_wake(qc_host *h);
