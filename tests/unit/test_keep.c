// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/keep.c src/live/audit.c src/util.c src/utf8.c src/names.c src/host.c */
/*
 * What the live source keeps of the BPF side, and the audit that goes over it, while VMs go. The BPF
 * side is what stands here: two maps with nothing in them, one with VMs, and steps that are counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "live/audit.h"
#include "live/keep.h"
#include "live/vmas.h"

enum { VMS_FD = 1, OTHER_FD };

static struct world {
	struct s2verify_bss bss;
	struct s2verify_bpf skel;
	struct s2v_live live;
	__u32 vm[8]; /* that the map lists, by its keys; 0: none */
	int reading; /* errno of reading the aggregation map */
	bool vanish; /* who is to be deleted is gone just before */
	__u32 dies; /* VM whose end is what the next look at the ring buffer finds */
	unsigned int told[16]; /* events by type */
	unsigned int looks, asked, steps, go_on_for;
} w;

/* ---- the BPF side ---- */

int bpf_map__fd(const struct bpf_map *map)
{
	return map ? VMS_FD : OTHER_FD;
}

int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	__u64 i = key ? *(const __u64 *)key + 1 : 0;

	if (fd != VMS_FD)
		return w.reading ? w.reading : -ENOENT;
	for (; i < 8; i++) {
		if (w.vm[i]) {
			*(__u64 *)next = i;
			return 0;
		}
	}
	return -ENOENT;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	struct s2v_vm_state *st = value;

	assert_int_equal(fd, VMS_FD);
	memset(st, 0, sizeof(*st));
	st->id = w.vm[*(const __u64 *)key];
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	assert_int_equal(fd, VMS_FD);
	w.vm[*(const __u64 *)key] = 0;
	errno = ENOENT;
	return w.vanish ? -ENOENT : 0;
}

struct bpf_link *bpf_program__attach_iter(const struct bpf_program *p,
					  const struct bpf_iter_attach_opts *o)
{
	(void)p;
	(void)o;
	return (struct bpf_link *)&w;
}

int bpf_link__destroy(struct bpf_link *link)
{
	(void)link;
	return 0;
}

/* Every VM has one memslot. */
int s2v_iter_run(struct bpf_link *link, void *buf, size_t len, s2v_iter_fn fn, void *arg)
{
	(void)link;
	(void)buf;
	(void)len;
	(void)fn;
	(void)arg;
	w.steps++;
	w.bss.audit.ran = 1;
	w.bss.audit.owner = 1;
	w.bss.audit.slot_size = 4096;
	w.bss.audit.found = w.bss.audit.op == S2V_AUDIT_SLOT && !w.bss.audit.gpa;
	w.bss.audit.done = w.bss.audit.op == S2V_AUDIT_WALK;
	return 0;
}

/* ---- the rest of the live source ---- */

static void take(void *arg, const struct s2v_ev_hdr *ev)
{
	(void)arg;
	w.told[ev->type]++;
}

static void tell(__u32 type, __u32 vm)
{
	struct s2v_ev_vm ev = { .h = { .type = type, .len = sizeof(ev), .vm = vm } };

	s2v_keep_event(&w.live, &ev.h);
}

int s2v_live_consume(struct s2v_live *l)
{
	w.looks++;
	if (w.dies && w.bss.audit.op == S2V_AUDIT_SLOT)
		tell(S2V_EV_VM_DEAD, w.dies);
	return l->err;
}

int s2v_live_lost(struct s2v_live *l, __u64 *lost)
{
	(void)l;
	*lost = 0;
	return 0;
}

int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link)
{
	(void)link;
	v->n = 1;
	return 0;
}

void s2v_vmas_tell(const struct s2v_vmas *v, struct s2v_ev_slot *slot, s2v_event_fn fn, void *arg)
{
	(void)v;
	(void)slot;
	(void)fn;
	(void)arg;
}

void s2v_vmas_free(struct s2v_vmas *v)
{
	v->n = 0;
}

static bool go_on(void *arg, unsigned int vm, unsigned int vms, unsigned int permille)
{
	(void)arg;
	(void)vm;
	(void)vms;
	(void)permille;
	return ++w.asked <= w.go_on_for;
}

/* Of the VMs that are listed those up to `known` have been told of. */
static int begin(__u32 listed, __u32 known)
{
	memset(&w, 0, sizeof(w));
	w.skel.bss = &w.bss;
	w.skel.maps.vms = (struct bpf_map *)&w;
	w.live.skel = &w.skel;
	w.live.fn = take;
	w.go_on_for = 1000;
	for (__u32 vm = 1; vm <= listed; vm++) {
		w.vm[vm] = vm;
		if (vm <= known)
			tell(S2V_EV_VM_NEW, vm);
	}
	return 0;
}

static int audit(void)
{
	return s2v_live_audit(&w.live, &(struct s2v_audit_opts){ .go_on = go_on });
}

static void end(void)
{
	s2v_keep_free(&w.live);
}

/* ---- audits ---- */

static void all_there(void **state)
{
	(void)state;
	begin(3, 3);
	assert_int_equal(audit(), 0);
	assert_int_equal(w.told[S2V_EV_SLOT], 3);
	assert_int_equal(w.told[S2V_EV_AUDIT], 3 + 1);
	end();
}

/* Of those that have gone nothing is told; in between others have their turn, and the ring buffer is read. */
static void gone_before(void **state)
{
	(void)state;
	begin(7, 0);
	assert_int_equal(audit(), 0);
	assert_int_equal(w.steps, 0);
	assert_int_equal(w.told[S2V_EV_AUDIT], 1); /* of all */
	assert_true(w.asked >= 7);
	assert_true(w.looks >= 7);
	end();
	begin(7, 0);
	w.go_on_for = 3;
	assert_int_equal(audit(), -EINTR);
	end();
}

/* Its end is taken between the step that finds its memslot and the word of it. */
static void gone_meanwhile(void **state)
{
	(void)state;
	begin(1, 1);
	w.dies = 1;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.told[S2V_EV_SLOT], 0);
	assert_int_equal(w.told[S2V_EV_AUDIT], 1); /* of all */
	end();
}

/* ---- what is kept ---- */

/* VMs that are destroyed while all is forgotten are no error. */
static void vanish(void **state)
{
	(void)state;
	begin(3, 3);
	w.vanish = true;
	assert_int_equal(s2v_keep_forget(&w.live), 0);
	assert_false(s2v_kept(&w.live, 1));
	end();
}

/* What could not be read once is missing for good, though the next reading goes well. */
static void error_stays(void **state)
{
	(void)state;
	begin(2, 2);
	w.reading = -EIO;
	tell(S2V_EV_VM_DEAD, 1);
	w.reading = 0;
	tell(S2V_EV_VM_DEAD, 2);
	assert_int_equal(w.live.err, -EIO);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_there),	  cmocka_unit_test(gone_before),
		cmocka_unit_test(gone_meanwhile), cmocka_unit_test(vanish),
		cmocka_unit_test(error_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
