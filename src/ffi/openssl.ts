/**
 * OpenSSL 3 by its EVP interface: from the node binary, which exports its own copy, else from the system's libcrypto.
 * Functions return 1 (or a pointer) on success and 0 or less on failure; after a failure clear the error queue.
 */
import { bindFunction, type CType, loadLibrary, type Pointer, program } from './library.ts';

const library = exportsOpenssl() ? program : loadLibrary('libcrypto.so.3');

function exportsOpenssl(): boolean {
  try {
    bindFunction(program, 'EVP_MAC_fetch', 'int64_t', ['int64_t', 'const char *', 'int64_t']);
    return true;
  } catch {
    return false;
  }
}

function evp<F extends (...args: never[]) => unknown>(name: string, result: CType, args: readonly CType[]): F {
  return bindFunction<F>(library, name, result, args);
}

const P = 'int64_t';

type Fetch = (context: Pointer, name: string, properties: Pointer) => Pointer;
type Init = (ctx: Pointer, cipher: Pointer, key: Pointer, iv: Pointer, params: Pointer) => number;
/** `outLength`: where the number of bytes written goes, an int. */
type Update = (ctx: Pointer, out: Pointer, outLength: Pointer, from: Pointer, length: number) => number;
type Final = (ctx: Pointer, out: Pointer, outLength: Pointer) => number;

export const EVP_CIPHER_fetch = evp<Fetch>('EVP_CIPHER_fetch', P, [P, 'const char *', P]);
export const EVP_CIPHER_free = evp<(cipher: Pointer) => void>('EVP_CIPHER_free', 'void', [P]);
export const EVP_CIPHER_CTX_new = evp<() => Pointer>('EVP_CIPHER_CTX_new', P, []);
/** Wipes the key before it frees. */
export const EVP_CIPHER_CTX_free = evp<(ctx: Pointer) => void>('EVP_CIPHER_CTX_free', 'void', [P]);
export const EVP_CIPHER_CTX_set_padding = evp<(ctx: Pointer, on: number) => number>(
  'EVP_CIPHER_CTX_set_padding',
  'int',
  [P, 'int'],
);
export const EVP_CIPHER_CTX_get_params = evp<(ctx: Pointer, params: Pointer) => number>(
  'EVP_CIPHER_CTX_get_params',
  'int',
  [P, P],
);
export const EVP_EncryptInit_ex2 = evp<Init>('EVP_EncryptInit_ex2', 'int', [P, P, P, P, P]);
export const EVP_EncryptUpdate = evp<Update>('EVP_EncryptUpdate', 'int', [P, P, P, P, 'int']);
export const EVP_EncryptFinal_ex = evp<Final>('EVP_EncryptFinal_ex', 'int', [P, P, P]);
export const EVP_DecryptInit_ex2 = evp<Init>('EVP_DecryptInit_ex2', 'int', [P, P, P, P, P]);
export const EVP_DecryptUpdate = evp<Update>('EVP_DecryptUpdate', 'int', [P, P, P, P, 'int']);
export const EVP_DecryptFinal_ex = evp<Final>('EVP_DecryptFinal_ex', 'int', [P, P, P]);

export const EVP_MAC_fetch = evp<Fetch>('EVP_MAC_fetch', P, [P, 'const char *', P]);
export const EVP_MAC_CTX_new = evp<(mac: Pointer) => Pointer>('EVP_MAC_CTX_new', P, [P]);
export const EVP_MAC_CTX_free = evp<(ctx: Pointer) => void>('EVP_MAC_CTX_free', 'void', [P]);
/** With key 0 it begins anew under the key it has. */
export const EVP_MAC_init = evp<(ctx: Pointer, key: Pointer, keyLength: number, params: Pointer) => number>(
  'EVP_MAC_init',
  'int',
  [P, P, P, P],
);
export const EVP_MAC_update = evp<(ctx: Pointer, data: Pointer, length: number) => number>('EVP_MAC_update', 'int', [
  P,
  P,
  P,
]);
export const EVP_MAC_final = evp<(ctx: Pointer, out: Pointer, outLength: Pointer, outSize: number) => number>(
  'EVP_MAC_final',
  'int',
  [P, P, P, P],
);

/** 0 when the `length` bytes are equal; in constant time. */
export const CRYPTO_memcmp = evp<(a: Pointer, b: Pointer, length: number) => number>('CRYPTO_memcmp', 'int', [P, P, P]);
export const RAND_bytes = evp<(to: Pointer, length: number) => number>('RAND_bytes', 'int', [P, 'int']);
export const ERR_clear_error = evp<() => void>('ERR_clear_error', 'void', []);

/** OSSL_PARAM types. */
export const OSSL_PARAM_UTF8_STRING = 4;
export const OSSL_PARAM_OCTET_STRING = 5;
