// SPDX-License-Identifier: BSD-2-Clause
/* Counters and histograms of the BPF side. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/figures.h"
#include "live/keys.h"
#include "live/live_private.h"

/* Sums over CPUs the first n words of element i of a per-CPU array. 0 or -errno. */
static int percpu_sums(const struct bpf_map *map, __u32 i, __u64 *sum, size_t n)
{
	size_t words = (bpf_map__value_size(map) + 7) / 8;
	int cpus = libbpf_num_possible_cpus();
	__u64 *v;
	int err;

	if (cpus <= 0)
		return cpus ? cpus : -EINVAL;
	if (n > words)
		return -EINVAL;
	v = calloc((size_t)cpus * words, sizeof(*v));
	if (!v)
		return -ENOMEM;
	memset(sum, 0, n * sizeof(*sum));
	err = bpf_map_lookup_elem(bpf_map__fd(map), &i, v);
	for (size_t cpu = 0; !err && cpu < (size_t)cpus; cpu++)
		for (size_t k = 0; k < n; k++)
			sum[k] += v[cpu * words + k];
	free(v);
	return err;
}

static int percpu_sum(const struct bpf_map *map, __u32 i, __u64 *sum)
{
	return percpu_sums(map, i, sum, 1);
}

__u64 s2v_live_inside(struct s2v_live *l)
{
	const struct bpf_map *map = l->skel->maps.counters;
	__u64 in = 0, out = 0;

	if (percpu_sum(map, S2V_CNT_ENTERED, &in) || percpu_sum(map, S2V_CNT_RETURNED, &out))
		return 0;
	return in > out ? in - out : 0;
}

int s2v_live_forget_inside(struct s2v_live *l)
{
	static const __u32 both[] = { S2V_CNT_ENTERED, S2V_CNT_RETURNED };
	int fd = bpf_map__fd(l->skel->maps.counters), cpus = libbpf_num_possible_cpus(), err = 0;
	__u64 *none;

	if (cpus <= 0)
		return cpus ? cpus : -EINVAL;
	none = calloc((size_t)cpus, sizeof(*none));
	if (!none)
		return -ENOMEM;
	for (size_t i = 0; !err && i < 2; i++)
		err = bpf_map_update_elem(fd, &both[i], none, BPF_ANY);
	free(none);
	return err;
}

int s2v_live_lost(struct s2v_live *l, __u64 *lost)
{
	const struct bpf_map *map = l->skel->maps.counters;
	__u64 ring = 0, vm = 0;
	int err = percpu_sum(map, S2V_CNT_LOST_RINGBUF, &ring);

	if (!err)
		err = percpu_sum(map, S2V_CNT_LOST_VM, &vm);
	*lost = ring + vm + l->malformed;
	return err;
}

static int prog_info(const struct bpf_program *p, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(p), info, &len);
}

/* Adds what could not be read of each VM to the counters and to sum->unread. 0 or -errno. */
static int unread_vms(struct s2v_live *l, struct s2v_summary *sum, bool at_end)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.unread_vms);
	struct s2v_unread_state u;
	__u32 vm, *prev = NULL;
	__u64 times;
	int err;

	while (!(err = s2v_next_key(&keys, prev, &vm))) {
		prev = &vm;
		err = bpf_map_lookup_elem(keys.fd, &vm, &u);
		if (err)
			break;
		times = at_end ? u.deferred : 0;
		for (int i = 0; i < 3; i++) {
			sum->cnt[S2V_CNT_UNREAD_VMA + i] += u.n[i];
			times += u.n[i];
		}
		sum->over_limit += u.over_limit;
		s2v_unread_add(&sum->unread, &(struct s2v_unread_vm){ .vm = vm,
								      .tgid = u.tgid,
								      .times = times,
								      .over_limit = u.over_limit });
	}
	/* Only s2v_live_unread_end() deletes entries, in this thread. */
	return err == -ENOENT ? 0 : err;
}

void s2v_live_unread_end(struct s2v_live *l, __u32 vm)
{
	int fd = bpf_map__fd(l->skel->maps.unread_vms);
	struct s2v_unread_state u;

	if (!bpf_map_lookup_elem(fd, &vm, &u) &&
	    !(u.n[0] | u.n[1] | u.n[2] | u.over_limit | u.deferred))
		bpf_map_delete_elem(fd, &vm);
}

