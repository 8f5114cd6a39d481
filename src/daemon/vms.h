/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of each VM, for the start page and for its metric series. A series begins with all counts of
 * its VM so far, which are in `other`, too. From then on each count goes to one series: the VM's own
 * while it is among the N busiest, else `other`. When a series ends, counts that no scrape has seen go
 * to `other`. A series that returns continues where it stopped. So no series ever decreases, and sums
 * of rates are correct when VMs change.
 */
#ifndef S2V_DAEMON_VMS_H
#define S2V_DAEMON_VMS_H

#include <uthash.h>

#include "core/sink.h"

enum s2v_vm_count { S2V_VM_MAPS, S2V_VM_FINDINGS, S2V_VM_RESETS, S2V_VM_COUNTS };

struct s2v_vm_stat {
	__u32 id;
	struct s2v_vm_ref ref;
	__u64 n[S2V_VM_COUNTS]; /* since the VM was first seen */
	__u64 settled[S2V_VM_COUNTS]; /* part of n that is in a series: until the last scrape */
	__u64 own[S2V_VM_COUNTS]; /* values of its own series */
	bool labelled; /* has its own series now */
	bool had_series;
	int worst; /* highest enum s2v_severity of its findings, or -1 */
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
/* Call after the correlator had the event, which may report findings: removes a VM that is gone. */
void s2v_vms_gone(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev);
void s2v_vms_finding(struct s2v_vm_stats *s, const struct s2v_finding *f);
/*
 * For a scrape at `now` (CLOCK_MONOTONIC ns): updates all series, and gives a series to each of the N
 * busiest VMs (findings count before mappings). While all N are in use, changes at most once a minute.
 */
void s2v_vms_rank(struct s2v_vm_stats *s, __u64 now);
/* Fills out with the busiest VMs, the busiest first, at most max. Returns how many. */
size_t s2v_vms_busiest(const struct s2v_vm_stats *s, const struct s2v_vm_stat **out, size_t max);
void s2v_vms_free(struct s2v_vm_stats *s);

#endif
