// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/census.c */
/* Comparing KVM's directory in debugfs with the VMs that the BPF side knows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "live/census.h"

static struct world {
	struct s2verify_bpf skel;
	struct s2v_live live;
	struct s2verify_rodata rodata;
	bool blind; /* files of VMs cannot be recognised */
	__u32 known[8]; /* creators of the VMs that the BPF side knows; 0: none */
	__u32 appears; /* creator of a VM that the second inventory finds; 0: none */
	unsigned int looks; /* inventories taken */
} w;

int bpf_map__fd(const struct bpf_map *map)
{
	(void)map;
	return 1;
}

__u32 bpf_map__max_entries(const struct bpf_map *map)
{
	(void)map;
	return 8;
}

int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	__u64 i = key ? *(const __u64 *)key + 1 : 0;

	(void)fd;
	for (; i < 8; i++) {
		if (w.known[i]) {
			*(__u64 *)next = i;
			return 0;
		}
	}
	return -ENOENT;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	struct s2v_vm_state *st = value;

	(void)fd;
	memset(st, 0, sizeof(*st));
	st->creator = w.known[*(const __u64 *)key];
	return 0;
}

static int look_again(struct s2v_live *l)
{
	(void)l;
	if (++w.looks == 2)
		w.known[7] = w.appears;
	return 0;
}

static char dir[] = "/tmp/s2v-census-XXXXXX";

static void make(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	s2v_kvm_debugfs = dir;
	make("100-5");
	make("100-9");
	make("200-4");
	make("exits"); /* KVM's totals are files in the same directory */
	return 0;
}

static int tear_down(void **state)
{
	char command[160];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static void census(__u32 a, __u32 b, __u32 c)
{
	w.rodata.cfg.vm_release = w.blind ? 0 : 0xffff800080000000;
	w.skel.rodata = &w.rodata;
	w.live.skel = &w.skel;
	w.known[0] = a;
	w.known[1] = b;
	w.known[2] = c;
	s2v_census(&w.live, look_again);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(s2v_census_creator("888-12"), 888);
	assert_int_equal(s2v_census_creator("888-"), 0);
	assert_int_equal(s2v_census_creator("-12"), 0);
	assert_int_equal(s2v_census_creator("888"), 0);
	assert_int_equal(s2v_census_creator("888-12x"), 0);
	assert_int_equal(s2v_census_creator("exits"), 0);
	assert_int_equal(s2v_census_creator("99999999999-1"), 0);
}

/* A process may have several VMs. The BPF side may still know VMs that are gone. */
static void all_known(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.known[3] = 300;
	census(100, 200, 100);
	assert_int_equal(w.live.census.hidden, 0);
	assert_int_equal(w.live.census.err, 0);
	assert_int_equal(w.looks, 0);
}

static void one_hidden(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	census(100, 100, 0);
	assert_int_equal(w.live.census.hidden, 1);
	assert_int_equal(w.live.census.creator, 200);
	memset(&w, 0, sizeof(w));
	census(100, 200, 0); /* the second VM of its process */
	assert_int_equal(w.live.census.hidden, 1);
	assert_int_equal(w.live.census.creator, 100);
}

/* A VM that was being created during the first inventory. */
static void not_yet(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.appears = 200;
	census(100, 100, 0);
	assert_int_equal(w.looks, 2);
	assert_int_equal(w.live.census.hidden, 0);
}

static void of_one_process(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.rodata.cfg.tgid = 5;
	census(0, 0, 0);
	assert_int_equal(w.live.census.hidden, 0);
}

/* No VM is known because none could be recognised: the inventory reports that, the census does not. */
static void files_unknown(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.blind = true;
	census(0, 0, 0);
	assert_int_equal(w.live.census.hidden, 0);
	assert_int_equal(w.live.census.err, 0);
	assert_int_equal(w.looks, 0);
}

static void no_debugfs(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	s2v_kvm_debugfs = "/nonexistent/kvm";
	census(100, 200, 100);
	s2v_kvm_debugfs = dir;
	assert_int_equal(w.live.census.err, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_unknown), cmocka_unit_test(names),
		cmocka_unit_test(all_known),	 cmocka_unit_test(one_hidden),
		cmocka_unit_test(not_yet),	 cmocka_unit_test(of_one_process),
		cmocka_unit_test(no_debugfs),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