int s2v_live_counters(struct s2v_live *l, struct s2v_summary *sum, bool at_end)
{
	const struct bpf_map *counters = l->skel->maps.counters, *matrix = l->skel->maps.matrix;
	struct bpf_prog_info info;
	__u64 w[S2V_WINDOW_COUNTS] = { 0 };
	int err = percpu_sums(l->skel->maps.windows, 0, w, S2V_WINDOW_COUNTS);

	for (__u32 i = 0; !err && i < S2V_CNT_NR; i++)
		err = percpu_sum(counters, i, &sum->cnt[i]);
	for (__u32 i = 0; !err && i < S2V_ATTR_NR * S2V_ATTR_NR; i++)
		err = percpu_sum(matrix, i, &sum->maps[i / S2V_ATTR_NR][i % S2V_ATTR_NR]);
	sum->maps[S2V_ATTR_NORMAL_WB][S2V_ATTR_NORMAL_WB] += w[S2V_WINDOW_MAPS];
	sum->cnt[S2V_CNT_FAULTS] += w[S2V_WINDOW_FAULTS];
	/* To keep the fault path short, each map is counted once: in the matrix or in a window. */
	for (__u32 i = 0; i < S2V_ATTR_NR * S2V_ATTR_NR; i++)
		sum->cnt[S2V_CNT_MAPS] += sum->maps[i / S2V_ATTR_NR][i % S2V_ATTR_NR];
	/* Runs that the kernel skipped because a program was already running on that CPU. */
	sum->missed_probes = 0;
	for (size_t i = 0; i < l->n_progs; i++)
		sum->missed_probes += prog_info(l->progs[i], &info) ? 0 : info.recursion_misses;
	sum->unread = l->unread;
	sum->cnt[S2V_CNT_UNREAD_VMA] += l->unread_slots;
	if (!err)
		err = unread_vms(l, sum, at_end);
	/* Read after the VMs' own counters: an event deferred in between is counted here, without its VM. */
	if (at_end)
		sum->cnt[S2V_CNT_UNREAD_VMA] += *(volatile __u32 *)&l->skel->bss->deferred;
	sum->lost = l->malformed;
	sum->hidden = l->census.hidden;
	sum->hidden_creator = l->census.creator;
	sum->census_errno = -l->census.err;
	sum->bypassed = *(volatile __u64 *)&l->skel->bss->bypassed;
	sum->bypassed_vm = *(volatile __u32 *)&l->skel->bss->bypassed_vm;
	sum->bypassed_tgid = *(volatile __u32 *)&l->skel->bss->bypassed_tgid;
	return err;
}

int s2v_live_hists(struct s2v_live *l, struct s2v_hist hist[S2V_HIST_NR])
{
	/* By name: a BPF object that measures no durations has no such map. */
	const struct bpf_map *map = bpf_object__find_map_by_name(l->skel->obj, "hists");
	int err = 0;

	memset(hist, 0, S2V_HIST_NR * sizeof(*hist));
	for (__u32 i = 0; map && !err && i < S2V_HIST_NR; i++)
		err = percpu_sums(map, i, (__u64 *)&hist[i], sizeof(*hist) / sizeof(__u64));
	return err;
}

int s2v_live_stats(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

size_t s2v_live_costs(struct s2v_live *l, struct s2v_prog_cost *cost, size_t max)
{
	struct bpf_prog_info info;
	size_t n = 0;

	for (size_t i = 0; i < l->n_progs && n < max; i++) {
		if (prog_info(l->progs[i], &info))
			continue;
		snprintf(cost[n].name, sizeof(cost[n].name), "%s", bpf_program__name(l->progs[i]));
		cost[n].runs = info.run_cnt;
		cost[n++].ns = info.run_time_ns;
	}
	return n;
}

/* For keys of up to 64 bytes. */
static __u64 count_entries(const struct bpf_map *map)
{
	_Alignas(8) char key[64], next[64];
	struct s2v_keys keys = s2v_keys_of(map);
	void *prev = NULL;
	__u64 n = 0;

	while (s2v_next_key(&keys, prev, next) == 0) {
		memcpy(key, next, sizeof(key));
		prev = key;
		n++;
	}
	return n;
}

void s2v_live_entries(struct s2v_live *l, struct s2v_live_entries *e)
{
	e->vms = count_entries(l->skel->maps.vms);
	e->slots = count_entries(l->skel->maps.slots);
	e->kinds = count_entries(l->skel->maps.agg);
	memcpy(e->shares, l->skel->bss->shares.all, sizeof(e->shares));
}
