/** The user's proof, from the side that asks for it: PAP (RFC 1334), CHAP with MD5 (RFC 1994) or with MS-CHAPv2 (RFC 2759). */
import type { Bytes } from '../bytes/bytes.ts';
import { fromUtf8, utf8 } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, SECOND } from '../net/time.ts';
import {
  ChapCode,
  type ControlPacket,
  encodeChapValue,
  encodePapMessage,
  PapCode,
  PppProtocol,
  parseChapValue,
  parseMsChapV2Response,
  parsePapRequest,
} from '../wire/ppp.ts';
import type { ChapMd5Exchange } from './chap-md5.ts';
import type { PppMethod } from './methods.ts';
import { CHALLENGE_LENGTH, type MsChapV2Exchange, withoutDomain } from './ms-chap-v2.ts';

/** What a user shows; the name is without a Windows domain. */
export type PppProof = { readonly method: 'pap'; readonly name: string; readonly password: string } | ChapProof;

/** An answer to a challenge of ours. */
export type ChapProof =
  | { readonly method: 'chap-md5'; readonly name: string; readonly exchange: ChapMd5Exchange }
  | { readonly method: 'ms-chap-v2'; readonly name: string; readonly exchange: MsChapV2Exchange };

const CHALLENGE_WAIT = 3 * SECOND;
export const MAX_CHALLENGES = 10;
const OUR_NAME = utf8('sallyport');
const WELCOME = 'Welcome';
const REFUSAL = 'Wrong name or password';
/** RFC 2759 section 6: error 691 is a wrong name or password, R=0 forbids another try under this link. */
const MS_CHAP_REFUSAL = `E=691 R=0 C=${'0'.repeat(32)} V=3 M=${REFUSAL}`;

interface Challenge {
  readonly value: Bytes;
  readonly identifier: number;
}

interface Packet {
  readonly protocol: number;
  readonly packet: ControlPacket;
}

export class Login {
  readonly #send: (protocol: number, packet: ControlPacket) => void;
  readonly #method: PppMethod;
  /** Undefined with PAP, where the peer begins. */
  readonly #challenge: Challenge | undefined;
  #sendings = 0;
  #askAgainAt: Instant | undefined;
  /** The packet that the verdict is on. */
  #asked: { readonly protocol: number; readonly identifier: number } | undefined;
  /** What was said to it, for when that was lost. */
  #verdict: Packet | undefined;

  /** Asks at once. @param identifier of the challenge */
  constructor(
    crypto: CryptoProvider,
    method: PppMethod,
    identifier: number,
    send: (protocol: number, packet: ControlPacket) => void,
    now: Instant,
  ) {
    this.#send = send;
    this.#method = method;
    this.#challenge = method === 'pap' ? undefined : { value: crypto.random(CHALLENGE_LENGTH), identifier };
    this.#ask(now);
  }

  pollTimeout(): Instant | undefined {
    return this.#askAgainAt;
  }

  /** False: it was asked often enough. */
  handleTimeout(now: Instant): boolean {
    if (this.#sendings >= MAX_CHALLENGES) return false;
    this.#ask(now);
    return true;
  }

  /** The proof, once; undefined: the packet is none that was asked for. Throws MalformedError for one that isn't whole. */
  handle(protocol: number, { code, identifier, data }: ControlPacket): PppProof | undefined {
    const challenge = this.#challenge;
    // a password in clear that wasn't asked for isn't read
    if ((protocol === PppProtocol.PAP) !== (challenge === undefined)) return undefined;
    if (code !== (challenge ? ChapCode.RESPONSE : PapCode.REQUEST)) return undefined;
    if (challenge && challenge.identifier !== identifier) return undefined;
    const proof = challenge ? this.#chapProof(data, challenge) : papProof(data);
    this.#asked = { protocol, identifier };
    this.#askAgainAt = undefined;
    return proof;
  }

  /** @param response what MS-CHAPv2 proves to the peer, "S=..." */
  answer(ok: boolean, response: string | undefined): void {
    const { protocol, identifier } = this.#asked!;
    const pap = protocol === PppProtocol.PAP;
    const code = pap ? (ok ? PapCode.ACK : PapCode.NAK) : ok ? ChapCode.SUCCESS : ChapCode.FAILURE;
    const said = ok ? WELCOME : REFUSAL;
    const proving = ok ? `${response ?? ''} M=${said}` : MS_CHAP_REFUSAL;
    const data = pap ? encodePapMessage(utf8(said)) : utf8(this.#method === 'ms-chap-v2' ? proving : said);
    this.#verdict = { protocol, packet: { code, identifier, data } };
    this.#send(protocol, this.#verdict.packet);
  }

  /**
   * Says the verdict again to whom it didn't reach; false: that was none of its proofs. Each repeat of PAP's request has an
   * identifier of its own, and whatever it holds, the answer is the same (RFC 1334 section 2.2.1).
   */
  repeatVerdict(protocol: number, { identifier, code }: ControlPacket): boolean {
    const verdict = this.#verdict;
    const isProof = code === (protocol === PppProtocol.PAP ? PapCode.REQUEST : ChapCode.RESPONSE);
    if (!verdict || !isProof || verdict.protocol !== protocol) return false;
    if (protocol !== PppProtocol.PAP && verdict.packet.identifier !== identifier) return false;
    this.#send(protocol, { ...verdict.packet, identifier });
    return true;
  }

  #chapProof(data: Bytes, challenge: Challenge): ChapProof {
    const { value, name: bytes } = parseChapValue(data);
    const name = withoutDomain(fromUtf8(bytes));
    if (this.#method === 'chap-md5') {
      const exchange = { identifier: challenge.identifier, challenge: challenge.value, response: value.slice() };
      return { method: 'chap-md5', name, exchange };
    }
    const { peerChallenge, ntResponse } = parseMsChapV2Response(value);
    const exchange = {
      authenticatorChallenge: challenge.value,
      peerChallenge: peerChallenge.slice(),
      ntResponse: ntResponse.slice(),
      name,
    };
    return { method: 'ms-chap-v2', name, exchange };
  }

  #ask(now: Instant): void {
    this.#sendings++;
    this.#askAgainAt = now + CHALLENGE_WAIT;
    if (!this.#challenge) return;
    const { value, identifier } = this.#challenge;
    const data = encodeChapValue({ value, name: OUR_NAME });
    this.#send(PppProtocol.CHAP, { code: ChapCode.CHALLENGE, identifier, data });
  }
}

function papProof(data: Bytes): PppProof {
  const { name, password } = parsePapRequest(data);
  return { method: 'pap', name: withoutDomain(fromUtf8(name)), password: fromUtf8(password) };
}
