/* core/mining/make.h: from chosen transactions to a template. Internal to core/mining. */
#pragma once
#include "core/mining/choose.h"

/** What all templates of a node have in common. Borrowed. */
typedef struct qc_maker {
    const qc_params *params;
    bool has_version; /* -blockversion: only where blocks are mined on demand */
    int32_t version;
} qc_maker;

typedef struct qc_make {
    uint64_t id;
    const qc_index *tip;
    const qc_template *parent; /* of a template on a block that is not found yet; else NULL */
    const qc_template_options *o;
    qc_template_kind kind;
    qc_template_why why;
    qc_unixtime now;
    uint64_t updates;
    qc_mono t_tip;
} qc_make;

/** `chosen` is taken. Returns: QC_OK; QC_ENOMEM. Out: *out shared, qc_template_unref(). Thread:
 * any. */
QC_MUST_CHECK qc_err qc_make_template(const qc_maker *m, const qc_make *req,
                                      QC_OWN qc_chosen *chosen, const qc_template **out);
