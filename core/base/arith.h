/* core/base/arith.h: arithmetic that says when it would overflow. Thread: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QC_MIN(a, b) ((a) < (b) ? (a) : (b))
#define QC_MAX(a, b) ((a) > (b) ? (a) : (b))

/** True and *out set when the result fits; false and *out unspecified when it does not. */
#define QC_ADD_OK(a, b, out) (!__builtin_add_overflow((a), (b), (out)))
#define QC_SUB_OK(a, b, out) (!__builtin_sub_overflow((a), (b), (out)))
#define QC_MUL_OK(a, b, out) (!__builtin_mul_overflow((a), (b), (out)))
