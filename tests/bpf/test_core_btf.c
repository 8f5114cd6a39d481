// SPDX-License-Identifier: BSD-2-Clause
/* needs: tests/bpf/as_kprobe.c src/live/needs.c */
/* libs: -lbpf */
/*
 * Loads the BPF object with the BTF of other kernels (tests/data/btf): libbpf relocates it against
 * each (btf_custom_path), and this machine's verifier, of any architecture, checks the result. The
 * verifier removes code that the chosen argument list makes dead, so it refuses an unresolved
 * relocation only where it can be reached.
 *
 * Every program is checked. fentry and fexit programs are loaded as kprobe programs (as_kprobe.h):
 * without the two helpers that only trampolines have, whose results may be any number.
 *
 * Not checked: older kernels' verifiers, attaching, and whether fields mean what the programs
 * assume. The emulated hosts do that (tests/lab).
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "as_kprobe.h"
#include "live/needs.h"
#include "s2v_event.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"

/*
 * Instructions that the verifier may process for one program. Well below the kernel's limit of a
 * million: older kernels prune fewer paths, and every start waits for the verifier.
 */
#define BUDGET 50000

#define UNSUPPORTED "5.10"

static const struct {
	const char *release;
	bool fault_desc; /* user_mem_abort() is not inlined, and takes a fault descriptor */
} kernels[] = {
	{ "6.1", false },  { "6.12", false }, { "6.16", false }, { "6.17", false },
	{ "6.18", false }, { "6.19", false }, { "7.0", false },	 { "7.1", true },
	{ "7.2", true },   { "7.3", true },
};

/* Configurations that make different code dead. */
static const struct s2v_cfg cfgs[] = {
	{ .page_shift = 12, .repeat_ns = 1000000000 },
	{ .page_shift = 14, .repeat_ns = 1000000000, .all = 1, .vm_release = 1, .vcpu_release = 2 },
	{ .page_shift = 16,
	  .repeat_ns = 1000000000,
	  .tgid = 1,
	  .fwb = 1,
	  .vm_release = 1,
	  .vcpu_release = 2 },
};

static char *libbpf_log; /* of the last load */
static size_t libbpf_log_len;
static const char *cannot_load;

static int collect_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *line = NULL, *all;
	int n = level == LIBBPF_DEBUG ? 0 : vasprintf(&line, fmt, ap);

	if (n > 0) {
		all = realloc(libbpf_log, libbpf_log_len + n + 1);
		assert_non_null(all);
		memcpy(all + libbpf_log_len, line, n + 1);
		libbpf_log = all;
		libbpf_log_len += n;
	}
	free(line);
	return n;
}

static void clear_log(void)
{
	free(libbpf_log);
	libbpf_log = NULL;
	libbpf_log_len = 0;
}

/* Why this machine cannot load the programs, or NULL. */
static const char *why_cannot_load(void)
{
	static char why[160];
	const struct bpf_insn return_0[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "t", "GPL", return_0, 2, NULL);

	if (fd < 0) {
		snprintf(why, sizeof(why), "this machine does not load BPF programs: %s",
			 strerror(errno));
		return why;
	}
	close(fd);
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return "this machine's kernel has no BTF";
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_find_vma, NULL) != 1 ||
	    libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) != 1)
		return "this machine's kernel has no bpf_find_vma() or bpf_loop() (5.17 on)";
	return NULL;
}

static void need_bpf(void)
{
	if (!cannot_load)
		return;
	print_message("skipped: %s\n", cannot_load);
	skip();
}

static const char *path_of(const char *release)
{
	static char path[128];

	snprintf(path, sizeof(path), "tests/data/btf/%s.btf", release);
	return path;
}

static struct btf *kernel_btf(const char *release)
{
	struct btf *btf = btf__parse(path_of(release), NULL);

	if (!btf)
		print_message("%s: %s\n", path_of(release), strerror(errno));
	assert_non_null(btf);
	return btf;
}

static struct s2verify_bpf *open_for(const char *path, const struct s2v_cfg *cfg,
				     enum s2v_variant fault)
{
	LIBBPF_OPTS(bpf_object_open_opts, o, .btf_custom_path = path);
	struct s2verify_bpf *skel = s2verify_bpf__open_opts(&o);

	assert_non_null(skel);
	memcpy((void *)&skel->rodata->cfg, cfg, sizeof(*cfg));
	((struct s2v_cfg *)&skel->rodata->cfg)->fault_variant = fault;
	return skel;
}

static __u32 verified_insns(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len), 0);
	return info.verified_insns;
}

