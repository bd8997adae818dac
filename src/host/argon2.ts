/** Password hashes: argon2id (RFC 9106) by node:crypto, written as PHC strings. At most two are computed at once. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { HostError } from './errors.ts';

/** OWASP's choice of 2024: 19 MiB, two passes, one lane; about 25 ms. */
const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const LANES = 1;
const SALT_LENGTH = 16;
const HASH_LENGTH = 32;

/** More would take the whole thread pool, and gigabytes with a login flood. */
const MAX_CONCURRENT = 2;
/** A longer queue would outlast the clients' patience. */
export const MAX_QUEUED = 200;
/** Longer ones are refused unhashed. */
export const MAX_PASSWORD_BYTES = 1024;

interface Parameters {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
}

/** Throws {@link HostError} `BAD_PASSWORD` when it is empty or too long, `BUSY` when too many wait. */
export async function hashPassword(password: string): Promise<string> {
  const length = Buffer.byteLength(password);
  if (length === 0) throw new HostError('BAD_PASSWORD', 'an empty password is not allowed');
  if (length > MAX_PASSWORD_BYTES) {
    throw new HostError('BAD_PASSWORD', `a password has at most ${MAX_PASSWORD_BYTES} bytes`);
  }
  const salt = randomBytes(SALT_LENGTH);
  const parameters = { memory: MEMORY_KIB, passes: PASSES, parallelism: LANES, salt };
  const hash = await compute(password, parameters, HASH_LENGTH);
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(salt)}$${base64(hash)}`;
}

/** Whether `password` has the hash that `phc` says. Throws `BUSY` when too many wait. */
export async function matchesHash(password: string, phc: string): Promise<boolean> {
  const { parameters, hash } = parsePhc(phc);
  return timingSafeEqual(await compute(password, parameters, hash.length), hash);
}

/** A hash of nothing anybody knows: checking it takes as long as checking a user's. */
export function dummyHash(): string {
  const salt = base64(randomBytes(SALT_LENGTH));
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${salt}$${base64(randomBytes(HASH_LENGTH))}`;
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

function parsePhc(phc: string): { parameters: Parameters; hash: Buffer } {
  const [, memory, passes, parallelism, salt, hash] = PHC.exec(phc) ?? [];
  if (!hash) throw new HostError('BAD_HASH', 'a password hash in the store is not an argon2id PHC string');
  const parameters = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt!, 'base64'),
  };
  return { parameters, hash: Buffer.from(hash, 'base64') };
}

/** PHC strings carry base64 without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

let running = 0;
let highest = 0;
const waiting: (() => void)[] = [];

/** Passwords that wait for their turn, and the most that ever did. */
export function passwordQueue(): { readonly waiting: number; readonly highest: number } {
  return { waiting: waiting.length, highest };
}

async function compute(password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  await turn();
  try {
    return await run(password, parameters, tagLength);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function turn(): Promise<void> {
  if (running >= MAX_CONCURRENT) {
    if (waiting.length >= MAX_QUEUED)
      throw new HostError('BUSY', 'too many passwords are being checked; try again in a moment');
    await new Promise<void>((resolve) => {
      highest = Math.max(highest, waiting.push(resolve));
    });
  }
  running++;
}

function run(password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  const { memory, passes, parallelism, salt } = parameters;
  const message = Buffer.from(password, 'utf8');
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message, nonce: salt, parallelism, tagLength, memory, passes }, (error, hash) => {
      message.fill(0);
      if (error) reject(error);
      else resolve(hash);
    });
  });
}
