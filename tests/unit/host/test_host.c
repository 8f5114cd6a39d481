// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/host.c src/host/host_parse.c */
/* Host facts from the kernel's text files, and the decision between contradicting sources. */
#define _GNU_SOURCE /* fopencookie() */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host_parse.h"

static FILE *text(const char *s)
{
	FILE *f = fmemopen((void *)(uintptr_t)s, strlen(s), "r");

	assert_non_null(f);
	return f;
}

static void iomem(struct s2v_host *h, const char *s)
{
	FILE *f = text(s);

	memset(h, 0, sizeof(*h));
	assert_int_equal(s2v_parse_iomem(f, &h->ram, &h->n_ram), 0);
	fclose(f);
}

static void test_where(void **state)
{
	struct s2v_range r[] = { { 0x1000, 0x2000 }, { 0x40000000, 0x80000000 } };
	struct s2v_host h = { .ram = r, .n_ram = 2 };

	(void)state;
	assert_int_equal(s2v_host_where(&h, 0), S2V_WHERE_OUTSIDE);
	assert_int_equal(s2v_host_where(&h, 0x1000), S2V_WHERE_INSIDE);
	assert_int_equal(s2v_host_where(&h, 0x1fff), S2V_WHERE_INSIDE);
	assert_int_equal(s2v_host_where(&h, 0x2000), S2V_WHERE_OUTSIDE);
	assert_int_equal(s2v_host_where(&h, 0x3fffffff), S2V_WHERE_OUTSIDE);
	assert_int_equal(s2v_host_where(&h, 0x40000000), S2V_WHERE_INSIDE);
	assert_int_equal(s2v_host_where(&h, 0x7fffffff), S2V_WHERE_INSIDE);
	assert_int_equal(s2v_host_where(&h, 0x80000000), S2V_WHERE_OUTSIDE);
	assert_int_equal(s2v_host_where(&h, S2V_NO_PA), S2V_WHERE_UNKNOWN);
	h.n_ram = 0;
	assert_int_equal(s2v_host_where(&h, 0x1000), S2V_WHERE_UNKNOWN);
}

/* QEMU's virt machine with 1500 MiB and mem=1G. */
static void test_iomem(void **state)
{
	struct s2v_host h;

	(void)state;
	iomem(&h, "00000000-03ffffff : 0.flash flash@0\n"
		  "09000000-09000fff : pl011@9000000\n"
		  "  09000000-09000fff : 9000000.pl011 pl011@9000000\n"
		  "10000000-3efeffff : pcie@10000000\n"
		  "40000000-7fffffff : System RAM\n"
		  "  40210000-41bdffff : Kernel code\n"
		  "  41be0000-4225ffff : reserved\n"
		  "  42260000-4282ffff : Kernel data\n"
		  "4010000000-401fffffff : PCI ECAM\n");
	assert_int_equal(h.n_ram, 1);
	assert_int_equal(h.ram[0].start, 0x40000000);
	assert_int_equal(h.ram[0].end, 0x80000000);
	s2v_host_free(&h);
	assert_null(h.ram);
	assert_int_equal(h.n_ram, 0);
}

/* Hot-plugged memory is nested, with its driver; NOMAP memory is "reserved" at the top level. */
static void test_iomem_nested(void **state)
{
	struct s2v_host h;

	(void)state;
	iomem(&h, "100000000-13fffffff : dax0.0\n"
		  "  100000000-13fffffff : System RAM (kmem)\n"
		  "40000000-5fffffff : System RAM\n"
		  "60000000-6000ffff : reserved\n"
		  "60010000-7fffffff : System RAM\n"
		  "80000000-8fffffff : System RAM\n"
		  "90000000-9fffffff : Virtio MEM\n"
		  "    90000000-97ffffff : System RAM (virtio_mem)\n"
		  "a0000000-a0000fff : System ROM\n"
		  "a1000000-a1000fff : System RAMBUS\n"
		  "a2000000-a2000fff : Not System RAM\n"
		  "b0000fff-b0000000 : System RAM\n"
		  "nonsense : System RAM\n");
	assert_int_equal(h.n_ram, 3);
	assert_int_equal(h.ram[0].start, 0x40000000);
	assert_int_equal(h.ram[0].end, 0x60000000);
	assert_int_equal(h.ram[1].start, 0x60010000);
	assert_int_equal(h.ram[1].end, 0x98000000);
	assert_int_equal(h.ram[2].start, 0x100000000ULL);
	assert_int_equal(h.ram[2].end, 0x140000000ULL);
	s2v_host_free(&h);
}

