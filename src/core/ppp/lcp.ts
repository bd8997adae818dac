/** What LCP agrees on, RFC 1661 section 6; who proves to whom is left to the rules of methods. */
import { type Bytes, EMPTY, isZero, readU16, readU32, u16 } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { LcpOption, type Option } from '../wire/ppp.ts';
import type { MethodRules } from './methods.ts';
import type { Rules } from './negotiation.ts';

/** What we receive: leaves room for ESP, UDP and L2TP in a packet of 1500 bytes. */
export const MRU = 1400;
/** RFC 1661 section 6.1: of a peer that doesn't say. */
const DEFAULT_MRU = 1500;
/** IPv4 wants no less on any link (RFC 791), and headers need some of it. */
const LEAST_MRU = 296;

/** What the peer says of itself: how frames to it may look. */
export interface PeerLink {
  readonly mru: number;
  /** It takes frames without FF 03, and protocols below 256 in one byte. */
  readonly acfc: boolean;
  readonly pfc: boolean;
}

export class LcpRules implements Rules {
  readonly #crypto: CryptoProvider;
  readonly #methods: MethodRules;
  /** Options that we no longer ask for. */
  readonly #leftOut = new Set<number>();
  #magic: Bytes;
  peer: PeerLink = { mru: DEFAULT_MRU, acfc: false, pfc: false };

  constructor(crypto: CryptoProvider, methods: MethodRules) {
    this.#crypto = crypto;
    this.#methods = methods;
    this.#magic = newMagic(crypto);
  }

  /** Ours; zeros when the peer wants none. */
  get magic(): Bytes {
    return this.#leftOut.has(LcpOption.MAGIC) ? new Uint8Array(4) : this.#magic;
  }

  ours(): readonly Option[] {
    const options = [
      { type: LcpOption.MRU, data: u16(MRU) },
      ...this.#methods.ours(),
      { type: LcpOption.MAGIC, data: this.#magic },
      { type: LcpOption.PFC, data: EMPTY },
      { type: LcpOption.ACFC, data: EMPTY },
    ];
    return options.filter(({ type }) => !this.#leftOut.has(type));
  }

  handleNak(options: readonly Option[]): string | undefined {
    let failed: string | undefined;
    for (const { type } of options) {
      if (type === LcpOption.MAGIC) this.#magic = newMagic(this.#crypto);
      else if (type === LcpOption.AUTHENTICATION) failed ??= this.#methods.handleNak();
      else this.#leftOut.add(type);
    }
    return failed;
  }

  handleReject(options: readonly Option[]): string | undefined {
    let failed: string | undefined;
    for (const { type } of options) {
      if (type === LcpOption.AUTHENTICATION) failed ??= this.#methods.handleReject();
      else this.#leftOut.add(type);
    }
    return failed;
  }

  judge({ type, data }: Option): 'ack' | 'reject' | Bytes {
    switch (type) {
      case LcpOption.MRU:
        if (data.length !== 2) return 'reject';
        return readU16(data) >= LEAST_MRU ? 'ack' : u16(MRU);
      case LcpOption.AUTHENTICATION:
        return this.#methods.judge(data);
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
    const find = (wanted: number) => options.find(({ type }) => type === wanted)?.data;
    const has = (wanted: number) => find(wanted) !== undefined;
    const mru = find(LcpOption.MRU);
    this.#methods.accept(find(LcpOption.AUTHENTICATION));
    this.peer = { mru: mru ? readU16(mru) : DEFAULT_MRU, acfc: has(LcpOption.ACFC), pfc: has(LcpOption.PFC) };
  }
}

function newMagic(crypto: CryptoProvider): Bytes {
  for (;;) {
    const magic = crypto.random(4);
    if (!isZero(magic)) return magic;
  }
}