/* Loads all programs. Returns 0 or -errno; *most: most instructions verified for a program. */
static int load(const char *path, const struct s2v_cfg *cfg, enum s2v_variant fault, __u32 *most)
{
	struct s2verify_bpf *skel = open_for(path, cfg, fault);
	struct bpf_program *p;
	__u32 n;
	int err;

	clear_log();
	err = s2verify_bpf__load(skel);
	bpf_object__for_each_program(p, skel->obj)
	{
		if (err || !most || bpf_program__fd(p) < 0)
			continue;
		n = verified_insns(p);
		if (n > BUDGET)
			print_message("%s: %s: %u instructions verified, %u are allowed\n", path,
				      bpf_program__name(p), n, BUDGET);
		*most = n > *most ? n : *most;
	}
	s2verify_bpf__destroy(skel);
	return err;
}

static void expect_load(const char *release, const struct s2v_cfg *cfg, enum s2v_variant fault)
{
	__u32 most = 0;
	int err = load(path_of(release), cfg, fault, &most);

	if (err)
		fprintf(stderr, "%s, pages of %u, variant %d:\n%s\n", release,
			1U << cfg->page_shift, fault,
			libbpf_log_len > 4000 ? libbpf_log + libbpf_log_len - 4000 : libbpf_log);
	assert_int_equal(err, 0);
	assert_in_range(most, 1, BUDGET);
}

static void test_loads(void **state)
{
	(void)state;
	need_bpf();
	for (size_t i = 0; i < S2V_ARRAY_SIZE(kernels); i++) {
		for (size_t c = 0; c < S2V_ARRAY_SIZE(cfgs); c++) {
			expect_load(kernels[i].release, &cfgs[c], S2V_VAR_FAULT_ABORT);
			expect_load(kernels[i].release, &cfgs[c],
				    kernels[i].fault_desc ? S2V_VAR_FAULT_DESC
							  : S2V_VAR_FAULT_VCPU);
		}
	}
}

/* Negative control: code that reads a fault descriptor is refused where the kernel has none. */
static void test_refused(void **state)
{
	(void)state;
	need_bpf();
	assert_int_not_equal(load(path_of("6.1"), &cfgs[0], S2V_VAR_FAULT_DESC, NULL), 0);
	assert_non_null(strstr(libbpf_log, "kvm_s2_fault_desc"));
}

/* BTF of the BPF object. */
static struct s2verify_bpf *open_object(const struct btf **btf)
{
	struct s2verify_bpf *skel = s2verify_bpf__open();

	assert_non_null(skel);
	*btf = bpf_object__btf(skel->obj);
	assert_non_null(*btf);
	return skel;
}

static void test_needs(void **state)
{
	const struct btf *local;
	struct s2verify_bpf *skel = open_object(&local);
	char err[512];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(kernels); i++) {
		struct btf *btf = kernel_btf(kernels[i].release);

		err[0] = '\0';
		if (s2v_needs(btf, local, err, sizeof(err)))
			print_message("%s: %s (by a reduced BTF: is tests/tools/btf-reduce due?)\n",
				      kernels[i].release, err);
		assert_string_equal(err, "");
		btf__free(btf);
	}
	s2verify_bpf__destroy(skel);
}

static void test_unsupported(void **state)
{
	const struct btf *local;
	struct s2verify_bpf *skel = open_object(&local);
	struct btf *btf = kernel_btf(UNSUPPORTED);
	char err[512] = "";

	(void)state;
	assert_int_equal(s2v_needs(btf, local, err, sizeof(err)), -1);
	assert_string_equal(err, "this kernel cannot be observed, since its BTF lacks what the BPF "
				 "programs need: bpf_task_storage_get(), "
				 "bpf_get_current_task_btf(), bpf_get_func_arg(), bpf_find_vma() "
				 "and 12 more; Linux 6.1 and later have all of it");
	btf__free(btf);
	s2verify_bpf__destroy(skel);
}

static void test_unsupported_refused(void **state)
{
	(void)state;
	need_bpf();
	assert_int_not_equal(load(path_of(UNSUPPORTED), &cfgs[0], S2V_VAR_FAULT_ABORT, NULL), 0);
}

/* Calls fn for every kernel structure in the BPF object. */
static void each_struct(const struct btf *local,
			void (*fn)(const struct btf *local, const struct btf_type *t,
				   const char *name))
{
	__u32 id, end = btf__type_cnt(local);
	const struct btf_type *t;
	const char *name;

	for (id = 1; id < end; id++) {
		t = btf__type_by_id(local, id);
		if (!btf_is_decl_tag(t))
			continue;
		t = btf__type_by_id(local, t->type);
		name = btf__name_by_offset(local, t->name_off);
		if (*name)
			fn(local, t, name);
	}
}

