// SPDX-License-Identifier: BSD-2-Clause
/* Addresses to listen on. */
/* needs: src/daemon/addr.c */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/addr.h"

static void good(void **state)
{
	const struct sockaddr_in6 *in6;
	const struct sockaddr_in *in;
	struct s2v_addr a;
	char err[160];

	(void)state;
	assert_int_equal(s2v_addr_parse("192.0.2.1:80", &a, err, sizeof(err)), 0);
	in = (const void *)&a.ss;
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0xc0000201);
	assert_int_equal(ntohs(in->sin_port), 80);
	assert_int_equal(s2v_addr_parse("localhost:65535", &a, err, sizeof(err)), 0);
	assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(ntohs(in->sin_port), 65535);
	assert_int_equal(s2v_addr_parse("[::1]:0", &a, err, sizeof(err)), 0);
	in6 = (const void *)&a.ss;
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_memory_equal(&in6->sin6_addr, &in6addr_loopback, 16);
	assert_false(a.any);
	assert_int_equal(s2v_addr_parse(":9899", &a, err, sizeof(err)), 0);
	assert_true(a.any);
	assert_int_equal(ntohs(in6->sin6_port), 9899);
	assert_int_equal(s2v_addr_parse("unix:/run/x:1", &a, err, sizeof(err)), 0);
	assert_int_equal(a.ss.ss_family, AF_UNIX);
	assert_string_equal(((const struct sockaddr_un *)&a.ss)->sun_path, "/run/x:1");
}

static void bad(void **state)
{
	static const char *const t[] = {
		"",
		"9899",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"::1:80",
		"[::1]",
		"[::1:80",
		"[]:80",
		"[127.0.0.1]:80",
		"1.2.3:80",
		"host:80",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1: 80",
		"unix:",
		"127.0.0.1:+1",
		"http://127.0.0.1:80",
	};
	char err[160], path[200] = "unix:/";
	struct s2v_addr a;

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		err[0] = 0;
		if (!s2v_addr_parse(t[i], &a, err, sizeof(err)))
			fail_msg("\"%s\" was taken", t[i]);
		assert_true(err[0]);
	}
	/* sun_path has 108 bytes, with the NUL */
	memset(path + 6, 'a', 107);
	assert_int_equal(s2v_addr_parse(path, &a, err, sizeof(err)), -1);
	path[5 + 107] = 0;
	assert_int_equal(s2v_addr_parse(path, &a, err, sizeof(err)), 0);
}

static void tcp(void **state)
{
	struct s2v_addr a;
	char err[160], name[64];
	int fd, other;

	(void)state;
	assert_int_equal(s2v_addr_parse("127.0.0.1:0", &a, err, sizeof(err)), 0);
	fd = s2v_addr_listen(&a);
	assert_true(fd >= 0);
	s2v_addr_name(fd, name, sizeof(name));
	assert_int_equal(strncmp(name, "127.0.0.1:", 10), 0);
	/* s2v_addr_parse() takes the name; the address is in use. */
	assert_int_equal(s2v_addr_parse(name, &a, err, sizeof(err)), 0);
	other = s2v_addr_listen(&a);
	assert_int_equal(other, -EADDRINUSE);
	close(fd);
}

static void unix_socket(void **state)
{
	char dir[] = "/tmp/s2v-addr-XXXXXX", path[64], err[160], name[128];
	struct s2v_addr a;
	struct stat st;
	FILE *f;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "unix:%s/s", dir);
	assert_int_equal(s2v_addr_parse(path, &a, err, sizeof(err)), 0);
	fd = s2v_addr_listen(&a);
	assert_true(fd >= 0);
	s2v_addr_name(fd, name, sizeof(name));
	assert_string_equal(name, path);
	assert_int_equal(stat(path + 5, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* in use: not replaced */
	assert_int_equal(s2v_addr_listen(&a), -EADDRINUSE);
	close(fd);
	/* stale: left by a daemon that was killed */
	fd = s2v_addr_listen(&a);
	assert_true(fd >= 0);
	close(fd);
	s2v_addr_unlink(&a);
	assert_int_equal(stat(path + 5, &st), -1);
	/* a regular file is not removed */
	f = fopen(path + 5, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(s2v_addr_listen(&a), -EADDRINUSE);
	assert_int_equal(stat(path + 5, &st), 0);
	unlink(path + 5);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(tcp),
		cmocka_unit_test(unix_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
