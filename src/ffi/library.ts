/** Binding C functions by koffi. Pointers are JS numbers: the cheapest way across (33 ns a call), and 2^53 holds them all. */
import koffi from 'koffi';

/** A C address; 0 is NULL. */
export type Pointer = number;

/** C types as koffi names them; pointers and sizes travel as int64_t. */
export type CType = 'void' | 'int' | 'uint' | 'uint32_t' | 'int64_t' | 'const char *';

type Library = ReturnType<typeof koffi.load>;

/** The node binary itself: it exports its OpenSSL and, linked dynamically, brings libc into scope, glibc or musl. */
export const program: Library = koffi.load(null);

/** The C function `name`. `F` must agree with `args` and `result`: nothing checks it. */
export function bindFunction<F extends (...args: never[]) => unknown>(
  library: Library,
  name: string,
  result: CType,
  args: readonly CType[],
): F {
  return library.func(name, result, [...args]) as unknown as F;
}

export function loadLibrary(name: string): Library {
  return koffi.load(name);
}

/**
 * Where `bytes` lies. Stays true while its ArrayBuffer lives and is neither detached nor grown: whoever passes the
 * number to C keeps a reference to `bytes` for as long as C may use it.
 */
export function addressOf(bytes: Uint8Array): Pointer {
  return Number(koffi.address(bytes));
}

/** errno of the last call on this thread. Read it at once: the next call overwrites it. */
export function lastErrno(): number {
  return koffi.errno();
}
