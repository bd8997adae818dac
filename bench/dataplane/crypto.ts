/** What it costs to seal and open one packet of 1408 bytes, beside what OpenSSL says of itself for the same size. */
import { spawnSync } from 'node:child_process';
import { type EspSuite, type HashName, suiteName } from '../../src/core/crypto/algorithms.ts';
import { keymatLength, splitKeymat } from '../../src/core/esp/suites.ts';
import { ipFromBytes, prefixOf } from '../../src/core/net/address.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { Net4 } from '../../src/dataplane/net4.ts';
import { openPacket } from '../../src/dataplane/open.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import type { ReplayWindow } from '../../src/dataplane/replay.ts';
import { type InboundSa, type OutboundSa, sealedLength } from '../../src/dataplane/sa.ts';
import { sealPacket } from '../../src/dataplane/seal.ts';
import { median } from '../row.ts';

export interface CryptoRow {
  readonly suite: string;
  /** Nanoseconds a packet. */
  readonly seal: number;
  readonly open: number;
  /** What `openssl speed` takes for its cipher and its HMAC, one after the other; undefined: there is no openssl. */
  readonly openssl: number | undefined;
}

const INNER = 1408;
const PACKETS = 256;
const STRIDE = 2048;
const MILLISECONDS = 500;
const WARM_UP = 0.3;
const SPEED_SECONDS = 1;

const SUITES: readonly EspSuite[] = [
  { cipher: 'aes-gcm', keyBits: 128 },
  { cipher: 'aes-gcm', keyBits: 256 },
  { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' },
  { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha1' },
  { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha256' },
  { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha256' },
  { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha512' },
  { cipher: 'aes-cbc', keyBits: 128, integrity: 'md5' },
  { cipher: '3des-cbc', keyBits: 192, integrity: 'sha1' },
];

export function measureCrypto(suites: readonly EspSuite[] = SUITES): CryptoRow[] {
  return suites.map((suite) => ({ suite: suiteName(suite), ...measureSuite(suite), openssl: opensslSpeed(suite) }));
}

/** Every packet is sealed where it lies and opened from a copy: the median round of each. */
function measureSuite(suite: EspSuite): { seal: number; open: number } {
  const arena = new Arena();
  const ciphers = new OpensslCiphers(arena);
  const keys = splitKeymat(suite, new Uint8Array(keymatLength(suite)).fill(0x5a));
  const any = new Net4(prefixOf(ipFromBytes(new Uint8Array(4)), 0));
  const common = { spi: 0x1000, slot: 0, localSelector: any, remoteSelector: any };
  const volume = { sequence: 0, bytes: 0, softBytes: Number.POSITIVE_INFINITY, rekeyAsked: false, maxContent: 9000 };
  const out: OutboundSa = { ...common, ...volume, sealer: ciphers.sealer(suite, keys) };
  const window = { highest: 0, accepts: () => true, record: () => {} } as unknown as ReplayWindow;
  const into: InboundSa = { ...common, opener: ciphers.opener(suite, keys), window, used: true };
  const inner = arena.allocate(STRIDE * 2) + 64;
  const sealed = arena.allocate(PACKETS * STRIDE, 4096);
  const length = sealedLength(out.sealer, INNER);
  const seals: number[] = [];
  const opens: number[] = [];
  const end = performance.now() + MILLISECONDS;
  while (performance.now() < end) {
    seals.push(
      time(() => {
        for (let i = 0; i < PACKETS; i++) sealPacket(arena, out, inner, INNER, sealed + i * STRIDE);
      }),
    );
    opens.push(
      time(() => {
        for (let i = 0; i < PACKETS; i++)
          if (openPacket(arena, into, sealed + i * STRIDE, length) !== 0) throw new Error('a packet did not open');
      }),
    );
  }
  return { seal: median(warm(seals)), open: median(warm(opens)) };
}

/** Without the first rounds, which the compiler has not seen yet. */
function warm(rounds: readonly number[]): readonly number[] {
  return rounds.slice(Math.floor(rounds.length * WARM_UP));
}

/** Nanoseconds a packet of one round. */
function time(round: () => void): number {
  const before = performance.now();
  round();
  return ((performance.now() - before) * 1e6) / PACKETS;
}

function opensslSpeed(suite: EspSuite): number | undefined {
  if (suite.cipher === 'aes-gcm') return speed('-evp', `aes-${suite.keyBits}-gcm`);
  const cipher = speed('-evp', suite.cipher === '3des-cbc' ? 'des-ede3-cbc' : `aes-${suite.keyBits}-cbc`);
  const hash = speed('-hmac', suite.integrity as HashName);
  return cipher === undefined || hash === undefined ? undefined : cipher + hash;
}

/** Nanoseconds for one block of 1408 bytes. */
function speed(kind: '-evp' | '-hmac', name: string): number | undefined {
  const argv = ['speed', '-mr', '-elapsed', '-seconds', String(SPEED_SECONDS), '-bytes', String(INNER), kind, name];
  const { stdout } = spawnSync('openssl', argv, { encoding: 'utf8' });
  // "+F:NUMBER:NAME:BYTES A SECOND"
  const rate = Number(/^\+F:.*:([\d.]+)$/m.exec(stdout ?? '')?.[1] ?? Number.NaN);
  return rate > 0 ? (INNER / rate) * 1e9 : undefined;
}

export function formatCrypto(rows: readonly CryptoRow[]): string {
  const cell = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0)).padStart(8);
  const head = `${'ns a packet of 1408 bytes'.padEnd(28)}    seal    open  openssl speed`;
  return [
    head,
    ...rows.map((row) => `${row.suite.padEnd(28)}${cell(row.seal)}${cell(row.open)}${cell(row.openssl)}`),
  ].join('\n');
}
