/* plugins/stratum/steps.h: the difficulties of a session, each from some job on (or from a variant
 * of it). What a share is worth follows from the job that it is of, never from when it comes. */
#pragma once
#include "plugins/stratum/session.h"

/** The nearest difficulty that this session may have. */
double st_steps_clamp(const st_session *s, double d);
/** Tell it a difficulty, from the job on that it is told next: st_steps_begin(). One that has not
 *  begun until now never does. */
void st_steps_set(st_session *s, double d);
/** The newest has not begun: no job was told with it yet. */
bool st_steps_pending(const st_session *s);
/** It is about to be told its newest job, with which the pending difficulty begins.
 *  own: the client had a say in that: the job becomes a variant of its own; where none is left, the
 *  difficulty stays pending. */
void st_steps_begin(st_session *s, bool own);
/** It is about to be told its first job: choose its difficulty. Returns: whether the client had a
 *  say in that. */
bool st_steps_first(st_session *s);
/** A session begins, or goes on: what it was told in its former life counts as it did. */
void st_steps_recall(st_session *s);
/** What held when the job was told: what a share of it is worth. */
double st_steps_worth(const st_session *s, uint64_t job, uint8_t variant);
/** What a share of that job must reach now. */
double st_steps_least(const st_session *s, uint64_t job, uint8_t variant);
/** The job is older than all that is remembered of difficulties: no share of it counts. */
bool st_steps_forgot(const st_session *s, uint64_t job, uint8_t variant);