static void test_iomem_hidden(void **state)
{
	struct s2v_host h;

	(void)state;
	iomem(&h, "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n");
	assert_int_equal(h.n_ram, 0);
	assert_null(h.ram);
	iomem(&h, "\n");
	assert_int_equal(h.n_ram, 0);
}

static void test_iomem_many(void **state)
{
	struct s2v_host h = { .n_ram = 0 };
	FILE *f = tmpfile();
	int i;

	(void)state;
	assert_non_null(f);
	for (i = 999; i >= 0; i--)
		fprintf(f, "%08x-%08x : System RAM\n", i * 0x10000, i * 0x10000 + 0xfff);
	rewind(f);
	assert_int_equal(s2v_parse_iomem(f, &h.ram, &h.n_ram), 0);
	fclose(f);
	assert_int_equal(h.n_ram, 1000);
	assert_int_equal(s2v_host_where(&h, 500 * 0x10000), S2V_WHERE_INSIDE);
	assert_int_equal(s2v_host_where(&h, 500 * 0x10000 + 0x1000), S2V_WHERE_OUTSIDE);
	s2v_host_free(&h);
}

/* An endless file of separate ranges. */
static ssize_t endless(void *cookie, char *buf, size_t len)
{
	unsigned long long *n = cookie;
	char line[64];
	int size = snprintf(line, sizeof(line), "%llx-%llx : System RAM\n", *n << 20,
			    (*n << 20) + 0xfff);

	if ((size_t)size > len)
		return -1;
	++*n;
	memcpy(buf, line, (size_t)size);
	return size;
}

static void test_iomem_endless(void **state)
{
	unsigned long long n = 1;
	FILE *f = fopencookie(&n, "r", (cookie_io_functions_t){ .read = endless });
	struct s2v_range *ram;
	size_t count;

	(void)state;
	assert_non_null(f);
	assert_int_equal(s2v_parse_iomem(f, &ram, &count), -E2BIG);
	assert_null(ram);
	assert_in_range(n, S2V_RAM_RANGES_MAX, S2V_RAM_RANGES_MAX + 100);
	fclose(f);
}

static void feed(struct s2v_kmsg *k, const char *const *rec, size_t n)
{
	size_t i;

	memset(k, 0, sizeof(*k));
	for (i = 0; i < n; i++)
		s2v_parse_kmsg(k, rec[i]);
}

#define FEED(k, ...)                                               \
	do {                                                       \
		static const char *const recs[] = { __VA_ARGS__ }; \
		feed(k, recs, S2V_ARRAY_SIZE(recs));               \
	} while (0)

static void test_kmsg(void **state)
{
	struct s2v_kmsg k;

	(void)state;
	FEED(&k, "6,0,0,-;Booting Linux on physical CPU 0x0000000000 [0x410fd490]\n",
	     "6,1,0,-,caller=T1;CPU features: detected: Stage-2 Force Write-Back\n",
	     "6,2,0,-;CPU features: detected: Instruction cache invalidation not required for I/D "
	     "coherence\n SUBSYSTEM=cpu\n",
	     "6,3,5,-;kvm [1]: IPA Size Limit: 48 bits\n",
	     "6,4,6,-;kvm [1]: VHE mode initialized successfully\n");
	assert_true(k.from_boot && !k.gap && k.fwb && k.dic && k.kvm);
	assert_int_equal(k.mode, S2V_KVM_VHE);
}

/* Lines that processes may write to /dev/kmsg, and similar words. */
static void test_kmsg_impostors(void **state)
{
	struct s2v_kmsg k;

	(void)state;
	FEED(&k, "12,7,0,-;CPU features: detected: Stage-2 Force Write-Back\n",
	     "14,8,0,-;kvm [1]: Protected nVHE mode initialized successfully\n",
	     "6,9,0,-;foo: CPU features: detected: Stage-2 Force Write-Back\n",
	     "6,10,0,-;CPU features: detected: Data cache clean to the PoU not required for I/D "
	     "coherence\n",
	     "6,11,0,-;kvm [1]: HYP mode not available\n", "garbage", "6,12,0,-", ";", "");
	assert_false(k.from_boot || k.fwb || k.dic || k.kvm || k.gap);
	assert_int_equal(k.mode, S2V_KVM_UNKNOWN);
}

