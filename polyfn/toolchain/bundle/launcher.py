"""A launcher of half a kilobyte: the ELF program that stands where a start script would.

A shell costs a tenth of a cold start, in loading itself. This does the script's work in three system
calls: `chdir` to the directory that the program lies in, `execve` of the interpreter by a relative
path and, where that fails because the platform runs a copy that lies elsewhere, both once more
in the directory that an environment variable names. It needs no libc and no shell.

It is put together here, byte by byte, from the listings below, so that it can be read, and needs no
compiler. The tests run it on both architectures.
"""

from __future__ import annotations

import struct

from polyfn.toolchain.provider import Arch

#: Where the program is loaded, and where its table is in it: the address of the variable's name with
#: its `=`, then those of the arguments, then 0.
_BASE = 0x400000
_TABLE = 0x160
_HEADERS = 64 + 2 * 56

# Bytes, label, instruction. 31 is AT_EXECFN, the path that was executed (getauxval(3)); system calls:
# 80 chdir, 59 execve, 60 exit.
_AMD64 = """
48 8b 04 24                  mov rax, [rsp]
4c 8d 64 c4 10               lea r12, [rsp+rax*8+16]
4d 89 e5                     mov r13, r12
4c 89 e6                     mov rsi, r12
48 ad                 skip:  lodsq
48 85 c0                     test rax, rax
75 f9                        jne skip
48 ad                 aux:   lodsq
48 89 c2                     mov rdx, rax
48 ad                        lodsq
48 83 fa 1f                  cmp rdx, 31
75 f3                        jne aux
48 89 c7                     mov rdi, rax
31 d2                        xor edx, edx
8a 08                 scan:  mov cl, [rax]
48 ff c0                     inc rax
80 f9 2f                     cmp cl, 0x2f
48 0f 44 d0                  cmove rdx, rax
84 c9                        test cl, cl
75 f0                        jne scan
48 85 d2                     test rdx, rdx
74 0a                        je exec
c6 02 00                     mov byte ptr [rdx], 0
b8 50 00 00 00        go:    mov eax, 80
0f 05                        syscall
be 68 01 40 00        exec:  mov esi, 0x400168
48 8b 3e                     mov rdi, [rsi]
4c 89 e2                     mov rdx, r12
b8 3b 00 00 00               mov eax, 59
0f 05                        syscall
49 8b 7d 00           next:  mov rdi, [r13]
49 83 c5 08                  add r13, 8
48 85 ff                     test rdi, rdi
74 17                        je fail
be 60 01 40 00               mov esi, 0x400160
48 8b 36                     mov rsi, [rsi]
ac                    same:  lodsb
84 c0                        test al, al
74 cd                        je go
3a 07                        cmp al, [rdi]
48 8d 7f 01                  lea rdi, [rdi+1]
74 f3                        je same
eb dc                        jmp next
bf 7f 00 00 00        fail:  mov edi, 127
b8 3c 00 00 00               mov eax, 60
0f 05                        syscall
"""

# 49 chdir, 221 execve, 93 exit.
_ARM64 = """
e0 03 40 f9                  ldr x0, [sp]
f3 43 00 91                  add x19, sp, #16
73 0e 00 8b                  add x19, x19, x0, lsl #3
f5 03 13 aa                  mov x21, x19
f4 03 13 aa                  mov x20, x19
80 86 40 f8           skip:  ldr x0, [x20], #8
e0 ff ff b5                  cbnz x0, skip
81 02 c1 a8           aux:   ldp x1, x0, [x20], #16
3f 7c 00 f1                  cmp x1, #31
c1 ff ff 54                  b.ne aux
e2 03 00 aa                  mov x2, x0
03 00 80 d2                  mov x3, #0
44 14 40 38           scan:  ldrb w4, [x2], #1
9f bc 00 71                  cmp w4, #47
43 00 83 9a                  csel x3, x2, x3, eq
a4 ff ff 35                  cbnz w4, scan
83 00 00 b4                  cbz x3, exec
7f 00 00 39                  strb wzr, [x3]
28 06 80 d2           go:    mov x8, #49
01 00 00 d4                  svc #0
16 2c 80 d2           exec:  mov x22, #0x160
16 08 a0 f2                  movk x22, #0x40, lsl #16
c1 22 00 91                  add x1, x22, #8
20 00 40 f9                  ldr x0, [x1]
e2 03 13 aa                  mov x2, x19
a8 1b 80 d2                  mov x8, #221
01 00 00 d4                  svc #0
a0 86 40 f8           next:  ldr x0, [x21], #8
00 01 00 b4                  cbz x0, fail
c1 02 40 f9                  ldr x1, [x22]
22 14 40 38           same:  ldrb w2, [x1], #1
62 fe ff 34                  cbz w2, go
03 14 40 38                  ldrb w3, [x0], #1
5f 00 03 6b                  cmp w2, w3
80 ff ff 54                  b.eq same
f8 ff ff 17                  b next
e0 0f 80 d2           fail:  mov x0, #127
a8 0b 80 d2                  mov x8, #93
01 00 00 d4                  svc #0
"""

_MACHINES: dict[Arch, tuple[int, str]] = {"amd64": (62, _AMD64), "arm64": (183, _ARM64)}


def launcher(arch: Arch, arguments: tuple[str, ...], *, root_variable: str = "") -> bytes:
    """Return a program that executes `arguments`; paths in them are relative to where it lies.

    `root_variable` names an environment variable with the directory to look in where the program was
    copied away. What the program itself is given as arguments it does not hand on.
    """
    machine, listing = _MACHINES[arch]
    code = _assembled(listing)
    # A name that no variable has: an empty one would match every one.
    texts = [f"{root_variable or '='}=", *arguments]
    place = _BASE + _TABLE + 8 * (len(texts) + 1)
    table, strings = b"", b""
    for text in texts:
        table += struct.pack("<Q", place + len(strings))
        strings += text.encode() + b"\0"
    body = code.ljust(_TABLE - _HEADERS, b"\0") + table + bytes(8) + strings
    return _headers(machine, _HEADERS + len(body)) + body


def _assembled(listing: str) -> bytes:
    """The bytes of a listing: its first 21 columns."""
    return bytes.fromhex("".join(line[:21] for line in listing.strip().splitlines()))


def _headers(machine: int, size: int) -> bytes:
    """ELF header, a segment with the whole file, and the wish for a stack without code (elf(5))."""
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    entry, flags = _BASE + _HEADERS, 0
    elf = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, flags, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return identity + elf + load + stack
