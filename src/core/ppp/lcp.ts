/** What LCP agrees on, RFC 1661 section 6, from the gateway's side: it is always the peer that proves who it is. */
import { type Bytes, isZero, readU32, u32 } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { CHAP_MS_V2, LcpOption, type Option, PppProtocol } from '../wire/ppp.ts';
import type { Rules } from './negotiation.ts';

/** How a user proves the password. */
export type PppMethod = 'pap' | 'ms-chap-v2';

/** What we receive: leaves room for ESP, UDP and L2TP in a packet of 1500 bytes. */
export const MRU = 1400;
/** RFC 1661 section 6.1: of a peer that doesn't say. */
const DEFAULT_MRU = 1500;
/** IPv4 wants no less on any link (RFC 791), and headers need some of it. */
const LEAST_MRU = 296;

const METHOD_OPTIONS: Readonly<Record<PppMethod, Bytes>> = {
  pap: Uint8Array.of(PppProtocol.PAP >> 8, PppProtocol.PAP & 0xff),
  'ms-chap-v2': Uint8Array.of(PppProtocol.CHAP >> 8, PppProtocol.CHAP & 0xff, CHAP_MS_V2),
};

/** What the peer says of itself: how frames to it may look. */
export interface PeerLink {
  readonly mru: number;
  /** It takes frames without FF 03, and protocols below 256 in one byte. */
  readonly acfc: boolean;
  readonly pfc: boolean;
}

export class LcpRules implements Rules {
  readonly #crypto: CryptoProvider;
  /** Those not refused yet, the one that is asked for first. */
  readonly #methods: PppMethod[];
  readonly #left = new Set<number>();
  #magic: Bytes;
  peer: PeerLink = { mru: DEFAULT_MRU, acfc: false, pfc: false };

  /** @param methods never empty, the best first */
  constructor(crypto: CryptoProvider, methods: readonly PppMethod[]) {
    this.#crypto = crypto;
    this.#methods = [...methods];
    this.#magic = newMagic(crypto);
  }

  get method(): PppMethod {
    return this.#methods[0]!;
  }

  /** Ours; zeros when the peer wants none. */
  get magic(): Bytes {
    return this.#left.has(LcpOption.MAGIC) ? new Uint8Array(4) : this.#magic;
  }

  ours(): readonly Option[] {
    const nothing = new Uint8Array(0);
    const options = [
      { type: LcpOption.MRU, data: u32(MRU).subarray(2) },
      { type: LcpOption.AUTHENTICATION, data: METHOD_OPTIONS[this.method] },
      { type: LcpOption.MAGIC, data: this.#magic },
      { type: LcpOption.PFC, data: nothing },
      { type: LcpOption.ACFC, data: nothing },
    ];
    return options.filter(({ type }) => !this.#left.has(type));
  }

  handleNak(options: readonly Option[]): string | undefined {
    for (const { type } of options) {
      if (type === LcpOption.MAGIC) this.#magic = newMagic(this.#crypto);
      else if (type === LcpOption.AUTHENTICATION) {
        // what the peer would rather have counts for nothing if it isn't offered here
        const refused = this.#methods.shift()!;
        if (this.#methods.length === 0)
          return `it knows no way to log in that is offered here; the last was ${refused}`;
      } else this.#left.add(type);
    }
    return undefined;
  }

  handleReject(options: readonly Option[]): string | undefined {
    for (const { type } of options) {
      if (type === LcpOption.AUTHENTICATION) return 'it refuses to prove who it is; set a name and a password there';
      this.#left.add(type);
    }
    return undefined;
  }

  judge({ type, data }: Option): 'ack' | 'reject' | Bytes {
    switch (type) {
      case LcpOption.MRU:
        if (data.length !== 2) return 'reject';
        return mruIn(data) >= LEAST_MRU ? 'ack' : u32(MRU).subarray(2);
      case LcpOption.ACCM:
        return data.length === 4 ? 'ack' : 'reject';
      case LcpOption.MAGIC:
        if (data.length !== 4) return 'reject';
        // zero is none, and our own comes back from a loop (section 6.4)
        return isZero(data) || readU32(data) === readU32(this.#magic) ? newMagic(this.#crypto) : 'ack';
      case LcpOption.PFC:
      case LcpOption.ACFC:
        return data.length === 0 ? 'ack' : 'reject';
      default:
        return 'reject';
    }
  }

  missing(): readonly Option[] {
    return [];
  }

  accept(options: readonly Option[]): void {
    const has = (wanted: number) => options.some(({ type }) => type === wanted);
    const mru = options.find(({ type }) => type === LcpOption.MRU)?.data;
    this.peer = { mru: mru ? mruIn(mru) : DEFAULT_MRU, acfc: has(LcpOption.ACFC), pfc: has(LcpOption.PFC) };
  }
}

function mruIn(data: Bytes): number {
  return (data[0]! << 8) | data[1]!;
}

function newMagic(crypto: CryptoProvider): Bytes {
  for (;;) {
    const magic = crypto.random(4);
    if (!isZero(magic)) return magic;
  }
}