/* Returns whether a structure has a member; with `rename`, also renames it. */
static bool find_member(struct btf *btf, const struct btf_type *t, const char *name,
			const char *rename)
{
	struct btf_member *m = btf_members(t);
	const struct btf_type *inner;
	int i;

	for (i = 0; i < btf_vlen(t); i++, m++) {
		inner = btf__type_by_id(btf, m->type);
		if (!m->name_off && inner && btf_is_composite(inner) &&
		    find_member(btf, inner, name, rename))
			return true;
		if (strcmp(btf__name_by_offset(btf, m->name_off), name))
			continue;
		if (rename)
			m->name_off = btf__find_str(btf, rename);
		return true;
	}
	return false;
}

static bool has_member(const char *release, const char *type, const char *name)
{
	struct btf *btf = kernel_btf(release);
	__s32 id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	bool has = id > 0 && find_member(btf, btf__type_by_id(btf, id), name, NULL);

	btf__free(btf);
	return has;
}

/* A reduced BTF made before a flavour was added would look like a kernel without it. */
static void flavour_is_known(const struct btf *local, const struct btf_type *t, const char *name)
{
	const char *suffix = strstr(name, "___"), *m;
	char type[64];
	bool has;

	if (!suffix)
		return;
	snprintf(type, sizeof(type), "%.*s", (int)(suffix - name), name);
	for (int i = 0; i < btf_vlen(t); i++) {
		m = btf__name_by_offset(local, btf_members(t)[i].name_off);
		has = false;
		for (size_t k = 0; !has && k < S2V_ARRAY_SIZE(kernels); k++)
			has = has_member(kernels[k].release, type, m);
		if (!has)
			print_message("no reduced BTF has %s.%s: is tests/tools/btf-reduce due?\n",
				      type, m);
		assert_true(has);
	}
}

static void test_flavours(void **state)
{
	const struct btf *local;
	struct s2verify_bpf *skel = open_object(&local);

	(void)state;
	each_struct(local, flavour_is_known);
	s2verify_bpf__destroy(skel);
}

/* Writes BTF to a memfd. Returns the descriptor, which the caller closes, and its path. */
static int btf_as_file(const struct btf *btf, char *path, size_t len)
{
	__u32 size;
	const void *data = btf__raw_data(btf, &size);
	int fd = memfd_create("btf", MFD_CLOEXEC);

	assert_non_null(data);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	snprintf(path, len, "/proc/self/fd/%d", fd);
	return fd;
}

/* Returns whether the sentence lists a member. */
static bool lists_member(const char *sentence, const char *full)
{
	const char *at = strstr(sentence, full);

	return at && strchr(",;", at[strlen(full)]) && at[strlen(full)];
}

/* A kernel without this one member is refused by name, and the load would fail. */
static void without_member(const struct btf *local, const char *type, const char *name)
{
	struct btf *btf = kernel_btf("6.12");
	__s32 id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	char err[512] = "", full[128], path[64];
	int fd, ret;

	assert_true(btf__add_str(btf, "s2v_gone") > 0);
	assert_true(id > 0 && find_member(btf, btf__type_by_id(btf, id), name, "s2v_gone"));
	/* Other members may follow: kernel structures share anonymous unions (bpf_iter__*). */
	snprintf(full, sizeof(full), "%s.%s", type, name);
	ret = s2v_needs(btf, local, err, sizeof(err));
	if (!ret || !lists_member(err, full))
		print_message("without %s: %s\n", full, err);
	assert_int_equal(ret, -1);
	assert_true(lists_member(err, full));
	if (!cannot_load) {
		fd = btf_as_file(btf, path, sizeof(path));
		ret = load(path, &cfgs[1], S2V_VAR_FAULT_ABORT, NULL);
		close(fd);
		if (!ret)
			print_message("%s is declared, but not needed\n", full);
		assert_int_not_equal(ret, 0);
		assert_non_null(strstr(libbpf_log, "failed to resolve CO-RE relocation"));
	}
	btf__free(btf);
}

static void members_are_needed(const struct btf *local, const struct btf_type *t, const char *name)
{
	if (strstr(name, "___"))
		return;
	for (int i = 0; i < btf_vlen(t); i++)
		without_member(local, name, btf__name_by_offset(local, btf_members(t)[i].name_off));
}

static void test_each_member(void **state)
{
	const struct btf *local;
	struct s2verify_bpf *skel = open_object(&local);

	(void)state;
	each_struct(local, members_are_needed);
	s2verify_bpf__destroy(skel);
}

static int setup(void **state)
{
	(void)state;
	cannot_load = why_cannot_load();
	as_kprobe_register();
	libbpf_set_print(collect_log);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	as_kprobe_unregister();
	clear_log();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),	    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_needs),	    cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_flavours),    cmocka_unit_test(test_unsupported_refused),
		cmocka_unit_test(test_each_member),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
