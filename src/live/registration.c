// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/bounds.h"
#include "live/memory.h"
#include "live/registration.h"

static bool always(void *arg)
{
	(void)arg;
	return true;
}

/*
 * Returns whether the VM, and so its mm, still exists. At the VM's end its entry is deleted before KVM drops the mm.
 * Without the hook on that, the mm may be gone, and this returns false.
 */
static bool vm_is_there(struct s2v_live *l, const struct s2v_slot_left *left)
{
	struct s2v_vm_state st;

	return l->links[S2V_OBS_VM_GONE][0] &&
	       !bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.vms), &left->kvm, &st) &&
	       st.id == left->ev.h.vm;
}

/* Returns whether the memslot is still that registration. A refused one counts: its VMAs may show why. */
static bool is_current(struct s2v_live *l, const struct s2v_ev_slot *ev)
{
	struct s2v_slot_key key = { .vm = ev->h.vm, .slot = ev->slot, .as_id = ev->as_id };
	struct s2v_slot_state st;

	return ev->err || (!bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.slots), &key, &st) &&
			   st.gen == ev->gen);
}

/* Reports the remaining VMAs. False: there were too many. */
static bool report_rest(struct s2v_live *l, const struct s2v_vmas *v, struct s2v_slot_left *left)
{
	const struct s2v_vmas_to to = {
		.fn = l->fn, .fn_arg = l->arg, .go_on = always, .most = S2V_RANGES_MOST
	};
	struct s2v_ev_slot rest = left->ev;
	int err;

	rest.hva = left->from;
	rest.size = left->ev.hva + left->ev.size - left->from;
	err = s2v_vmas_report(v, &rest, &to);
	left->ev.runs += rest.runs;
	left->ev.vmas += rest.vmas;
	return !err;
}

void s2v_registration_finish(struct s2v_live *l, struct s2v_slot_left *left)
{
	/* to_end: the last registrations of a run are completed after the signal that ends it. */
	const struct s2v_memory_query of = { .mm = left->mm, .tid = left->tid, .to_end = true };
	struct s2v_vmas v = { 0 };

	if (vm_is_there(l, left) && s2v_memory_read(l, &of, &v) == S2V_MEMORY_READ &&
	    vm_is_there(l, left) && is_current(l, &left->ev) && report_rest(l, &v, left)) {
		left->ev.unread = 0;
	} else {
		l->unread_slots++;
		s2v_unread_add(&l->unread, &(struct s2v_unread_vm){ .vm = left->ev.h.vm,
								    .tgid = left->ev.h.tgid,
								    .times = 1 });
	}
	s2v_vmas_free(&v);
}
