// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live/census.h"
#include "live/keys.h"

#define TRIES 5
#define PAUSE_NS 20000000
#define VMS_MOST 65536

const char *s2v_kvm_debugfs = "/sys/kernel/debug/kvm";

/* Thread IDs, one entry for each VM that the thread created. */
struct creators {
	__u32 *tid;
	size_t n;
};

__u32 s2v_census_creator(const char *name)
{
	char *end;
	unsigned long tid = strtoul(name, &end, 10);

	if (end == name || *end != '-' || tid > 4194304)
		return 0;
	name = end + 1;
	return *name && strspn(name, "0123456789") == strlen(name) ? (__u32)tid : 0;
}

static int add(struct creators *c, __u32 tid)
{
	__u32 *p;

	if (c->n == VMS_MOST)
		return -E2BIG;
	p = reallocarray(c->tid, c->n + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	c->tid = p;
	p[c->n++] = tid;
	return 0;
}

static int read_debugfs(struct creators *c)
{
	DIR *dir = opendir(s2v_kvm_debugfs);
	struct dirent *e;
	int err = 0;
	__u32 tid;

	if (!dir)
		return -errno;
	while (!err && (e = readdir(dir))) {
		tid = s2v_census_creator(e->d_name);
		if (tid)
			err = add(c, tid);
	}
	closedir(dir);
	return err;
}

/* Removes the VMs that the BPF side knows. */
static int remove_known(struct s2v_live *l, struct creators *c)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.vms);
	__u64 key, *prev = NULL;
	struct s2v_vm_state st;
	int err;

	while ((err = s2v_next_key(&keys, prev, &key)) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(keys.fd, &key, &st))
			continue;
		for (size_t i = 0; i < c->n; i++) {
			if (c->tid[i] != st.creator)
				continue;
			c->tid[i] = c->tid[--c->n];
			break;
		}
	}
	return err == -ENOENT ? 0 : err;
}

static int count_hidden(struct s2v_live *l, struct s2v_live_census *to)
{
	struct creators c = { 0 };
	int err = read_debugfs(&c);

	if (!err)
		err = remove_known(l, &c);
	to->hidden = err ? 0 : c.n;
	to->creator = to->hidden ? c.tid[0] : 0;
	free(c.tid);
	return err;
}

void s2v_census(struct s2v_live *l, int (*take_inventory)(struct s2v_live *l))
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct s2v_live_census now = { 0 };

	/* Without the address of kvm_vm_release() no VM file is recognised: every VM would count as hidden. */
	if (l->skel->rodata->cfg.tgid || !l->skel->rodata->cfg.vm_release)
		return;
	for (int i = 0; i < TRIES; i++) {
		now.err = count_hidden(l, &now);
		if (now.err || !now.hidden)
			break;
		nanosleep(&pause, NULL);
		now.err = take_inventory(l);
		if (now.err)
			break;
	}
	l->census = now;
}
