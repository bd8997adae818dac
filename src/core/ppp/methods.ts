/** How a user may prove the password, and how LCP agrees on one way: RFC 1661 section 6.2, from both ends. */
import { type Bytes, bytesEqual, readU16, u16 } from '../bytes/bytes.ts';
import { CHAP_MD5, CHAP_MS_V2, LcpOption, type Option, PppProtocol } from '../wire/ppp.ts';

export type PppMethod = 'pap' | 'chap-md5' | 'ms-chap-v2';

/** What one end says to LCP's authentication option. */
export interface MethodRules {
  ours(): readonly Option[];
  /** A sentence: then there is no agreement. */
  handleNak(): string | undefined;
  handleReject(): string | undefined;
  judge(data: Bytes): 'ack' | 'reject' | Bytes;
  /** What of the peer's request was acked; undefined: it asks for no proof. */
  accept(data: Bytes | undefined): void;
}

const METHOD_OPTIONS: Readonly<Record<PppMethod, Bytes>> = {
  pap: protocolBytes(PppProtocol.PAP),
  'chap-md5': protocolBytes(PppProtocol.CHAP, CHAP_MD5),
  'ms-chap-v2': protocolBytes(PppProtocol.CHAP, CHAP_MS_V2),
};

/** The end that asks: it is always the peer that proves who it is. */
export class AskedMethods implements MethodRules {
  /** Those not refused yet, the one that is asked for first. */
  readonly #methods: PppMethod[];

  /** @param methods never empty, the best first */
  constructor(methods: readonly PppMethod[]) {
    this.#methods = [...methods];
  }

  get method(): PppMethod {
    return this.#methods[0]!;
  }

  ours(): readonly Option[] {
    return [{ type: LcpOption.AUTHENTICATION, data: METHOD_OPTIONS[this.method] }];
  }

  /** What the peer would rather have counts for nothing if it isn't offered here. */
  handleNak(): string | undefined {
    const refused = this.#methods.shift()!;
    if (this.#methods.length > 0) return undefined;
    return `it knows no way to log in that is offered here; the last was ${refused}`;
  }

  handleReject(): string {
    return 'it refuses to prove who it is; set a name and a password there';
  }

  judge(): 'reject' {
    return 'reject';
  }

  accept(): void {}
}

/** The end that is asked. */
export class KnownMethods implements MethodRules {
  readonly #known: readonly PppMethod[];
  /** What was agreed on; undefined: the peer asks for no proof. */
  method: PppMethod | undefined;
  /** The last that the peer asked for in vain, in words. */
  refused: string | undefined;

  /** @param known never empty, the best first */
  constructor(known: readonly PppMethod[]) {
    this.#known = known;
  }

  ours(): readonly Option[] {
    return [];
  }

  handleNak(): undefined {}

  handleReject(): undefined {}

  judge(data: Bytes): 'ack' | Bytes {
    if (methodOf(data, this.#known)) return 'ack';
    this.refused = methodName(data);
    return METHOD_OPTIONS[this.#known[0]!];
  }

  accept(data: Bytes | undefined): void {
    this.method = data && methodOf(data, this.#known);
  }
}

function methodOf(data: Bytes, among: readonly PppMethod[]): PppMethod | undefined {
  return among.find((method) => bytesEqual(METHOD_OPTIONS[method], data));
}

function methodName(data: Bytes): string {
  const known = methodOf(data, Object.keys(METHOD_OPTIONS) as PppMethod[]);
  if (known) return known;
  const protocol = readU16(data);
  if (protocol === PppProtocol.EAP) return 'eap';
  return protocol === PppProtocol.CHAP ? `chap algorithm ${data[2] ?? 'none'}` : `protocol ${protocol.toString(16)}`;
}

function protocolBytes(protocol: number, ...algorithm: readonly number[]): Bytes {
  return Uint8Array.of(...u16(protocol), ...algorithm);
}
