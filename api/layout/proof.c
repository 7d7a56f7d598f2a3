/* Made by api/generate.py: the compiler's word on the layout texts, on 64-bit hosts. */
#define QN_ALLOW_UNSTABLE
#include "quoin/block.h"
#include "quoin/block_read.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/coins_read.h"
#include "quoin/fees_estimate.h"
#include "quoin/host.h"
#include "quoin/http_serve.h"
#include "quoin/io.h"
#include "quoin/mempool.h"
#include "quoin/mempool_follow.h"
#include "quoin/mempool_follow_unstable.h"
#include "quoin/mempool_read.h"
#include "quoin/mining.h"
#include "quoin/mining_check.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/mining_template_unstable.h"
#include "quoin/net_connect.h"
#include "quoin/net_listen.h"
#include "quoin/node_control.h"
#include "quoin/node_read.h"
#include "quoin/peers_control.h"
#include "quoin/peers_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/store_own.h"
#include "quoin/tx_submit.h"
#include "quoin/types.h"
#include "quoin/watch.h"
#include "quoin/watch_unstable.h"

#include <stddef.h>

#define AT(t, m, off) _Static_assert(offsetof(t, m) == (off), #t "." #m)
#define SIZE(t, n) _Static_assert(sizeof(t) == (n), #t)

_Static_assert(sizeof(void *) != 8 || sizeof(qn_head) == 8, "qn_head");

SIZE(qn_hash, 32);
AT(qn_hash, b, 0);

SIZE(qn_block_ref, 36);
AT(qn_block_ref, hash, 0);
AT(qn_block_ref, height, 32);

SIZE(qn_array, 16);
AT(qn_array, off, 0);
AT(qn_array, count, 8);
AT(qn_array, stride, 12);

SIZE(qn_range, 16);
AT(qn_range, off, 0);
AT(qn_range, len, 8);

SIZE(qn_block_view, 200);
AT(qn_block_view, size, 0);
AT(qn_block_view, generation, 4);
AT(qn_block_view, total, 8);
AT(qn_block_view, flags, 16);
AT(qn_block_view, height, 20);
AT(qn_block_view, hash, 24);
AT(qn_block_view, prev, 56);
AT(qn_block_view, tx, 88);
AT(qn_block_view, in, 104);
AT(qn_block_view, out, 120);
AT(qn_block_view, spent, 136);
AT(qn_block_view, fee, 152);
AT(qn_block_view, raw, 168);
AT(qn_block_view, spent_scripts, 184);

SIZE(qn_tx_rec, 104);
AT(qn_tx_rec, txid, 0);
AT(qn_tx_rec, wtxid, 32);
AT(qn_tx_rec, off, 64);
AT(qn_tx_rec, len, 68);
AT(qn_tx_rec, in0, 72);
AT(qn_tx_rec, n_in, 76);
AT(qn_tx_rec, out0, 80);
AT(qn_tx_rec, n_out, 84);
AT(qn_tx_rec, weight, 88);
AT(qn_tx_rec, stripped, 92);
AT(qn_tx_rec, version, 96);
AT(qn_tx_rec, locktime, 100);

SIZE(qn_in_rec, 56);
AT(qn_in_rec, prev_txid, 0);
AT(qn_in_rec, prev_n, 32);
AT(qn_in_rec, sequence, 36);
AT(qn_in_rec, script_off, 40);
AT(qn_in_rec, script_len, 44);
AT(qn_in_rec, witness_off, 48);
AT(qn_in_rec, witness_len, 52);

SIZE(qn_out_rec, 16);
AT(qn_out_rec, value, 0);
AT(qn_out_rec, script_off, 8);
AT(qn_out_rec, script_len, 12);

SIZE(qn_spent_rec, 32);
AT(qn_spent_rec, value, 0);
AT(qn_spent_rec, script_off, 8);
AT(qn_spent_rec, script_len, 16);
AT(qn_spent_rec, height, 20);
AT(qn_spent_rec, coinbase, 24);
AT(qn_spent_rec, reserved, 28);

SIZE(qn_mempool_at, 64);
AT(qn_mempool_at, epoch, 0);
AT(qn_mempool_at, chain_seq, 8);
AT(qn_mempool_at, sequence, 16);
AT(qn_mempool_at, tip, 24);
AT(qn_mempool_at, height, 56);
AT(qn_mempool_at, reserved, 60);

SIZE(qn_mempool_outpoint, 36);
AT(qn_mempool_outpoint, txid, 0);
AT(qn_mempool_outpoint, n, 32);

