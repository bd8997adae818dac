/**
 * node system-calls.ts FILTER PROGRAM...: becomes PROGRAM, which can make no system calls but FILTER's, as systemd's SystemCallFilter=,
 * RestrictAddressFamilies= and RestrictNamespaces= have it. FILTER is a {@link Filter} as JSON. no_new_privs must be set before.
 */
import { addressOf, bindFunction, program } from '../../src/ffi/library.ts';

/** Numbers, as the machine's headers have them. */
export interface Filter {
  readonly allowed: readonly number[];
  readonly families: readonly number[];
  readonly socket: number;
  readonly clone: number;
  readonly clone3: number;
  /** What makes or enters namespaces. */
  readonly namespaces: readonly number[];
}

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;

/** struct seccomp_data */
const Data = { number: 0, arch: 4, argument0: 16 } as const;

const ARCH = process.arch === 'x64' ? 0xc000003e : 0xc00000b7;

/** CLONE_NEWTIME aside, which is no flag of clone's. */
const CLONE_NEW = 0x7e020000;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const unlessEqual = (k: number, skip: number): Instruction => [0x15, 0, skip, k];
const unlessAnyOf = (k: number, skip: number): Instruction => [0x45, 0, skip, k];
const give = (verdict: number): Instruction => [0x06, 0, 0, verdict];

function instructions(filter: Filter): Instruction[] {
  const families = filter.families.flatMap((family) => [unlessEqual(family, 1), give(ALLOW)]);
  const verdict = (verdict: number) => (number: number) => [unlessEqual(number, 1), give(verdict)];
  return [
    load(Data.arch),
    [0x15, 1, 0, ARCH],
    give(KILL),
    load(Data.number),
    // libc goes back to clone, whose flags can be seen
    ...verdict(refuse(ENOSYS))(filter.clone3),
    ...filter.namespaces.flatMap(verdict(refuse(EPERM))),
    unlessEqual(filter.clone, 4),
    load(Data.argument0),
    unlessAnyOf(CLONE_NEW, 1),
    give(refuse(EPERM)),
    load(Data.number),
    unlessEqual(filter.socket, families.length + 2),
    load(Data.argument0),
    ...families,
    give(refuse(EAFNOSUPPORT)),
    ...filter.allowed.flatMap(verdict(ALLOW)),
    give(refuse(EPERM)),
  ];
}

/** For this thread and what it becomes. */
function restrict(filter: Filter): void {
  const list = instructions(filter);
  const code = new DataView(new ArrayBuffer(list.length * 8));
  for (const [i, [operation, ifTrue, ifFalse, k]] of list.entries()) {
    code.setUint16(i * 8, operation, true);
    code.setUint8(i * 8 + 2, ifTrue);
    code.setUint8(i * 8 + 3, ifFalse);
    code.setUint32(i * 8 + 4, k, true);
  }
  const head = new DataView(new ArrayBuffer(16));
  head.setUint16(0, list.length, true);
  head.setBigUint64(8, BigInt(addressOf(new Uint8Array(code.buffer))), true);
  const prctl = bindFunction<(...args: number[]) => number>(program, 'prctl', 'int', ['int', 'int64_t', 'int64_t']);
  const PR_SET_SECCOMP = 22;
  const SECCOMP_MODE_FILTER = 2;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, addressOf(new Uint8Array(head.buffer))) !== 0) {
    throw new Error('the filter was refused');
  }
}

const [filter, ...argv] = process.argv.slice(2);
restrict(JSON.parse(filter!) as Filter);
process.execve!('/usr/bin/env', ['env', ...argv], process.env);