static void test_kmsg_gap(void **state)
{
	struct s2v_kmsg k;

	(void)state;
	FEED(&k, "6,0,0,-;Booting Linux\n", "6,5,0,-;x\n");
	assert_true(k.from_boot && k.gap);
}

/* arch/arm64/kvm/arm.c of 6.1, 6.12 and 7.3 */
static void test_kmsg_modes(void **state)
{
	static const struct {
		const char *rec;
		int mode;
	} t[] = {
		{ "6,9,0,-;kvm [1]: VHE mode initialized successfully\n", S2V_KVM_VHE },
		{ "6,9,0,-;kvm [1]: VHE+NV2 mode initialized successfully\n", S2V_KVM_VHE },
		{ "6,9,0,-;kvm [1]: Hyp mode initialized successfully\n", S2V_KVM_NVHE },
		{ "6,9,0,-;kvm [1]: Hyp nVHE mode initialized successfully\n", S2V_KVM_NVHE },
		{ "6,9,0,-;kvm [1]: Hyp hVHE mode initialized successfully\n", S2V_KVM_NVHE },
		{ "6,9,0,-;kvm [1]: Protected nVHE mode initialized successfully\n",
		  S2V_KVM_PROTECTED },
		{ "6,9,0,-;kvm [1]: Protected hVHE mode initialized successfully\n",
		  S2V_KVM_PROTECTED },
		{ "6,9,0,-;kvm [1]: Realm mode initialized successfully\n", S2V_KVM_UNKNOWN },
	};
	struct s2v_kmsg k;
	size_t i;

	(void)state;
	for (i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		feed(&k, &t[i].rec, 1);
		assert_true(k.kvm);
		assert_int_equal(k.mode, t[i].mode);
	}
}