SIZE(qn_template_view, 1272);
AT(qn_template_view, size, 0);
AT(qn_template_view, flags, 4);
AT(qn_template_view, id, 8);
AT(qn_template_view, kind, 16);
AT(qn_template_view, why, 20);
AT(qn_template_view, height, 24);
AT(qn_template_view, version, 28);
AT(qn_template_view, bits, 32);
AT(qn_template_view, cur_time, 36);
AT(qn_template_view, min_time, 40);
AT(qn_template_view, n_tx, 44);
AT(qn_template_view, prev, 48);
AT(qn_template_view, target, 80);
AT(qn_template_view, reward, 112);
AT(qn_template_view, fees, 120);
AT(qn_template_view, weight, 128);
AT(qn_template_view, sigops, 132);
AT(qn_template_view, tx_bytes, 136);
AT(qn_template_view, n_depends, 140);
AT(qn_template_view, updates, 144);
AT(qn_template_view, t_tip_ns, 152);
AT(qn_template_view, t_built_ns, 160);
AT(qn_template_view, coinbase_version, 168);
AT(qn_template_view, coinbase_sequence, 172);
AT(qn_template_view, coinbase_locktime, 176);
AT(qn_template_view, coinbase_prefix_len, 180);
AT(qn_template_view, coinbase_prefix, 184);
AT(qn_template_view, coinbase_witness, 200);
AT(qn_template_view, n_coinbase_outputs, 232);
AT(qn_template_view, coinbase_outputs_len, 236);
AT(qn_template_view, coinbase_outputs, 240);
AT(qn_template_view, n_rules, 496);
AT(qn_template_view, n_path, 500);
AT(qn_template_view, path, 504);

SIZE(qn_mining_options, 32);
AT(qn_mining_options, size, 0);
AT(qn_mining_options, set, 4);
AT(qn_mining_options, reserved_weight, 8);
AT(qn_mining_options, reserved_sigops, 12);
AT(qn_mining_options, max_weight, 16);
AT(qn_mining_options, flags, 20);
AT(qn_mining_options, min_feerate, 24);

SIZE(qn_mining_solution, 16);
AT(qn_mining_solution, size, 0);
AT(qn_mining_solution, version, 4);
AT(qn_mining_solution, time, 8);
AT(qn_mining_solution, nonce, 12);

SIZE(qn_mining_result, 296);
AT(qn_mining_result, size, 0);
AT(qn_mining_result, is, 4);
AT(qn_mining_result, hash, 8);
AT(qn_mining_result, reason, 40);
AT(qn_mining_result, debug, 104);

SIZE(qn_read_range, 44);
AT(qn_read_range, hash, 0);
AT(qn_read_range, height, 32);
AT(qn_read_range, off, 36);
AT(qn_read_range, len, 40);

SIZE(qn_read_result, 8);
AT(qn_read_result, status, 0);
AT(qn_read_result, len, 4);

SIZE(qn_follow_options, 24);
AT(qn_follow_options, size, 0);
AT(qn_follow_options, set, 4);
AT(qn_follow_options, flags, 8);
AT(qn_follow_options, window, 12);
AT(qn_follow_options, from_height, 16);
AT(qn_follow_options, reserved, 20);

SIZE(qn_follow_event, 112);
AT(qn_follow_event, size, 0);
AT(qn_follow_event, type, 4);
AT(qn_follow_event, flags, 8);
AT(qn_follow_event, lag, 12);
AT(qn_follow_event, epoch, 16);
AT(qn_follow_event, seq, 24);
AT(qn_follow_event, chain_seq, 32);
AT(qn_follow_event, ref, 40);
AT(qn_follow_event, prev, 76);

SIZE(qn_chain_info, 184);
AT(qn_chain_info, size, 0);
AT(qn_chain_info, flags, 4);
AT(qn_chain_info, epoch, 8);
AT(qn_chain_info, chain_seq, 16);
AT(qn_chain_info, tip, 24);
AT(qn_chain_info, durable, 60);
AT(qn_chain_info, best_header, 96);
AT(qn_chain_info, tip_time, 132);
AT(qn_chain_info, tip_mtp, 136);
AT(qn_chain_info, prune_height, 140);
AT(qn_chain_info, chain_work, 144);
AT(qn_chain_info, progress_ppm, 176);
AT(qn_chain_info, reserved, 180);

SIZE(qn_header_rec, 136);
AT(qn_header_rec, ref, 0);
AT(qn_header_rec, flags, 36);
AT(qn_header_rec, chain_tx, 40);
AT(qn_header_rec, n_tx, 48);
AT(qn_header_rec, mtp, 52);
AT(qn_header_rec, raw, 56);

SIZE(qn_chain_params, 124);
AT(qn_chain_params, size, 0);
AT(qn_chain_params, magic, 4);
AT(qn_chain_params, name, 8);
AT(qn_chain_params, bech32_hrp, 24);
AT(qn_chain_params, genesis, 40);
AT(qn_chain_params, base58_pubkey, 72);
AT(qn_chain_params, base58_script, 73);
AT(qn_chain_params, base58_secret, 74);
AT(qn_chain_params, reserved, 75);
AT(qn_chain_params, subsidy_halving, 76);
AT(qn_chain_params, pow_spacing, 80);
AT(qn_chain_params, pow_timespan, 84);
AT(qn_chain_params, pow_limit, 88);
AT(qn_chain_params, p2p_port, 120);

SIZE(qn_coins_at, 56);
AT(qn_coins_at, epoch, 0);
AT(qn_coins_at, chain_seq, 8);
AT(qn_coins_at, tip, 16);
AT(qn_coins_at, height, 48);
AT(qn_coins_at, reserved, 52);

