/* core/index/keeper.h: what all indexes of the active chain share: a thread that takes the index
 * block by block to the tip, back over blocks that have left the chain, and commits where it
 * stands. It reads the published chain only; the chain thread never waits for it. What is committed
 * is never ahead of what the chain has made durable, so that after a crash its blocks are there to
 * go back over. While pruning is on, the blocks it still needs are held. */
#pragma once
#include "core/chain/chain.h"
#include "core/index/bookmark.h"

typedef struct qc_keeper qc_keeper;

/** What an index does. All on its own thread, but for locator and restore, which are called while
 * it starts. Any failure but those said stops the index for good. */
typedef struct qc_keeper_ops {
    const char *name;        /* "txindex": for the operator */
    const char *thread_name; /* 15 characters at most */
    bool append_spent;       /* append() wants the spent coins, too */
    bool remove_block;       /* remove() wants the block, with them */
    /** Where it stood at its last commit. */
    qc_err (*locator)(void *arg, qc_bookmark *out);
    /** Go on from this block (NULL: from nothing). QC_ENOENT: the index has nothing of it; the next
     *  one of the locator is tried. */
    qc_err (*restore)(void *arg, const qc_index *at);
    /** Take in a block, the child of the last one. */
    qc_err (*append)(void *arg, const qc_index *i, const qc_block *b);
    /** Take back the last one. b NULL unless remove_block. */
    qc_err (*remove)(void *arg, const qc_index *i, const qc_block *b);
    /** Make all of it durable, with the position. */
    qc_err (*commit)(void *arg, const qc_bookmark *l);
} qc_keeper_ops;

/** Start the thread; before the chain thread runs. `ops` and `arg` outlive it.
 *  Returns: QC_OK; QC_EPRUNED (blocks that it needs are gone: detail says what to do); what
 *  locator() and restore() say; QC_EIO. Out: owned, qc_keeper_stop() then qc_keeper_free(). */
QC_MUST_CHECK qc_err qc_keeper_start(qc_keeper **out, const qc_keeper_ops *ops, void *arg,
                                     qc_chain *c, char *detail, size_t cap);
/** Commit and join the thread. Before the chain closes. NULL is allowed. */
void qc_keeper_stop(qc_keeper *f);
/** After the chain has closed. NULL is allowed. */
void qc_keeper_free(QC_OWN qc_keeper *f);

const char *qc_keeper_name(const qc_keeper *f);
/** Height of the newest block indexed (-1: none), and whether it is the tip. Thread: any. */
int64_t qc_keeper_height(const qc_keeper *f, bool *synced);
/** Wait until the index has reached the tip of this moment, at most `ms`. True: it has. Thread: any
 *  but chain. */
bool qc_keeper_wait(qc_keeper *f, int64_t ms);
