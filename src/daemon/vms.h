/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each VM did, for the page and for series of its own. A series begins with all that its VM did,
 * which is in `other` as well; from then on each thing adds to one series only: that of its VM while
 * the VM is among the N busiest, else `other`. What no scrape has seen when a series ends goes to
 * `other`, too, and a series that comes again goes on where it was. So none ever falls, and a sum over
 * rates is right, whoever comes and goes.
 */
#ifndef S2V_DAEMON_VMS_H
#define S2V_DAEMON_VMS_H

#include <uthash.h>

#include "core/sink.h"

enum s2v_vm_count { S2V_VM_MAPS, S2V_VM_FINDINGS, S2V_VM_RESETS, S2V_VM_COUNTS };

struct s2v_vm_stat {
	__u32 id;
	struct s2v_vm_ref ref;
	__u64 n[S2V_VM_COUNTS]; /* since the VM is there */
	__u64 settled[S2V_VM_COUNTS]; /* of them in a series: up to the last scrape */
	__u64 own[S2V_VM_COUNTS]; /* its own series */
	bool labelled; /* has one now */
	bool had_series;
	int worst; /* enum s2v_severity of its findings, or -1 */
	UT_hash_handle hh;
};

struct s2v_vm_stats {
	struct s2v_vm_stat *vms; /* hash; iterate by ->hh.next */
	__u32 labels; /* N */
	__u64 other[S2V_VM_COUNTS];
	__u64 ranked; /* CLOCK_MONOTONIC ns; 0: never */
	__u64 no_memory;
};

void s2v_vms_event(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev);
/* After the correlator had it, whose findings were still to be counted: a VM that is gone is dropped. */
void s2v_vms_gone(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev);
void s2v_vms_finding(struct s2v_vm_stats *s, const struct s2v_finding *f);
/*
 * For a scrape: brings all series up to now (CLOCK_MONOTONIC ns), and gives the N busiest (findings
 * before mappings) theirs. While all N are taken, they change once a minute at most.
 */
void s2v_vms_rank(struct s2v_vm_stats *s, __u64 now);
/* The busiest first, at most max; returns how many. */
size_t s2v_vms_busiest(const struct s2v_vm_stats *s, const struct s2v_vm_stat **out, size_t max);
void s2v_vms_free(struct s2v_vm_stats *s);

#endif