SIZE(qn_coin, 24);
AT(qn_coin, status, 0);
AT(qn_coin, flags, 4);
AT(qn_coin, value, 8);
AT(qn_coin, height, 16);
AT(qn_coin, script_len, 20);

SIZE(qn_coin_row, 56);
AT(qn_coin_row, outpoint, 0);
AT(qn_coin_row, flags, 36);
AT(qn_coin_row, value, 40);
AT(qn_coin_row, height, 48);
AT(qn_coin_row, script_len, 52);

SIZE(qn_fees_estimate, 32);
AT(qn_fees_estimate, size, 0);
AT(qn_fees_estimate, target, 4);
AT(qn_fees_estimate, feerate, 8);
AT(qn_fees_estimate, estimated, 16);
AT(qn_fees_estimate, by, 24);
AT(qn_fees_estimate, height, 28);

SIZE(qn_fees_floors, 104);
AT(qn_fees_floors, size, 0);
AT(qn_fees_floors, max_target, 4);
AT(qn_fees_floors, at, 8);
AT(qn_fees_floors, mempool_min, 72);
AT(qn_fees_floors, min_relay, 80);
AT(qn_fees_floors, incremental, 88);
AT(qn_fees_floors, dust_relay, 96);

SIZE(qn_fees_step, 32);
AT(qn_fees_step, from, 0);
AT(qn_fees_step, vsize, 8);
AT(qn_fees_step, fees, 16);
AT(qn_fees_step, count, 24);
AT(qn_fees_step, reserved, 28);

SIZE(qn_http_route, 24);
AT(qn_http_route, size, 0);
AT(qn_http_route, set, 4);
AT(qn_http_route, methods, 8);
AT(qn_http_route, timeout_ms, 12);
AT(qn_http_route, max_body, 16);
AT(qn_http_route, max_pending, 20);

SIZE(qn_http_span, 8);
AT(qn_http_span, off, 0);
AT(qn_http_span, len, 4);

SIZE(qn_http_request, 72);
AT(qn_http_request, size, 0);
AT(qn_http_request, method, 4);
AT(qn_http_request, request, 8);
AT(qn_http_request, timeout_ms, 16);
AT(qn_http_request, reserved, 20);
AT(qn_http_request, path, 24);
AT(qn_http_request, query, 32);
AT(qn_http_request, headers, 40);
AT(qn_http_request, user, 48);
AT(qn_http_request, peer, 56);
AT(qn_http_request, body, 64);

SIZE(qn_mempool_follow_options, 16);
AT(qn_mempool_follow_options, size, 0);
AT(qn_mempool_follow_options, set, 4);
AT(qn_mempool_follow_options, window, 8);
AT(qn_mempool_follow_options, reserved, 12);

SIZE(qn_mempool_event, 208);
AT(qn_mempool_event, type, 0);
AT(qn_mempool_event, flags, 4);
AT(qn_mempool_event, epoch, 8);
AT(qn_mempool_event, seq, 16);
AT(qn_mempool_event, chain_seq, 24);
AT(qn_mempool_event, sequence, 32);
AT(qn_mempool_event, tip, 40);
AT(qn_mempool_event, txid, 72);
AT(qn_mempool_event, wtxid, 104);
AT(qn_mempool_event, by, 136);
AT(qn_mempool_event, fee, 168);
AT(qn_mempool_event, vsize, 176);
AT(qn_mempool_event, weight, 184);
AT(qn_mempool_event, time, 192);
AT(qn_mempool_event, reason, 200);
AT(qn_mempool_event, height, 204);

SIZE(qn_mempool_member, 56);
AT(qn_mempool_member, txid, 0);
AT(qn_mempool_member, fee, 32);
AT(qn_mempool_member, weight, 40);
AT(qn_mempool_member, chunk, 48);
AT(qn_mempool_member, reserved, 52);

SIZE(qn_mempool_point, 16);
AT(qn_mempool_point, fee, 0);
AT(qn_mempool_point, weight, 8);

SIZE(qn_mempool_info, 144);
AT(qn_mempool_info, size, 0);
AT(qn_mempool_info, flags, 4);
AT(qn_mempool_info, at, 8);
AT(qn_mempool_info, count, 72);
AT(qn_mempool_info, vbytes, 80);
AT(qn_mempool_info, fees, 88);
AT(qn_mempool_info, usage, 96);
AT(qn_mempool_info, max_usage, 104);
AT(qn_mempool_info, unbroadcast, 112);
AT(qn_mempool_info, min_fee, 120);
AT(qn_mempool_info, min_relay_fee, 128);
AT(qn_mempool_info, incremental_fee, 136);

