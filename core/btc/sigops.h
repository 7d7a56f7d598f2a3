/* core/btc/sigops.h: counting signature operations in a script. It lies below the interpreter
 * because the parse counts them while it has the bytes at hand. Thread: any. */
#pragma once
#include "core/base/bytes.h"

/** CScript::GetSigOpCount(accurate): counts up to the first push that does not fit. accurate: a
 *  CHECKMULTISIG after OP_1..OP_16 counts that many, else 20. */
uint32_t qc_sigops_count(qc_span script, bool accurate);
