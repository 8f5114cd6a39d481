# SPDX-License-Identifier: BSD-2-Clause
"""An arm64 kernel Image: its symbols, from its own kallsyms tables, and its instructions.

An Image has the layout of memory from .head.text on: file offset = address - _text. The kernel prints
/proc/kallsyms from these tables (kernel/kallsyms.c, scripts/kallsyms.c): num_syms, names, markers,
token_table, token_index, and an offset from relative_base (which is _text) for each symbol. 6.1 has
the offsets before num_syms, 6.4 and later after token_index; in 7.x each is relative to its own place.
"""

import bisect
import struct
import typing

TYPES = "AaBbDdRrTtVvWw"

def _align(n, to=8):
    return n + to - 1 & -to


class Alternative(typing.NamedTuple):
    site: int  # the replaced instructions
    place: int  # the replacement, or the callback
    cap: int  # the CPU capability that selects it (a callback decides itself)
    callback: bool
    length: int


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        if self.data[56:60] != b"ARM\x64":
            raise ValueError(f"{path} is no uncompressed arm64 Image")
        self._read_symbols()

    def words(self, at, count):
        return list(struct.unpack_from(f"<{count}I", self.data, at))

    def word(self, at):
        return self.words(at, 1)[0]

    def set_word(self, at, word):
        struct.pack_into("<I", self.data, at, word)

    # Symbols

    def _tokens_at(self, start):
        """The 256 tokens and the end of the index, if a token table with its index begins here."""
        tokens, index, at = [], [], start
        for _ in range(256):
            index.append(at - start)
            end = self.data.find(b"\0", at, at + 128)
            if end <= at:
                return None
            tokens.append(self.data[at:end].decode("latin-1"))
            at = end + 1
        for at in (_align(at, 4), _align(at, 8)):
            if list(struct.unpack_from("<256H", self.data, at)) == index:
                return tokens, at + 512
        return None

    def _find_tokens(self):
        """Finds the token table by "0" to "9": digits are in every symbol table, so each is a token."""
        digits = b"\0" + b"".join(b"%d\0" % i for i in range(10))
        at = self.data.find(digits)
        while at >= 0:
            for start in range(at & -4, at - 4096, -4):
                found = self._tokens_at(start)
                if found:
                    return start, *found
            at = self.data.find(digits, at + 1)
        raise ValueError("no kallsyms tables in this Image")

    def _names_at(self, at, count, tokens, end):
        """The names, if they are here: the markers after them have the start of each 256th name.

        A name is its length (from 128 on in two bytes) and that many tokens; the first character
        is its type.
        """
        data, starts, start = self.data, [], at
        types = [token[0] in TYPES for token in tokens]
        for _ in range(count):
            length = data[at]
            if at >= end or not length:
                return None
            starts.append(at - start)
            at += 1
            if length & 0x80:
                length = length & 0x7F | data[at] << 7
                at += 1
            if not types[data[at]]:
                return None
            at += length
        markers = starts[::256]
        if not any(self.words(_align(at, to), len(markers)) == markers for to in (4, 8)):
            return None
        names = []
        for begin, stop in zip(starts, starts[1:] + [at - start]):
            raw = data[start + begin : start + stop]
            names.append("".join(tokens[b] for b in raw[2 if raw[0] & 0x80 else 1 :]))
        return names

    def _find_names(self, tokens_at, tokens):
        """num_syms is before the names, and the names are before the tokens."""
        for at in range(tokens_at & -4, 0, -4):
            count = self.word(at)
            if 10000 < count < 4000000:
                for names in (at + 4, at + 8):
                    found = self._names_at(names, count, tokens, tokens_at)
                    if found:
                        return at, found
        raise ValueError("no kallsyms names in this Image")

    def _offsets(self, places, count):
        """The offset of each symbol from the first; they are sorted."""
        for at in places:
            raw = struct.unpack_from(f"<{count}i", self.data, at)
            for step in (0, 4):
                offsets = [(o - raw[0] + step * i) & 0xFFFFFFFF for i, o in enumerate(raw)]
                if offsets[-1] > 0x100000 and all(a <= b for a, b in zip(offsets, offsets[1:])):
                    return offsets
        raise ValueError("no kallsyms offsets in this Image")

    def _read_symbols(self):
        tokens_at, tokens, end = self._find_tokens()
        count_at, names = self._find_names(tokens_at, tokens)
        n = len(names)
        offsets = self._offsets((end, _align(end), count_at - 8 - _align(4 * n)), n)
        # Without KALLSYMS_ALL (6.1) the first is _stext, which is 64 KiB (SEGMENT_ALIGN) after _text.
        if "T_text" not in names:
            shift = 0x10000 - offsets[names.index("T_stext")]
            offsets = [o + shift for o in offsets]
        self.symbols = {}
        for name, offset in zip(names, offsets):
            self.symbols.setdefault(name[1:], []).append(offset)
        self._starts = sorted(set(offsets))

    def function(self, name):
        """(start, size) of the only function of this name."""
        found = self.symbols.get(name, [])
        if len(found) != 1:
            raise KeyError(f"{len(found)} functions are called {name}")
        start = found[0]
        return start, self._starts[bisect.bisect_right(self._starts, start)] - start

    # Alternatives

    def alternatives(self, start, size):
        """The code of a function that apply_alternatives() replaces when the kernel boots.

        Entries of .altinstructions, struct alt_instr { s32 orig_offset, alt_offset; u16 cpucap;
        u8 orig_len, alt_len; }, each offset from its own place. An entry is found by its offset into
        the function; bit 15 of cpucap marks alt_offset as that of a callback.
        """
        found = []
        for place, word in enumerate(memoryview(self.data)[: len(self.data) & -4].cast("I")):
            site = word + 4 * place & 0xFFFFFFFF
            if start <= site < start + size and not site & 3:
                alt = self._alternative(4 * place, site)
                if alt:
                    found.append(alt)
        return found

    def _alternative(self, at, site):
        _, offset, cap, length, alt_length = struct.unpack_from("<iiHBB", self.data, at)
        place = at + 4 + offset
        if cap & 0x8000:
            ok = length and not alt_length
        else:
            ok = length and length == alt_length and not length & 3
        if not ok or place & 3 or not 0 < place < len(self.data):
            return None
        return Alternative(site, place, cap & 0x7FFF, bool(cap & 0x8000), length)