SIZE(qn_mempool_entry, 184);
AT(qn_mempool_entry, status, 0);
AT(qn_mempool_entry, flags, 4);
AT(qn_mempool_entry, txid, 8);
AT(qn_mempool_entry, wtxid, 40);
AT(qn_mempool_entry, fee, 72);
AT(qn_mempool_entry, modified_fee, 80);
AT(qn_mempool_entry, vsize, 88);
AT(qn_mempool_entry, weight, 96);
AT(qn_mempool_entry, time, 104);
AT(qn_mempool_entry, sequence, 112);
AT(qn_mempool_entry, chunk_fee, 120);
AT(qn_mempool_entry, chunk_weight, 128);
AT(qn_mempool_entry, ancestor_vsize, 136);
AT(qn_mempool_entry, ancestor_fees, 144);
AT(qn_mempool_entry, descendant_vsize, 152);
AT(qn_mempool_entry, descendant_fees, 160);
AT(qn_mempool_entry, ancestors, 168);
AT(qn_mempool_entry, descendants, 172);
AT(qn_mempool_entry, cluster, 176);
AT(qn_mempool_entry, height, 180);

SIZE(qn_mempool_spender, 72);
AT(qn_mempool_spender, status, 0);
AT(qn_mempool_spender, input, 4);
AT(qn_mempool_spender, txid, 8);
AT(qn_mempool_spender, wtxid, 40);

SIZE(qn_mempool_bytes, 8);
AT(qn_mempool_bytes, status, 0);
AT(qn_mempool_bytes, len, 4);

SIZE(qn_mining_info, 120);
AT(qn_mining_info, size, 0);
AT(qn_mining_info, flags, 4);
AT(qn_mining_info, tip, 8);
AT(qn_mining_info, bits, 44);
AT(qn_mining_info, min_time, 48);
AT(qn_mining_info, peers, 52);
AT(qn_mining_info, reserved_weight, 56);
AT(qn_mining_info, reserved_sigops, 60);
AT(qn_mining_info, max_weight, 64);
AT(qn_mining_info, reserved, 68);
AT(qn_mining_info, min_feerate, 72);
AT(qn_mining_info, updates, 80);
AT(qn_mining_info, target, 88);

SIZE(qn_template_rule, 40);
AT(qn_template_rule, name, 0);
AT(qn_template_rule, bit, 32);
AT(qn_template_rule, flags, 36);

SIZE(qn_template_tx, 104);
AT(qn_template_tx, txid, 0);
AT(qn_template_tx, wtxid, 32);
AT(qn_template_tx, fee, 64);
AT(qn_template_tx, time, 72);
AT(qn_template_tx, weight, 80);
AT(qn_template_tx, sigops, 84);
AT(qn_template_tx, off, 88);
AT(qn_template_tx, len, 92);
AT(qn_template_tx, depend, 96);
AT(qn_template_tx, n_depends, 100);

SIZE(qn_template_place, 4);
AT(qn_template_place, place, 0);

SIZE(qn_mining_throttle, 24);
AT(qn_mining_throttle, size, 0);
AT(qn_mining_throttle, set, 4);
AT(qn_mining_throttle, flags, 8);
AT(qn_mining_throttle, min_interval_ms, 12);
AT(qn_mining_throttle, fee_delta, 16);

SIZE(qn_mining_change, 48);
AT(qn_mining_change, txid, 0);
AT(qn_mining_change, delta, 32);
AT(qn_mining_change, flags, 40);
AT(qn_mining_change, reserved, 44);

SIZE(qn_mining_overlay, 16);
AT(qn_mining_overlay, size, 0);
AT(qn_mining_overlay, min_age_ms, 4);
AT(qn_mining_overlay, reserved_space, 8);
AT(qn_mining_overlay, reserved, 12);

SIZE(qn_mining_found, 56);
AT(qn_mining_found, status, 0);
AT(qn_mining_found, len, 4);
AT(qn_mining_found, txid, 8);
AT(qn_mining_found, fee, 40);
AT(qn_mining_found, weight, 48);
AT(qn_mining_found, sigops, 52);

SIZE(qn_mining_part, 8);
AT(qn_mining_part, off, 0);
AT(qn_mining_part, len, 4);

SIZE(qn_mining_chunk, 24);
AT(qn_mining_chunk, fee, 0);
AT(qn_mining_chunk, weight, 8);
AT(qn_mining_chunk, first, 16);
AT(qn_mining_chunk, reserved, 20);

SIZE(qn_mining_delta, 40);
AT(qn_mining_delta, txid, 0);
AT(qn_mining_delta, delta, 32);

SIZE(qn_mining_usage, 40);
AT(qn_mining_usage, size, 0);
AT(qn_mining_usage, held, 4);
AT(qn_mining_usage, max_held, 8);
AT(qn_mining_usage, submittable, 12);
AT(qn_mining_usage, bytes, 16);
AT(qn_mining_usage, max_bytes, 24);
AT(qn_mining_usage, subscriptions, 32);
AT(qn_mining_usage, sets, 36);

SIZE(qn_connect_options, 12);
AT(qn_connect_options, size, 0);
AT(qn_connect_options, set, 4);
AT(qn_connect_options, timeout_ms, 8);