static void test_cmdline(void **state)
{
	static const struct {
		const char *line;
		int mode;
	} t[] = {
		{ "console=ttyAMA0 quiet\n", S2V_KVM_UNKNOWN },
		{ "kvm-arm.mode=protected", S2V_KVM_PROTECTED },
		{ "a  kvm_arm.mode=nvhe b\n", S2V_KVM_NVHE },
		{ "kvm-arm.mode=nested\n", S2V_KVM_VHE },
		{ "kvm-arm.mode=protected kvm-arm.mode=nvhe\n", S2V_KVM_NVHE },
		{ "quiet -- kvm-arm.mode=protected\n", S2V_KVM_UNKNOWN },
		{ "xkvm-arm.mode=protected kvm-arm.model=nvhe\n", S2V_KVM_UNKNOWN },
		{ "kvm-arm.mode=none kvm-arm.mode protectedx=\n", S2V_KVM_UNKNOWN },
		{ "kvm-arm.mode=", S2V_KVM_UNKNOWN },
		{ "", S2V_KVM_UNKNOWN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < S2V_ARRAY_SIZE(t); i++)
		assert_int_equal(s2v_parse_cmdline_mode(t[i].line), t[i].mode);
}

static void test_lockdown(void **state)
{
	char buf[32], small[4];

	(void)state;
	assert_true(s2v_parse_lockdown("none [integrity] confidentiality\n", buf, sizeof(buf)));
	assert_string_equal(buf, "integrity");
	assert_true(s2v_parse_lockdown("[none] integrity confidentiality\n", buf, sizeof(buf)));
	assert_string_equal(buf, "none");
	assert_false(s2v_parse_lockdown("none integrity\n", buf, sizeof(buf)));
	assert_false(s2v_parse_lockdown("[] x\n", buf, sizeof(buf)));
	assert_false(s2v_parse_lockdown("] [x\n", buf, sizeof(buf)));
	assert_false(s2v_parse_lockdown("[none]", small, sizeof(small)));
	assert_true(s2v_parse_lockdown("[abc]", small, sizeof(small)));
	assert_true(s2v_in_list("capability,landlock,lockdown,bpf\n", "bpf"));
	assert_true(s2v_in_list("lockdown", "lockdown"));
	assert_false(s2v_in_list("capability,lockdownx,xlockdown\n", "lockdown"));
	assert_false(s2v_in_list("", "lockdown"));
}

static int cap_eff(const char *s, __u64 *caps)
{
	FILE *f = text(s);
	int err = s2v_parse_cap_eff(f, caps);

	fclose(f);
	return err;
}

static void test_cap_eff(void **state)
{
	__u64 caps = 0;

	(void)state;
	assert_int_equal(cap_eff("Name:\ts2verify\nCapPrm:\t0000000000000001\n"
				 "CapEff:\t000001ffffffffff\nCapBnd:\t0\n",
				 &caps),
			 0);
	assert_int_equal(caps, 0x1ffffffffffULL);
	assert_int_equal(cap_eff("Name:\ts2verify\n", &caps), -ENODATA);
}

static void test_release(void **state)
{
	(void)state;
	assert_true(s2v_release_at_least("6.17.0", 6, 17));
	assert_true(s2v_release_at_least("6.17.0-rc1+", 6, 17));
	assert_true(s2v_release_at_least("7.3.4+deb13-arm64", 6, 17));
	assert_true(s2v_release_at_least("10.0", 6, 17));
	assert_false(s2v_release_at_least("6.12.95+deb12-arm64", 6, 17));
	assert_false(s2v_release_at_least("5.99.1", 6, 17));
	assert_false(s2v_release_at_least("v6.17", 6, 17));
	assert_false(s2v_release_at_least("", 6, 17));
}

static const struct s2v_cpu_source nothing = { S2V_UNKNOWN, S2V_UNKNOWN, S2V_UNKNOWN };
static const struct s2v_kmsg whole = { .from_boot = true, .any = true, .kvm = true };

static struct s2v_host weighed(const struct s2v_cpu_source *kvm, const struct s2v_kmsg *log,
			       const struct s2v_cpu_source *el0)
{
	struct s2v_host h;

	memset(&h, 0, sizeof(h));
	s2v_host_weigh(&h, kvm, log, el0);
	return h;
}

static void test_weigh_agreement(void **state)
{
	const struct s2v_cpu_source kvm = { S2V_YES, S2V_NO, S2V_YES }, el0 = { -1, 0, 1 };
	struct s2v_kmsg log = whole;
	struct s2v_host h;

	(void)state;
	log.fwb = true;
	log.mode = S2V_KVM_VHE;
	h = weighed(&kvm, &log, &el0);
	assert_int_equal(h.fwb, S2V_YES);
	assert_int_equal(h.dic, S2V_NO);
	assert_int_equal(h.idc, S2V_YES);
	assert_int_equal(h.kvm_mode, S2V_KVM_VHE);
	assert_string_equal(h.disagreement, "");
}

/* Neoverse-N1 erratum 1542419: the kernel hides DIC from EL0 and relies on it. */
static void test_weigh_hidden_dic(void **state)
{
	const struct s2v_cpu_source kvm = { S2V_NO, S2V_YES, S2V_YES }, el0 = { -1, 0, 1 };
	struct s2v_kmsg log = whole;
	struct s2v_host h;

	(void)state;
	log.dic = true;
	h = weighed(&kvm, &log, &el0);
	assert_int_equal(h.dic, S2V_YES);
	assert_string_equal(h.disagreement, "");
}

static void test_weigh_disagreement(void **state)
{
	const struct s2v_cpu_source kvm = { S2V_YES, S2V_NO, S2V_NO }, el0 = { -1, 1, 0 };
	const struct s2v_kmsg wrapped = { .any = true, .kvm = true };
	struct s2v_host h;

	(void)state;
	/* The log is whole and has no such line. */
	h = weighed(&kvm, &whole, &nothing);
	assert_int_equal(h.fwb, S2V_YES);
	assert_non_null(strstr(h.disagreement, "S2FWB: ID_AA64MMFR2_EL1"));
	/* The log wrapped: a missing line is no evidence. */
	h = weighed(&kvm, &wrapped, &nothing);
	assert_string_equal(h.disagreement, "");
	h = weighed(&kvm, &wrapped, &el0);
	assert_int_equal(h.dic, S2V_NO);
	assert_string_equal(h.disagreement,
			    "DIC: CTR_EL0 that KVM shows guests does not have it, CTR_EL0 that "
			    "s2verify reads has it");
	/* Two contradictions: both are there, or the second is left out, not cut. */
	h = weighed(&kvm, &whole, &el0);
	assert_true(strlen(h.disagreement) < sizeof(h.disagreement));
	assert_true(h.disagreement[strlen(h.disagreement) - 1] != ' ');
}

/* Without registers from KVM: no vCPU could be created. */
static void test_weigh_fallback(void **state)
{
	const struct s2v_cpu_source el0 = { -1, 1, 1 }, el0_no = { -1, 0, 0 };
	struct s2v_kmsg log = whole;
	struct s2v_host h;

	(void)state;
	log.fwb = true;
	h = weighed(&nothing, &log, &el0_no);
	assert_int_equal(h.fwb, S2V_YES);
	assert_int_equal(h.dic, S2V_NO);
	assert_int_equal(h.idc, S2V_NO);
	log.gap = true;
	log.fwb = false;
	h = weighed(&nothing, &log, &el0_no);
	assert_int_equal(h.fwb, S2V_UNKNOWN);
	assert_int_equal(h.dic, S2V_UNKNOWN); /* a clear bit at EL0 may be due to the erratum */
	h = weighed(&nothing, &log, &el0);
	assert_int_equal(h.dic, S2V_YES);
	assert_string_equal(h.disagreement, "");
}

static void test_pfnmap_cap(void **state)
{
	struct s2v_host h = { .fwb = S2V_YES, .dic = S2V_YES, .kernel = "6.12.95" };

	(void)state;
	assert_int_equal(s2v_host_pfnmap_cap(&h, 1), 1);
	assert_int_equal(s2v_host_pfnmap_cap(&h, 0), -1);
	assert_int_equal(s2v_host_pfnmap_cap(&h, -EINVAL), -1);
	h.dic = S2V_NO;
	assert_int_equal(s2v_host_pfnmap_cap(&h, 0), -1);
	strcpy(h.kernel, "7.3.4+deb13-arm64");
	assert_int_equal(s2v_host_pfnmap_cap(&h, 0), 0);
	h.fwb = h.dic = S2V_UNKNOWN;
	assert_int_equal(s2v_host_pfnmap_cap(&h, 0), 0);
	h.fwb = h.dic = S2V_YES;
	assert_int_equal(s2v_host_pfnmap_cap(&h, 0), -1);
}

static void test_disagree(void **state)
{
	struct s2v_host h;
	size_t len;

	(void)state;
	memset(&h, 0, sizeof(h));
	s2v_host_disagree(&h, "%s", "one");
	s2v_host_disagree(&h, "%s", "two");
	assert_string_equal(h.disagreement, "one; two");
	s2v_host_disagree(&h, "%300d", 1);
	assert_string_equal(h.disagreement, "one; two");
	s2v_host_disagree(&h, "%*d", (int)(sizeof(h.disagreement) - 1 - strlen("one; two; ")), 3);
	len = strlen(h.disagreement);
	assert_int_equal(len, sizeof(h.disagreement) - 1);
	s2v_host_disagree(&h, "x");
	assert_int_equal(strlen(h.disagreement), len);
}

static void test_mode_names(void **state)
{
	(void)state;
	assert_string_equal(s2v_kvm_mode_name(S2V_KVM_VHE), "vhe");
	assert_string_equal(s2v_kvm_mode_name(S2V_KVM_NVHE), "nvhe");
	assert_string_equal(s2v_kvm_mode_name(S2V_KVM_PROTECTED), "protected");
	assert_string_equal(s2v_kvm_mode_name(S2V_KVM_UNKNOWN), "unknown");
	assert_string_equal(s2v_kvm_mode_name(77), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_iomem),
		cmocka_unit_test(test_iomem_nested),
		cmocka_unit_test(test_iomem_hidden),
		cmocka_unit_test(test_iomem_many),
		cmocka_unit_test(test_iomem_endless),
		cmocka_unit_test(test_kmsg),
		cmocka_unit_test(test_kmsg_impostors),
		cmocka_unit_test(test_kmsg_gap),
		cmocka_unit_test(test_kmsg_modes),
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_lockdown),
		cmocka_unit_test(test_cap_eff),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_weigh_agreement),
		cmocka_unit_test(test_weigh_hidden_dic),
		cmocka_unit_test(test_weigh_disagreement),
		cmocka_unit_test(test_weigh_fallback),
		cmocka_unit_test(test_pfnmap_cap),
		cmocka_unit_test(test_disagree),
		cmocka_unit_test(test_mode_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
