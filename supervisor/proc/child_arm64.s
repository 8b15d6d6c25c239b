#include "textflag.h"

// The child below shares the memory of a running Go program. Rules: no stack,
// no call, no Go symbol; writes only to fail and to the buffer of op "decimal".
// It needs only registers, which SVC keeps except R0.

// func vforkExec(flags uintptr, pidfd *int32, ops *op, fail *failure) (pid int)
TEXT ·vforkExec(SB), NOSPLIT|NOFRAME, $0-40
	MOVD flags+0(FP), R0
	MOVD $0, R1
	MOVD pidfd+8(FP), R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $0, R5
	MOVD ops+16(FP), R19
	MOVD fail+24(FP), R20
	MOVD $220, R8              // clone
	SVC
	CBZ  R0, child
	MOVD R0, pid+32(FP)
	RET

child:
	MOVD $0, R21               // R21: index of the op, R19: the op
walk:
	MOVD 0(R19), R8
	MOVD 8(R19), R0
	MOVD 16(R19), R1
	MOVD 24(R19), R2
	MOVD 32(R19), R3
	MOVD 40(R19), R4
	MOVD 48(R19), R5
	SVC
	MOVD 56(R19), R9           // kind
	CMP  $2, R9
	BEQ  decimal
	CMP  $3, R9
	BEQ  equal
	CBZ  R9, next              // may
	CMN  $4095, R0
	BCS  failed
next:
	ADD  $64, R19
	ADD  $1, R21
	B    walk

equal:
	MOVD 48(R19), R9
	CMP  R9, R0
	BEQ  next
	MOVD $-3, R0               // ESRCH
failed:
	NEG  R0, R0
	MOVD R21, 0(R20)
	MOVD R0, 8(R20)
exit:
	MOVD $94, R8               // exit_group
	MOVD $127, R0
	SVC
	B    exit

decimal:                       // R0: number, R4: where to, R5: end of scratch
	MOVD $10, R10
digit:
	UDIV R10, R0, R11          // R11 = R0 / 10
	MSUB R10, R0, R11, R12     // R12 = R0 - R11*10
	ADD  $48, R12              // '0'
	SUB  $1, R5
	MOVB R12, (R5)
	MOVD R11, R0
	CBNZ R0, digit
copy:
	MOVBU (R5), R0
	MOVB R0, (R4)
	ADD  $1, R5
	ADD  $1, R4
	CBNZ R0, copy
	B    next
