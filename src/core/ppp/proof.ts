/** The user's proof, from the side that gives it: PAP (RFC 1334), CHAP with MD5 (RFC 1994) or with MS-CHAPv2 (RFC 2759). */
import { type Bytes, bytesEqual } from '../bytes/bytes.ts';
import { fromUtf8, utf8 } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, SECOND } from '../net/time.ts';
import {
  ChapCode,
  type ControlPacket,
  encodeChapValue,
  encodeMsChapV2Response,
  encodePapRequest,
  PapCode,
  PppProtocol,
  parseChapValue,
} from '../wire/ppp.ts';
import { chapMd5 } from './chap-md5.ts';
import type { PppCause } from './link-end.ts';
import type { PppMethod } from './methods.ts';
import { CHALLENGE_LENGTH, ntPasswordHash, ntResponse, provesHash, withoutDomain } from './ms-chap-v2.ts';

export interface Credentials {
  /** "DOMAIN\name" or the name alone. */
  readonly user: string;
  readonly password: string;
}

/** RFC 1334 section 2.2.1 leaves the time open; as LCP's. */
const ANSWER_WAIT = 3 * SECOND;
/** What is waited for an answer, or for the challenge before. */
export const MAX_WAITS = 10;

/** RFC 2759 section 6 */
const MS_CHAP_ERRORS: Readonly<Record<string, string>> = {
  646: 'not at this hour',
  647: 'the account is disabled',
  648: 'the password has expired',
  649: 'no right to dial in',
  691: 'wrong name or password',
  709: 'the password could not be changed',
};

export type ProofOutcome = 'responded' | 'accepted' | { readonly cause: PppCause; readonly reason: string };

/** A challenge, and what was said to it. */
interface Response {
  readonly identifier: number;
  readonly challenge: Bytes;
  readonly data: Bytes;
  /** Whether a Success shows that the gateway knows the password; undefined: the method has no such proof. */
  readonly isProvenBy: ((message: string) => boolean) | undefined;
}

export class Proof {
  readonly #crypto: CryptoProvider;
  readonly #method: PppMethod;
  readonly #credentials: Credentials;
  readonly #send: (protocol: number, packet: ControlPacket) => void;
  #identifier = 0;
  #waits = 0;
  #waitUntil: Instant | undefined;
  #response: Response | undefined;

  constructor(
    crypto: CryptoProvider,
    method: PppMethod,
    credentials: Credentials,
    send: (protocol: number, packet: ControlPacket) => void,
    now: Instant,
  ) {
    this.#crypto = crypto;
    this.#method = method;
    this.#credentials = credentials;
    this.#send = send;
    this.handleTimeout(now);
  }

  pollTimeout(): Instant | undefined {
    return this.#waitUntil;
  }

  /** Says again what there is to say; false: it was waited for often enough. */
  handleTimeout(now: Instant): boolean {
    if (this.#waits === MAX_WAITS) return false;
    this.#waits++;
    this.#waitUntil = now + ANSWER_WAIT;
    if (this.#method === 'pap') this.#requestPap();
    else if (this.#response) this.#respond(this.#response);
    return true;
  }

  /** Undefined: it means nothing here. Throws MalformedError for a packet that isn't whole. */
  handle(protocol: number, packet: ControlPacket, now: Instant): ProofOutcome | undefined {
    if ((protocol === PppProtocol.PAP) !== (this.#method === 'pap')) return undefined;
    const outcome = protocol === PppProtocol.PAP ? papOutcome(packet) : this.#handleChap(packet, now);
    if (outcome && outcome !== 'responded') {
      this.#waits = 0;
      this.#waitUntil = undefined;
    }
    return outcome;
  }

  #handleChap({ code, identifier, data }: ControlPacket, now: Instant): ProofOutcome | undefined {
    if (code === ChapCode.CHALLENGE) return this.#handleChallenge(identifier, parseChapValue(data).value, now);
    const response = this.#response;
    if (!response || identifier !== response.identifier) return undefined;
    if (code === ChapCode.SUCCESS) {
      if (response.isProvenBy?.(fromUtf8(data)) ?? true) return 'accepted';
      return {
        cause: 'refused',
        reason: 'the gateway did not prove that it knows the password; it may be another one',
      };
    }
    if (code !== ChapCode.FAILURE) return undefined;
    return { cause: 'login', reason: this.#method === 'ms-chap-v2' ? msChapRefusal(data) : REFUSED };
  }

  /** The same challenge gets the same response. */
  #handleChallenge(identifier: number, challenge: Bytes, now: Instant): ProofOutcome | undefined {
    const before = this.#response;
    const isRepeat = before?.identifier === identifier && bytesEqual(before.challenge, challenge);
    const response = isRepeat ? before : this.#responseTo(identifier, challenge.slice());
    if (!response) return undefined;
    this.#response = response;
    // however often it asks, it isn't waited for longer
    this.#waitUntil ??= now + ANSWER_WAIT;
    this.#respond(response);
    return 'responded';
  }

  #responseTo(identifier: number, challenge: Bytes): Response | undefined {
    if (this.#method === 'chap-md5') return this.#md5Response(identifier, challenge);
    return challenge.length === CHALLENGE_LENGTH ? this.#msChapV2Response(identifier, challenge) : undefined;
  }

  #md5Response(identifier: number, challenge: Bytes): Response {
    const { user, password } = this.#credentials;
    const value = chapMd5(this.#crypto, identifier, utf8(password), challenge);
    return { identifier, challenge, data: encodeChapValue({ value, name: utf8(user) }), isProvenBy: undefined };
  }

  #msChapV2Response(identifier: number, challenge: Bytes): Response {
    const { user, password } = this.#credentials;
    const hash = ntPasswordHash(password);
    const asked = {
      authenticatorChallenge: challenge,
      peerChallenge: this.#crypto.random(CHALLENGE_LENGTH),
      name: withoutDomain(user),
    };
    const exchange = { ...asked, ntResponse: ntResponse(this.#crypto, hash, asked) };
    const data = encodeChapValue({ value: encodeMsChapV2Response(exchange), name: utf8(user) });
    return { identifier, challenge, data, isProvenBy: (said) => provesHash(this.#crypto, hash, exchange, said) };
  }

  #respond({ identifier, data }: Response): void {
    this.#send(PppProtocol.CHAP, { code: ChapCode.RESPONSE, identifier, data });
  }

  /** Each under an identifier of its own (RFC 1334 section 2.2.1). */
  #requestPap(): void {
    this.#identifier = (this.#identifier + 1) & 0xff;
    const { user, password } = this.#credentials;
    const data = encodePapRequest({ name: utf8(user), password: utf8(password) });
    this.#send(PppProtocol.PAP, { code: PapCode.REQUEST, identifier: this.#identifier, data });
  }
}

const REFUSED = 'the gateway refused the name or the password';

/** Whichever of the equal requests it answers. */
function papOutcome({ code }: ControlPacket): ProofOutcome | undefined {
  if (code === PapCode.ACK) return 'accepted';
  return code === PapCode.NAK ? { cause: 'login', reason: REFUSED } : undefined;
}

/** "E=691 R=1 C=... V=3 M=...": the number alone is taken over, words of a peer aren't. */
function msChapRefusal(data: Bytes): string {
  const [, number] = /^E=(\d{1,5})\b/.exec(fromUtf8(data.subarray(0, 16))) ?? [];
  if (number === undefined) return REFUSED;
  return `${REFUSED} (error ${number}${MS_CHAP_ERRORS[number] ? `: ${MS_CHAP_ERRORS[number]}` : ''})`;
}
