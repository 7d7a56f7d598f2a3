/* tests/hostile/rogue.h: what a runner may do wrong, and what must become of it. The host tells the
 * rogue which by the memory limit of its grant: 4096 and the number.
 *
 * ROGUE(name, state, reason): the state that the plugin must come to and a part of the reason. */
#pragma once

#define ROGUE_CASES(ROGUE)                                                                         \
    ROGUE(GOOD, RUNNING, "")                                                                       \
    /* before it is loaded */                                                                      \
    ROGUE(SILENT, CRASHED, "did not start in 1 s")                                                 \
    ROGUE(HELLO_UNREAD, CRASHED, "did not start in 1 s")                                           \
    ROGUE(BAD_BUILD, REJECTED, "build: found")                                                     \
    ROGUE(EXIT, CRASHED, "exit status 3")                                                          \
    ROGUE(TRAP, CRASHED, "killed by signal")                                                       \
    ROGUE(CALL_EARLY, QUARANTINED, "out of turn")                                                  \
    ROGUE(LOG_EARLY, QUARANTINED, "before it was loaded")                                          \
    ROGUE(DONE_EARLY, QUARANTINED, "DONE")                                                         \
    ROGUE(READY_SHORT, QUARANTINED, "READY")                                                       \
    ROGUE(READY_LONG, QUARANTINED, "READY")                                                        \
    ROGUE(READY_TWICE, QUARANTINED, "READY")                                                       \
    ROGUE(PROBLEM_SHORT, QUARANTINED, "PROBLEM")                                                   \
    ROGUE(PROBLEM_FLOOD, REJECTED, "again and again")                                              \
    ROGUE(PROBLEM_DIRTY, REJECTED, "load")                                                         \
    ROGUE(INIT_FAILS, CRASHED, "init() answered status (-99)")                                     \
    /* kinds */                                                                                    \
    ROGUE(KIND_HELLO, QUARANTINED, "message of kind 2")                                            \
    ROGUE(KIND_LIFE, QUARANTINED, "message of kind 5")                                             \
    ROGUE(KIND_REPLY, QUARANTINED, "message of kind 8")                                            \
    ROGUE(KIND_CALLBACK, QUARANTINED, "message of kind 10")                                        \
    ROGUE(KIND_PING, QUARANTINED, "message of kind 11")                                            \
    ROGUE(KIND_PONG, QUARANTINED, "message of kind 12")                                            \
    ROGUE(KIND_ZERO, QUARANTINED, "no message")                                                    \
    ROGUE(KIND_END, QUARANTINED, "no message")                                                     \
    ROGUE(PONG_TWICE, QUARANTINED, "message of kind 12")                                           \
    ROGUE(PONG_OTHER, QUARANTINED, "message of kind 12")                                           \
    ROGUE(PONG_LONG, QUARANTINED, "message of kind 12")                                            \
    ROGUE(DONE_AGAIN, QUARANTINED, "DONE")                                                         \
    ROGUE(DONE_UNASKED, QUARANTINED, "DONE")                                                       \
    ROGUE(PROBLEM_LATE, QUARANTINED, "PROBLEM")                                                    \
    /* calls */                                                                                    \
    ROGUE(SEQ_ZERO, QUARANTINED, "number 0 out of turn")                                           \
    ROGUE(SEQ_AGAIN, QUARANTINED, "number 1 out of turn")                                          \
    ROGUE(SEQ_CAST, QUARANTINED, "number 7 out of turn")                                           \
    ROGUE(CAP_UNKNOWN, QUARANTINED, "capability 5 was never granted")                              \
    ROGUE(CAP_HUGE, QUARANTINED, "capability 4294967295")                                          \
    ROGUE(METHOD_HUGE, QUARANTINED, "method 65535 of chain.read/1")                                \
    ROGUE(CAST_OF_CALL, QUARANTINED, "malformed")                                                  \
    ROGUE(CALL_OF_CAST, QUARANTINED, "malformed")                                                  \
    ROGUE(LENGTH_SHORT, QUARANTINED, "malformed")                                                  \
    ROGUE(LENGTH_LONG, QUARANTINED, "malformed")                                                   \
    ROGUE(ROOM_HUGE, QUARANTINED, "malformed")                                                     \
    ROGUE(COUNT_HUGE, QUARANTINED, "malformed")                                                    \
    ROGUE(ROOM_GREAT, STOPPING, "status 0")                                                        \
    ROGUE(ROOM_SHORT, STOPPING, "2 of many")                                                       \
    ROGUE(CALLS_UNREAD, QUARANTINED, "while the one before is being answered")                     \
    ROGUE(CALLBACKS, QUARANTINED, "malformed")                                                     \
    /* packets */                                                                                  \
    ROGUE(HALF_HEAD, QUARANTINED, "no message")                                                    \
    ROGUE(HEAD_LIES, QUARANTINED, "no message")                                                    \
    ROGUE(PART_EMPTY, QUARANTINED, "no message")                                                   \
    ROGUE(PART_ENDLESS, QUARANTINED, "no message")                                                 \
    ROGUE(DESCRIPTOR, QUARANTINED, "a descriptor")                                                 \
    ROGUE(DESCRIPTORS, QUARANTINED, "no message")                                                  \
    /* views and subscriptions */                                                                  \
    ROGUE(VIEW_UNKNOWN, QUARANTINED, "of block.read/1: malformed")                                 \
    ROGUE(VIEW_UNKNOWN_FOLLOW, QUARANTINED, "of chain.follow/1: malformed")                        \
    ROGUE(VIEW_TWICE, QUARANTINED, "of block.read/1: malformed")                                   \
    ROGUE(VIEW_ELSEWHERE, QUARANTINED, "of chain.follow/1: malformed")                             \
    ROGUE(FOLLOW_UNKNOWN, QUARANTINED, "of chain.follow/1: malformed")                             \
    ROGUE(FOLLOW_TAKES, QUARANTINED, "of chain.follow/1: malformed")                               \
    ROGUE(FOLLOW_ACKS, QUARANTINED, "of chain.follow/1: malformed")                                \
    ROGUE(FOLLOW_RESUMES, QUARANTINED, "of chain.follow/1: malformed")                             \
    ROGUE(FOLLOW_KEEPS, QUARANTINED, "more views than its window")                                 \
    ROGUE(VIEWS_ALL, STOPPING, "kept 16")                                                          \
    ROGUE(VIEW_HELD, STOPPING, "held ")                                                            \
    ROGUE(VIEWS_KEPT, RUNNING, "")                                                                 \
    ROGUE(PARTS_OPEN, CRASHED, "did not come back")                                                \
    /* what is no lie, but no use either */                                                        \
    ROGUE(LOG_FLOOD, RUNNING, "")                                                                  \
    ROGUE(CLOSES, CRASHED, "closed its socket")                                                    \
    ROGUE(CLOSES_EARLY, CRASHED, "closed its socket")                                              \
    ROGUE(READS_NOTHING, CRASHED, "did not come back")                                             \
    ROGUE(GARBAGE, QUARANTINED, "malformed")

#define ROGUE_NAME(name, state, reason) ROGUE_##name,
typedef enum rogue_case { ROGUE_CASES(ROGUE_NAME) ROGUE_END } rogue_case;

#define ROGUE_BASE 4096u
/* GARBAGE and all above it: GARBAGE + (capability * 16 + method) * 2 + (1 as a cast). */
#define ROGUE_METHODS 16u
