/* quoin/plugin.h: what makes a shared object a plugin: its manifest, and its entry.
 *
 * The manifest is JSON in an ELF note, which the host reads without loading the file. The entry is
 * the one exported symbol, and it is data, so that finding it runs nothing. A plugin includes
 * this header, the headers of the interfaces it uses, and perhaps quoin/sdk.h; it links nothing
 * of the node.
 */
#ifndef QUOIN_PLUGIN_H
#define QUOIN_PLUGIN_H
#include "quoin/host.h"
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One value of the plugin's configuration, as text; borrowed until the call returns. */
typedef struct qn_config_item {
    const char *name;
    const char *value;
} qn_config_item;

/** The whole configuration: every member of the manifest's schema, defaults filled in, checked
 *  against type, minimum and maximum. Borrowed until the call returns. */
typedef struct qn_config {
    uint32_t size;
    uint32_t n;
    const qn_config_item *item;
} qn_config;

/** The entry. All functions run on the plugin's loop, one at a time. */
typedef struct qn_plugin_1_r1 {
    qn_head h;
    const char *id;      /* equal to the manifest's */
    const char *version; /* equal to the manifest's */

    /** Take what is needed from the host (host->get) and set up. `cap` is the handle for `host`;
     *  both are valid until fini() has returned. Nothing else of the host runs before this.
     *  self: the plugin's own state, given back in every other call.
     *  Returns: QN_OK, or the reason not to run (fini is then not called). */
    qn_status (*init)(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self);

    /** Begin to work: open subscriptions, offer methods. The plugin is RUNNING when it returns. */
    qn_status (*start)(void *self);

    /** The operator changed values that the schema marks live. NULL: none are. */
    qn_status (*reconfigure)(void *self, const qn_config *config);

    /** Finish: commit, acknowledge, close. Subscriptions still open are closed by the host. */
    qn_status (*stop)(void *self, uint32_t deadline_ms);

    /** Free everything. No callback runs after stop() has returned. */
    void (*fini)(void *self);
} qn_plugin_1_r1;

/** The newest revision. */
typedef qn_plugin_1_r1 qn_plugin_1;

#define QN_EXPORT __attribute__((visibility("default")))

/** The one exported symbol of a plugin. */
extern QN_EXPORT const qn_plugin_1 qn_plugin_entry;

/** Head of qn_plugin_entry: `.h = QN_PLUGIN_HEAD`. */
#define QN_PLUGIN_HEAD                                                                             \
    {                                                                                              \
        sizeof(qn_plugin_1), 1                                                                     \
    }

#define QN_MANIFEST_MAX 16384 /* bytes of JSON */
#define QN_NOTE_NAME "QUOIN"
#define QN_NOTE_TYPE 1

/* An ELF note is three words, the name and the descriptor, each padded to four bytes. */
#define QN_NOTE_(desc_len, ...)                                                                    \
    __attribute__((section(".note.quoin"), used, aligned(4))) static const struct {                \
        uint32_t name_len, len, type;                                                              \
        char name[8];                                                                              \
        char desc[((desc_len) + 3u) & ~3u];                                                        \
    } qn_manifest_note_ = {sizeof(QN_NOTE_NAME), (desc_len), QN_NOTE_TYPE, QN_NOTE_NAME,           \
                           __VA_ARGS__}

/** The manifest as a string literal; once, at file scope. */
#define QN_PLUGIN_MANIFEST(json) QN_NOTE_(sizeof(json), json)

/** The same from bytes: what manifest2h.py writes from a manifest.json, since C promises no more
 *  than 4,095 characters in a literal. */
#define QN_PLUGIN_MANIFEST_BYTES(n, ...) QN_NOTE_(n, {__VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
