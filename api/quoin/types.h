/* quoin/types.h: status codes and the small types that every interface shares.
 *
 * Made by api/generate.py from api/interfaces/types.toml: change that, then run it. */
#ifndef QUOIN_TYPES_H
#define QUOIN_TYPES_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** 0 is success, negative is failure. The set is open: treat an unknown negative as failure. */
typedef int32_t qn_status;

/** A granted, limited, revocable handle; every method of every table takes one first. Opaque. */
typedef struct qn_cap qn_cap;

/** Begins every table, and the unstable part of an unstable one. It counts only its own part. */
typedef struct qn_head {
    uint32_t size;     /* bytes of this part that the host filled in, head included */
    uint32_t revision; /* append steps so far */
} qn_head;

/* Does the host's table reach that far? Ask before using a method newer than the revision that
 * the manifest requires. QN_HAS: a stable table. QN_HAS_STABLE, QN_HAS_U: the two parts of an
 * unstable one. */
#define QN_REACHES(t, head, m)                                                                     \
    ((t)->head.size >= (size_t)((const char *)&(t)->m - (const char *)&(t)->head) + sizeof((t)->m))
#define QN_HAS(t, m) QN_REACHES(t, h, m)
#define QN_HAS_STABLE(t, m) QN_REACHES(t, stable.h, stable.m)
#define QN_HAS_U(t, m) QN_REACHES(t, u, m)

/* Does not compile when a type has another size. */
#define QN_SAME_SIZE(t, n) extern char qn_size_of_##t[sizeof(t) == (n) ? 1 : -1]

/** Set *out to zero and its size; for structs that the host fills in or reads. */
#define QN_INIT(p) (*(p) = (__typeof__(*(p))){.size = sizeof *(p)})

/* Status codes. */
#define QN_OK 0 /* done */
/* the operator's grant does not allow it, or the manifest does not ask for it */
#define QN_E_DENIED (-1)
#define QN_E_NOSUCH (-2)  /* this host does not know such an interface */
#define QN_E_OLDHOST (-3) /* the interface is known, but with fewer methods than asked for */
#define QN_E_REVOKED (-4) /* the grant was withdrawn, or the plugin is being stopped */
/* a limit of the grant was reached (window, count, rate); free something or wait */
#define QN_E_LIMIT (-5)
/* the handle is closed or was never open, or the other side has gone */
#define QN_E_CLOSED (-6)
#define QN_E_INVAL (-7)        /* an argument is malformed or outside its named limits */
#define QN_E_AGAIN (-8)        /* nothing now; the callback given at open tells when to ask again */
#define QN_E_NOTFOUND (-9)     /* no such block, key, transaction, height ... */
#define QN_E_PRUNED (-10)      /* it was here and has been pruned */
#define QN_E_UNKNOWN_TIP (-11) /* the first hash of the locator is not known to this node */
#define QN_E_UNSUPPORTED (-12) /* the method was withdrawn, or this node cannot do it */
#define QN_E_NOMEM (-13)       /* memory for the answer could not be had */
#define QN_E_IO (-14)          /* the disk failed */
#define QN_E_CORRUPT (-15)     /* stored bytes do not decode or fail their checksum */
#define QN_E_FULL (-16)        /* the quota of the grant or the disk is full */
#define QN_E_END (-17)         /* the walk is at its end */
#define QN_E_TIMEOUT (-18)     /* the deadline passed first */
/* the caller's buffer is too small; the count says how much is needed */
#define QN_E_SPACE (-19)
#define QN_E_EXISTS (-20)   /* it is there already */
#define QN_E_THREAD (-21)   /* called from a thread that may not call it */
#define QN_E_BUSY (-22)     /* held by somebody else, or not ready yet */
#define QN_E_CANCELED (-23) /* given up on request */
#define QN_E_INTERNAL (-24) /* the host met a bug of its own and went on */
#define QN_E_REFUSED (-25)  /* the other machine refused the connection, or cannot be reached */
#define QN_E_RESOLVE (-26)  /* no address could be found for the host's name */
#define QN_E_PROXY (-27)    /* the node's proxy could not be reached, or refused */
/* the node has no tip yet, or is still catching up with the network */
#define QN_E_NOTREADY (-28)
#define QN_E_STALE (-29) /* it was made for a tip that is not the tip any more */

/** A txid, wtxid, block hash ... in wire order (reversed when shown as text).
 *  Never changes. */
typedef struct qn_hash {
    uint8_t b[32]; /* the bytes */
} qn_hash;

/** A block by hash and height. Never changes. */
typedef struct qn_block_ref {
    qn_hash hash;    /* block hash */
    uint32_t height; /* 0 is the genesis block */
} qn_block_ref;

#ifdef __cplusplus
}
#endif
#endif
