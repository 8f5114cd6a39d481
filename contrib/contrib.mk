# SPDX-License-Identifier: BSD-2-Clause
# make install, uninstall, deb: the program, units, completion, documentation, Prometheus and Grafana files.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
COMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
DOCDIR ?= $(DATADIR)/doc/s2verify
INSTALL ?= install

PROMETHEUS_FILES := contrib/prometheus/alerts.yml contrib/prometheus/rules.yml
GRAFANA_FILES := contrib/grafana/s2verify.json
DOC_FILES := LICENSE README.md $(wildcard docs/*.md docs/*.json)
UNITS := s2verify.service s2verify.socket
# Directories that uninstall removes if they are empty: those that a minimal Debian does not have.
EMPTIED := $(MANDIR)/man8 $(UNITDIR) $(patsubst %/,%,$(dir $(UNITDIR))) \
	$(COMPLETIONDIR) $(patsubst %/,%,$(dir $(COMPLETIONDIR))) $(DOCDIR) $(patsubst %/,%,$(dir $(DOCDIR))) \
	$(addprefix $(DATADIR)/s2verify,/prometheus /grafana) $(DATADIR)/s2verify

install: all
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(MANDIR)/man8 $(UNITDIR) $(COMPLETIONDIR) $(DOCDIR) \
		$(DATADIR)/s2verify/prometheus $(DATADIR)/s2verify/grafana)
	$(Q)$(INSTALL) -m 755 $(B)/s2verify $(DESTDIR)$(BINDIR)/s2verify
	$(Q)$(INSTALL) -m 644 docs/s2verify.8 $(DESTDIR)$(MANDIR)/man8/
	$(Q)$(INSTALL) -m 644 contrib/bash-completion/s2verify $(DESTDIR)$(COMPLETIONDIR)/s2verify
	$(Q)$(INSTALL) -m 644 $(PROMETHEUS_FILES) $(DESTDIR)$(DATADIR)/s2verify/prometheus/
	$(Q)$(INSTALL) -m 644 $(GRAFANA_FILES) $(DESTDIR)$(DATADIR)/s2verify/grafana/
	$(Q)$(INSTALL) -m 644 $(DOC_FILES) $(DESTDIR)$(DOCDIR)/
	$(Q)set -e; for u in $(UNITS); do \
		sed 's#@BINDIR@#$(BINDIR)#g' contrib/systemd/$$u >$(B)/$$u; \
		$(INSTALL) -m 644 $(B)/$$u $(DESTDIR)$(UNITDIR)/$$u; done

uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)rm -f $(DESTDIR)$(BINDIR)/s2verify $(DESTDIR)$(MANDIR)/man8/s2verify.8 \
		$(DESTDIR)$(COMPLETIONDIR)/s2verify $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS)) \
		$(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOC_FILES))) \
		$(patsubst contrib/%,$(DESTDIR)$(DATADIR)/s2verify/%,$(PROMETHEUS_FILES) $(GRAFANA_FILES))
	$(Q)for d in $(EMPTIED); do [ ! -d "$(DESTDIR)$$d" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$d"; done

# Debian packages, built from the committed files. ARCH=arm64: a static program (tools/sysroot).
deb:
	$(Q)tools/deb $(ARCH)