SIZE(qn_node_info, 376);
AT(qn_node_info, size, 0);
AT(qn_node_info, flags, 4);
AT(qn_node_info, version, 8);
AT(qn_node_info, protocol_version, 12);
AT(qn_node_info, user_agent, 16);
AT(qn_node_info, network, 272);
AT(qn_node_info, started, 288);
AT(qn_node_info, uptime_s, 296);
AT(qn_node_info, n_warnings, 304);
AT(qn_node_info, n_plugins, 308);
AT(qn_node_info, connections_in, 312);
AT(qn_node_info, connections_out, 316);
AT(qn_node_info, bytes_received, 320);
AT(qn_node_info, bytes_sent, 328);
AT(qn_node_info, mempool_tx, 336);
AT(qn_node_info, mempool_vsize, 344);
AT(qn_node_info, mempool_usage, 352);
AT(qn_node_info, mempool_fees, 360);
AT(qn_node_info, mempool_max, 368);

SIZE(qn_node_plugin, 416);
AT(qn_node_plugin, id, 0);
AT(qn_node_plugin, version, 64);
AT(qn_node_plugin, reason, 96);
AT(qn_node_plugin, state, 352);
AT(qn_node_plugin, trusted, 356);
AT(qn_node_plugin, state_s, 360);
AT(qn_node_plugin, restarts, 368);
AT(qn_node_plugin, calls, 376);
AT(qn_node_plugin, log_lines, 384);
AT(qn_node_plugin, log_dropped, 392);
AT(qn_node_plugin, cpu_us, 400);
AT(qn_node_plugin, memory, 408);

SIZE(qn_node_metric, 144);
AT(qn_node_metric, name, 0);
AT(qn_node_metric, help, 48);
AT(qn_node_metric, value, 128);
AT(qn_node_metric, scale, 136);
AT(qn_node_metric, type, 140);

SIZE(qn_peers_info, 80);
AT(qn_peers_info, size, 0);
AT(qn_peers_info, flags, 4);
AT(qn_peers_info, protocol_version, 8);
AT(qn_peers_info, max_connections, 12);
AT(qn_peers_info, connections_in, 16);
AT(qn_peers_info, connections_out, 20);
AT(qn_peers_info, services, 24);
AT(qn_peers_info, bytes_received, 32);
AT(qn_peers_info, bytes_sent, 40);
AT(qn_peers_info, time_offset, 48);
AT(qn_peers_info, upload_target, 56);
AT(qn_peers_info, upload_left, 64);
AT(qn_peers_info, n_bans, 72);
AT(qn_peers_info, n_added, 76);

SIZE(qn_peer, 744);
AT(qn_peer, id, 0);
AT(qn_peer, address, 8);
AT(qn_peer, bind_address, 88);
AT(qn_peer, local_address, 168);
AT(qn_peer, user_agent, 248);
AT(qn_peer, session_id, 504);
AT(qn_peer, services, 576);
AT(qn_peer, connected, 584);
AT(qn_peer, last_sent, 592);
AT(qn_peer, last_received, 600);
AT(qn_peer, last_block, 608);
AT(qn_peer, last_tx, 616);
AT(qn_peer, time_offset, 624);
AT(qn_peer, ping_us, 632);
AT(qn_peer, min_ping_us, 640);
AT(qn_peer, ping_wait_us, 648);
AT(qn_peer, bytes_sent, 656);
AT(qn_peer, bytes_received, 664);
AT(qn_peer, addresses_taken, 672);
AT(qn_peer, addresses_dropped, 680);
AT(qn_peer, min_fee, 688);
AT(qn_peer, version, 696);
AT(qn_peer, flags, 700);
AT(qn_peer, kind, 704);
AT(qn_peer, network, 708);
AT(qn_peer, permissions, 712);
AT(qn_peer, mapped_as, 716);
AT(qn_peer, presync_height, 720);
AT(qn_peer, header_height, 724);
AT(qn_peer, block_height, 728);
AT(qn_peer, in_flight, 732);
AT(qn_peer, queued_tx, 736);
AT(qn_peer, reserved, 740);

SIZE(qn_peer_message, 32);
AT(qn_peer_message, name, 0);
AT(qn_peer_message, sent, 16);
AT(qn_peer_message, received, 24);

SIZE(qn_peer_network, 104);
AT(qn_peer_network, network, 0);
AT(qn_peer_network, flags, 4);
AT(qn_peer_network, proxy, 8);
AT(qn_peer_network, known_new, 88);
AT(qn_peer_network, known_tried, 96);

SIZE(qn_peer_local, 88);
AT(qn_peer_local, address, 0);
AT(qn_peer_local, score, 80);
AT(qn_peer_local, network, 84);

SIZE(qn_peer_ban, 112);
AT(qn_peer_ban, subnet, 0);
AT(qn_peer_ban, created, 96);
AT(qn_peer_ban, until, 104);

SIZE(qn_peer_added, 336);
AT(qn_peer_added, node, 0);
AT(qn_peer_added, address, 256);

SIZE(qn_rpc_method, 16);
AT(qn_rpc_method, size, 0);
AT(qn_rpc_method, set, 4);
AT(qn_rpc_method, timeout_ms, 8);
AT(qn_rpc_method, max_pending, 12);

