#include "textflag.h"

// The first instructions of the process: see entry.go. What the kernel left on the stack (argc, argv, environment) is as it
// was when Go begins; Go looks at no register.

// func entry()
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	LEAQ 8(SP), R12               // argv
	MOVQ 8(R12), AX
	TESTQ AX, AX
	JEQ  start                    // no word
	MOVQ $0x007265647265686e, R13 // "nherder\0"
	CMPQ R13, -8(AX)              // the words stand one behind the other: the end of the program's name
	JEQ  found
	MOVQ $0x0072657473616d00, R13 // "master\0", one byte up
	MOVQ $0x686e726f63696e75, R14 // "unicornh"
word:
	MOVQ (R12), AX
	TESTQ AX, AX
	JEQ  start
	ADDQ $8, R12
	MOVQ (AX), AX                 // 8 bytes: behind the words are the file name and 8 bytes of zero
	CMPQ AX, R14
	JEQ  found
	CMPL AX, $0x006e7572          // "run\0"
	JEQ  found
	SHLQ $8, AX
	CMPQ AX, R13
	JNE  word
found:
	MOVQ $1, -32(SP)              // struct sigaction: SIG_IGN, no flags, no mask
	MOVQ $0, -24(SP)
	MOVQ $0, -16(SP)
	MOVQ $0, -8(SP)
	MOVQ $0x16150a0c01, R12       // HUP, USR2, USR1, TTIN, TTOU
ignore:
	MOVQ $13, AX                  // rt_sigaction
	MOVBQZX R12, DI
	LEAQ -32(SP), SI
	XORL DX, DX
	MOVL $8, R10
	SYSCALL
	SHRQ $8, R12
	JNE  ignore
start:
	JMP  _rt0_amd64_linux(SB)
