#include "textflag.h"

// The first instructions of the process: see entry.go. What the kernel left on the stack (argc, argv, environment) is as it
// was when Go begins; Go looks at no register.

// func entry()
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	ADD  $8, RSP, R19             // argv
	MOVD 8(R19), R9
	CBZ  R9, start                // no word
	MOVD -8(R9), R9               // the words stand one behind the other: the end of the program's name
	MOVD $0x007265647265686e, R20 // "nherder\0"
	CMP  R20, R9
	BEQ  found
	MOVD $0x0072657473616d00, R20 // "master\0", one byte up
	MOVD $0x686e726f63696e75, R22 // "unicornh"
	MOVD $0x006e7572, R21         // "run\0"
word:
	MOVD.P 8(R19), R9
	CBZ  R9, start
	MOVD (R9), R9                 // 8 bytes: behind the words are the file name and 8 bytes of zero
	CMP  R22, R9
	BEQ  found
	CMPW R21, R9
	BEQ  found
	LSL  $8, R9, R9
	CMP  R20, R9
	BNE  word
found:
	SUB  $32, RSP, R19            // below the stack
	MOVD $1, R9                   // struct sigaction: SIG_IGN, no flags, no mask
	MOVD R9, 0(R19)
	MOVD ZR, 8(R19)
	MOVD ZR, 16(R19)
	MOVD ZR, 24(R19)
	MOVD $0x16150a0c01, R20       // HUP, USR2, USR1, TTIN, TTOU
ignore:
	MOVD $134, R8                 // rt_sigaction
	AND  $0xff, R20, R0
	MOVD R19, R1
	MOVD ZR, R2
	MOVD $8, R3
	SVC
	LSR  $8, R20, R20
	CBNZ R20, ignore
start:
	B    _rt0_arm64_linux(SB)