SIZE(qn_rpc_request, 16);
AT(qn_rpc_request, size, 0);
AT(qn_rpc_request, timeout_ms, 4);
AT(qn_rpc_request, request, 8);

SIZE(qn_store_op, 12);
AT(qn_store_op, op, 0);
AT(qn_store_op, key_len, 4);
AT(qn_store_op, value_len, 8);

SIZE(qn_store_info, 24);
AT(qn_store_info, size, 0);
AT(qn_store_info, reserved, 4);
AT(qn_store_info, bytes, 8);
AT(qn_store_info, quota, 16);

SIZE(qn_submit_part, 8);
AT(qn_submit_part, off, 0);
AT(qn_submit_part, len, 4);

SIZE(qn_submit_result, 520);
AT(qn_submit_result, is, 0);
AT(qn_submit_result, code, 4);
AT(qn_submit_result, txid, 8);
AT(qn_submit_result, wtxid, 40);
AT(qn_submit_result, other_wtxid, 72);
AT(qn_submit_result, fee, 104);
AT(qn_submit_result, vsize, 112);
AT(qn_submit_result, feerate, 120);
AT(qn_submit_result, replaced, 128);
AT(qn_submit_result, reserved, 132);
AT(qn_submit_result, reason, 136);
AT(qn_submit_result, debug, 232);

SIZE(qn_submit_package, 104);
AT(qn_submit_package, size, 0);
AT(qn_submit_package, code, 4);
AT(qn_submit_package, reason, 8);

SIZE(qn_watch_options, 24);
AT(qn_watch_options, size, 0);
AT(qn_watch_options, set, 4);
AT(qn_watch_options, flags, 8);
AT(qn_watch_options, window, 12);
AT(qn_watch_options, from_height, 16);
AT(qn_watch_options, reserved, 20);

SIZE(qn_watch_script, 16);
AT(qn_watch_script, cookie, 0);
AT(qn_watch_script, len, 8);
AT(qn_watch_script, reserved, 12);

SIZE(qn_watch_outpoint, 48);
AT(qn_watch_outpoint, cookie, 0);
AT(qn_watch_outpoint, txid, 8);
AT(qn_watch_outpoint, n, 40);
AT(qn_watch_outpoint, reserved, 44);

SIZE(qn_watch_rescan, 40);
AT(qn_watch_rescan, size, 0);
AT(qn_watch_rescan, set, 4);
AT(qn_watch_rescan, flags, 8);
AT(qn_watch_rescan, from, 12);
AT(qn_watch_rescan, to, 16);
AT(qn_watch_rescan, reserved, 20);
AT(qn_watch_rescan, first_cookie, 24);
AT(qn_watch_rescan, last_cookie, 32);

SIZE(qn_watch_event, 328);
AT(qn_watch_event, type, 0);
AT(qn_watch_event, flags, 4);
AT(qn_watch_event, epoch, 8);
AT(qn_watch_event, seq, 16);
AT(qn_watch_event, chain_seq, 24);
AT(qn_watch_event, cookie, 32);
AT(qn_watch_event, rescan, 40);
AT(qn_watch_event, value, 48);
AT(qn_watch_event, fee, 56);
AT(qn_watch_event, time, 64);
AT(qn_watch_event, status, 72);
AT(qn_watch_event, reason, 76);
AT(qn_watch_event, tx_index, 80);
AT(qn_watch_event, io, 84);
AT(qn_watch_event, coin_height, 88);
AT(qn_watch_event, hit, 92);
AT(qn_watch_event, n_hits, 96);
AT(qn_watch_event, tx_off, 100);
AT(qn_watch_event, tx_len, 104);
AT(qn_watch_event, script_off, 108);
AT(qn_watch_event, script_len, 112);
AT(qn_watch_event, reserved, 116);
AT(qn_watch_event, ref, 120);
AT(qn_watch_event, prev, 156);
AT(qn_watch_event, txid, 192);
AT(qn_watch_event, wtxid, 224);
AT(qn_watch_event, coin, 256);
AT(qn_watch_event, by, 292);
AT(qn_watch_event, reserved2, 324);

SIZE(qn_watch_usage, 48);
AT(qn_watch_usage, size, 0);
AT(qn_watch_usage, streams, 4);
AT(qn_watch_usage, scripts, 8);
AT(qn_watch_usage, outpoints, 16);
AT(qn_watch_usage, max_scripts, 24);
AT(qn_watch_usage, bytes, 32);
AT(qn_watch_usage, max_bytes, 40);

SIZE(qn_watch_deep, 80);
AT(qn_watch_deep, cookie, 0);
AT(qn_watch_deep, txid, 8);
AT(qn_watch_deep, block, 40);
AT(qn_watch_deep, depth, 76);

SIZE(qn_watch_range, 24);
AT(qn_watch_range, cookie, 0);
AT(qn_watch_range, from, 8);
AT(qn_watch_range, n, 12);
AT(qn_watch_range, flags, 16);
AT(qn_watch_range, reserved, 20);

