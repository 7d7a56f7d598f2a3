/* core/net/asmap.h: a map from IP addresses to autonomous systems in the format of Core's asmap
 * files (util/asmap.cpp): a binary trie as a program of four instructions, packed bit by bit. Pure.
 * Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_ASMAP_MAX (64u << 20) /* bytes of a file that is read */

/** Does every path through the map end, within the file and within 128 bits of address? Only a map
 *  that passed may be looked up in. */
bool qc_asmap_is_sane(qc_span map);
/** The system of an address of 16 bytes (IPv4: ::ffff:a.b.c.d), 0: none. */
uint32_t qc_asmap_lookup(qc_span map, const uint8_t ip[static 16]);
/** What names the map in peers.dat: its double SHA-256; zero for no map. */
qc_hash qc_asmap_version(qc_span map);
