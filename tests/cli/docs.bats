#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The documents agree with the program, and what they name exists.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	# "rule severity", as the catalogue has them
	catalogue=$("$S2VERIFY" explain | awk '/^[a-z]/ { print $1, $2 }')
	[ "$(wc -l <<<"$catalogue")" -ge 8 ]
}

documents() {
	printf '%s\n' README.md docs/*.md tests/lab/README.md tests/fresh/README.md
}

# "rule severity" of the table rows "| `rule` | severity |" or "| [`rule`](#rule) | severity |".
table_rules() { # FILE
	# shellcheck disable=SC2016 # these are backquotes of Markdown
	sed -nE 's/^\| \[?`([a-z0-9-]+)`(\]\([^)]*\))? \| (info|low|medium|high|critical) \|.*/\1 \3/p' "$1"
}

same() { # WANTED GOT
	diff <(sort <<<"$1") <(sort <<<"$2")
}

@test "README's rules are the catalogue's, with severity and meaning" {
	same "$catalogue" "$(table_rules README.md)"
	local rule severity says
	while read -r rule severity; do
		says=$("$S2VERIFY" explain "$rule" | awk '/^Fires when/ { on = 1 } on && !NF { exit } on' |
			tr '\n' ' ' | sed 's/^Fires when //; s/ *$//')
		echo "$rule: $says"
		grep -qF "| \`$rule\` | $severity | $says |" README.md
	done <<<"$catalogue"
}

@test "docs/rules.md has every rule, in its table and as a section" {
	same "$catalogue" "$(table_rules docs/rules.md)"
	same "$(cut -d ' ' -f 1 <<<"$catalogue")" "$(sed -nE 's/^## ([a-z0-9]+-[a-z0-9-]+)$/\1/p' docs/rules.md)"
}

@test "the manual page has every rule, with its severity" {
	same "$catalogue" "$(awk '/^\.It Cm [a-z0-9]+-[a-z0-9-]+ Pq / { print $3, $5 }' docs/s2verify.8)"
}

@test "the schema has every rule and every severity" {
	same "$(cut -d ' ' -f 1 <<<"$catalogue")" "$(jq -r '."$defs".rule_name.enum[]' docs/schema.json)"
	local severity
	while read -r _ severity; do
		jq -e --arg s "$severity" '."$defs".severity.enum | index($s)' docs/schema.json
	done <<<"$catalogue"
}

@test "documents name only rules that exist" {
	local word
	# shellcheck disable=SC2016 # these are backquotes of Markdown
	while read -r word; do
		echo "$word"
		grep -q "^$word " <<<"$catalogue"
	done < <(documents | xargs grep -ohE '`(s2|pfnmap|attr|device|cap|migration|reset|alias|fault|foreign|guest)-[a-z-]+`' |
		tr -d "\`" | grep -vxE 'reset-unmap|guest-leaves' | sort -u) # a hook, an event
}

@test "README is short" {
	[ "$(wc -l <README.md)" -lt 200 ]
	[ "$(wc -l <docs/design.md)" -lt 150 ]
}

@test "paths that the documents name exist" {
	local path missing=0
	while read -r path; do
		[[ $path != *NAME* ]] || continue
		[ -e "$path" ] || [ -e "docs/$path" ] || {
			echo "no $path"
			missing=1
		}
	done < <(documents | xargs grep -ohE '(^|[ `(])(src|bpf|include|docs|tests|tools|contrib)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]' |
		tr -d ' `(' | sort -u)
	[ "$missing" -eq 0 ]
}

@test "make targets that README names exist" {
	local target
	while read -r target; do
		echo "$target"
		grep -qE "^$target:|^\.PHONY:.*\<$target\>" Makefile
	done < <(grep -oE '(^ +|`)make( [a-z]+)+' README.md | sed 's/^[ `]*make //' | tr ' ' '\n' | sort -u)
}

@test "tests/fresh runs each block of commands in README on a bare machine" {
	local marks
	marks=$(awk '/^```/ { fenced = !fenced } !fenced && /^    / && last !~ /^    / { print last } { last = $0 }' README.md)
	echo "$marks"
	[ "$(wc -l <<<"$marks")" -ge 5 ]
	diff <(sort <<<"$marks") <(sed -nE 's/^	run_block ([a-z]+).*/<!-- fresh: \1 -->/p' tests/fresh/fresh.bats | sort)
}

@test "links between documents resolve" {
	local file link target anchor broken=0
	while read -r file; do
		while read -r link; do
			target=${link%%#*} anchor=${link#"${link%%#*}"}
			target=${target:+$(dirname "$file")/$target}
			target=${target:-$file}
			if [ ! -e "$target" ]; then
				echo "$file: no $link"
				broken=1
			elif [ -n "$anchor" ] && ! grep -E '^#+ ' "$target" | sed -E 's/^#+ //; s/[^A-Za-z0-9 -]//g' |
				tr 'A-Z ' 'a-z-' | grep -qx "${anchor#\#}"; then
				echo "$file: no section $link"
				broken=1
			fi
		done < <(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//' | grep -v '^[a-z]*://')
	done < <(documents)
	[ "$broken" -eq 0 ]
}

# The examples of docs/json.md, one per line: an indented line that starts an object, and what follows.
examples() {
	awk '/^    \{/ { if (e) print e; e = "" }
		/^    / { sub(/^ +/, ""); e = e $0; next }
		{ if (e) print e; e = "" }
		END { if (e) print e }' docs/json.md | grep '^{' | sed 's/,…\([]}]\)/\1/g'
}

@test "examples in docs/json.md are objects with the fields that the schema has" {
	local type line def
	same "$(jq -r '.properties.type.enum[]' docs/schema.json | grep -v '^event$')" \
		"$(examples | jq -r .type | sort -u)"
	while read -r line; do
		echo "$line"
		type=$(jq -r .type <<<"$line")
		def=$(jq -r --arg t "$type" '.allOf[] | select(.if.properties.type.const == $t).then."$ref"' docs/schema.json)
		jq -e --arg d "${def##*/}" --argjson line "$line" \
			'."$defs"[$d].properties as $p | all($line | keys[]; in($p))' docs/schema.json
		[ "$type" != summary ] || jq -e --argjson line "$line" \
			'all(."$defs".summary.required[]; in($line))' docs/schema.json
	done < <(examples)
}

@test "the manual page has every command, every option of it, and every type of object" {
	local synopsis command option type
	synopsis=$(awk '/^\.Sh SYNOPSIS/ { on = 1 } /^\.Sh DESC/ { exit } on' docs/s2verify.8)
	while read -r command; do
		echo "$command"
		grep -qx "\.Cm $command" <<<"$synopsis"
		while read -r option; do
			echo "  --$option"
			awk -v c="$command" '/^\.Cm / { on = $2 == c } on' <<<"$synopsis" | grep -qE -- "Fl -$option( |\$)" ||
				grep -qE -- "^\.It Fl [a-zA-Z?\\&]+ , -$option( |\$)" docs/s2verify.8
		done < <("$S2VERIFY" "$command" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z.-]+' | sed 's/.*--//' | grep -vE '^(help|usage|version)$')
	done < <("$S2VERIFY" --help | awk '/^Commands:/ { on = 1 } /^  [a-z]+ +[a-z]/ && on { print $1 }')
	while read -r type; do
		grep -qE "^\.Cm $type( [,;])?\$" docs/s2verify.8
	done < <(jq -r '.properties.type.enum[]' docs/schema.json)
}