#if UINTPTR_MAX == UINT64_MAX
SIZE(qn_host_1_r1, 88);
AT(qn_host_1_r1, get, 8);
AT(qn_host_1_r1, log, 16);
AT(qn_host_1_r1, fail, 24);
AT(qn_host_1_r1, post, 32);
AT(qn_host_1_r1, timer_set, 40);
AT(qn_host_1_r1, timer_cancel, 48);
AT(qn_host_1_r1, progress, 56);
AT(qn_host_1_r1, now_ms, 64);
AT(qn_host_1_r1, time, 72);
AT(qn_host_1_r1, random, 80);
SIZE(qn_block_read_1_r1, 40);
AT(qn_block_read_1_r1, views, 8);
AT(qn_block_read_1_r1, views_at, 16);
AT(qn_block_read_1_r1, release, 24);
AT(qn_block_read_1_r1, ranges, 32);
SIZE(qn_chain_follow_1_r1, 56);
AT(qn_chain_follow_1_r1, open, 8);
AT(qn_chain_follow_1_r1, next, 16);
AT(qn_chain_follow_1_r1, ack, 24);
AT(qn_chain_follow_1_r1, close, 32);
AT(qn_chain_follow_1_r1, retain, 40);
AT(qn_chain_follow_1_r1, release, 48);
SIZE(qn_chain_read_1_r1, 56);
AT(qn_chain_read_1_r1, info, 8);
AT(qn_chain_read_1_r1, params, 16);
AT(qn_chain_read_1_r1, headers, 24);
AT(qn_chain_read_1_r1, headers_by_hash, 32);
AT(qn_chain_read_1_r1, locator, 40);
AT(qn_chain_read_1_r1, find_fork, 48);
SIZE(qn_coins_read_1_r1, 48);
AT(qn_coins_read_1_r1, coins, 8);
AT(qn_coins_read_1_r1, scan_open, 16);
AT(qn_coins_read_1_r1, scan_next, 24);
AT(qn_coins_read_1_r1, scan_tip, 32);
AT(qn_coins_read_1_r1, scan_close, 40);
SIZE(qn_fees_estimate_1_r1, 40);
AT(qn_fees_estimate_1_r1, estimate, 8);
AT(qn_fees_estimate_1_r1, confident, 16);
AT(qn_fees_estimate_1_r1, floors, 24);
AT(qn_fees_estimate_1_r1, histogram, 32);
SIZE(qn_http_serve_1_r1, 40);
AT(qn_http_serve_1_r1, add, 8);
AT(qn_http_serve_1_r1, add_static, 16);
AT(qn_http_serve_1_r1, remove, 24);
AT(qn_http_serve_1_r1, reply, 32);
SIZE(qn_mempool_follow_1_r1, 40);
AT(qn_mempool_follow_1_r1, open, 8);
AT(qn_mempool_follow_1_r1, next, 16);
AT(qn_mempool_follow_1_r1, ack, 24);
AT(qn_mempool_follow_1_r1, close, 32);
SIZE(qn_mempool_follow_unstable_1, 64);
AT(qn_mempool_follow_unstable_1, u, 40);
AT(qn_mempool_follow_unstable_1, cluster, 48);
AT(qn_mempool_follow_unstable_1, diagram, 56);
SIZE(qn_mempool_read_1_r1, 48);
AT(qn_mempool_read_1_r1, info, 8);
AT(qn_mempool_read_1_r1, entries, 16);
AT(qn_mempool_read_1_r1, spenders, 24);
AT(qn_mempool_read_1_r1, txids, 32);
AT(qn_mempool_read_1_r1, transactions, 40);
SIZE(qn_mining_check_1_r1, 16);
AT(qn_mining_check_1_r1, block, 8);
SIZE(qn_mining_submit_1_r1, 32);
AT(qn_mining_submit_1_r1, solution, 8);
AT(qn_mining_submit_1_r1, solution_by_id, 16);
AT(qn_mining_submit_1_r1, block, 24);
SIZE(qn_mining_template_1_r1, 136);
AT(qn_mining_template_1_r1, info, 8);
AT(qn_mining_template_1_r1, challenge, 16);
AT(qn_mining_template_1_r1, create, 24);
AT(qn_mining_template_1_r1, view, 32);
AT(qn_mining_template_1_r1, transactions, 40);
AT(qn_mining_template_1_r1, depends, 48);
AT(qn_mining_template_1_r1, bytes, 56);
AT(qn_mining_template_1_r1, rules, 64);
AT(qn_mining_template_1_r1, now, 72);
AT(qn_mining_template_1_r1, release, 80);
AT(qn_mining_template_1_r1, open, 88);
AT(qn_mining_template_1_r1, next, 96);
AT(qn_mining_template_1_r1, wait, 104);
AT(qn_mining_template_1_r1, cancel, 112);
AT(qn_mining_template_1_r1, reconfigure, 120);
AT(qn_mining_template_1_r1, close, 128);
SIZE(qn_mining_template_unstable_1, 240);
AT(qn_mining_template_unstable_1, u, 136);
AT(qn_mining_template_unstable_1, lookup, 144);
AT(qn_mining_template_unstable_1, set_new, 152);
AT(qn_mining_template_unstable_1, set_missing, 160);
AT(qn_mining_template_unstable_1, set_add, 168);
AT(qn_mining_template_unstable_1, set_template, 176);
AT(qn_mining_template_unstable_1, set_free, 184);
AT(qn_mining_template_unstable_1, create_with, 192);
AT(qn_mining_template_unstable_1, create_on, 200);
AT(qn_mining_template_unstable_1, chunks, 208);
AT(qn_mining_template_unstable_1, diagram, 216);
AT(qn_mining_template_unstable_1, prioritise, 224);
AT(qn_mining_template_unstable_1, usage, 232);
SIZE(qn_net_connect_1_r1, 48);
AT(qn_net_connect_1_r1, connect, 8);
AT(qn_net_connect_1_r1, cancel, 16);
AT(qn_net_connect_1_r1, done, 24);
AT(qn_net_connect_1_r1, io_watch, 32);
AT(qn_net_connect_1_r1, io_unwatch, 40);
SIZE(qn_net_listen_1_r1, 48);
AT(qn_net_listen_1_r1, open, 8);
AT(qn_net_listen_1_r1, close, 16);
AT(qn_net_listen_1_r1, done, 24);
AT(qn_net_listen_1_r1, io_watch, 32);
AT(qn_net_listen_1_r1, io_unwatch, 40);
SIZE(qn_node_control_1_r1, 56);
AT(qn_node_control_1_r1, stop, 8);
AT(qn_node_control_1_r1, prune, 16);
AT(qn_node_control_1_r1, log_level, 24);
AT(qn_node_control_1_r1, plugin_start, 32);
AT(qn_node_control_1_r1, plugin_stop, 40);
AT(qn_node_control_1_r1, plugin_reload, 48);
SIZE(qn_node_read_1_r1, 40);
AT(qn_node_read_1_r1, info, 8);
AT(qn_node_read_1_r1, warnings, 16);
AT(qn_node_read_1_r1, plugins, 24);
AT(qn_node_read_1_r1, metrics, 32);
SIZE(qn_peers_control_1_r1, 80);
AT(qn_peers_control_1_r1, connect, 8);
AT(qn_peers_control_1_r1, keep, 16);
AT(qn_peers_control_1_r1, forget, 24);
AT(qn_peers_control_1_r1, disconnect, 32);
AT(qn_peers_control_1_r1, disconnect_address, 40);
AT(qn_peers_control_1_r1, ban, 48);
AT(qn_peers_control_1_r1, unban, 56);
AT(qn_peers_control_1_r1, unban_all, 64);
AT(qn_peers_control_1_r1, network, 72);
SIZE(qn_peers_read_1_r1, 72);
AT(qn_peers_read_1_r1, info, 8);
AT(qn_peers_read_1_r1, peers, 16);
AT(qn_peers_read_1_r1, messages, 24);
AT(qn_peers_read_1_r1, networks, 32);
AT(qn_peers_read_1_r1, local, 40);
AT(qn_peers_read_1_r1, bans, 48);
AT(qn_peers_read_1_r1, added, 56);
AT(qn_peers_read_1_r1, warnings, 64);
SIZE(qn_rpc_serve_1_r1, 40);
AT(qn_rpc_serve_1_r1, add, 8);
AT(qn_rpc_serve_1_r1, remove, 16);
AT(qn_rpc_serve_1_r1, reply, 24);
AT(qn_rpc_serve_1_r1, reply_error, 32);
SIZE(qn_store_own_1_r1, 88);
AT(qn_store_own_1_r1, get, 8);
AT(qn_store_own_1_r1, write, 16);
AT(qn_store_own_1_r1, snapshot_open, 24);
AT(qn_store_own_1_r1, snapshot_close, 32);
AT(qn_store_own_1_r1, iter_open, 40);
AT(qn_store_own_1_r1, iter_next, 48);
AT(qn_store_own_1_r1, iter_close, 56);
AT(qn_store_own_1_r1, info, 64);
AT(qn_store_own_1_r1, size_of, 72);
AT(qn_store_own_1_r1, wipe, 80);
SIZE(qn_tx_submit_1_r1, 24);
AT(qn_tx_submit_1_r1, submit, 8);
AT(qn_tx_submit_1_r1, package, 16);
SIZE(qn_watch_1_r1, 96);
AT(qn_watch_1_r1, open, 8);
AT(qn_watch_1_r1, add, 16);
AT(qn_watch_1_r1, remove, 24);
AT(qn_watch_1_r1, add_outpoints, 32);
AT(qn_watch_1_r1, remove_outpoints, 40);
AT(qn_watch_1_r1, next, 48);
AT(qn_watch_1_r1, ack, 56);
AT(qn_watch_1_r1, rescan, 64);
AT(qn_watch_1_r1, cancel, 72);
AT(qn_watch_1_r1, usage, 80);
AT(qn_watch_1_r1, close, 88);
SIZE(qn_watch_unstable_1, 120);
AT(qn_watch_unstable_1, u, 96);
AT(qn_watch_unstable_1, deep, 104);
AT(qn_watch_unstable_1, add_descriptor, 112);
#endif
