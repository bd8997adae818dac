/** A gateway for the probe to ask: it takes what a test says, and counts the negotiations that it has to remember. */
import { type Bytes, bytesEqual, concat, isZero } from '../../../src/core/bytes/bytes.ts';
import { toHex } from '../../../src/core/bytes/text.ts';
import { readIkev1Offer, type Suite } from '../../../src/core/diagnosis/offer.ts';
import { VendorId } from '../../../src/core/ike/vendor-ids.ts';
import type { Endpoint } from '../../../src/core/net/address.ts';
import { natDetectionHash } from '../../../src/core/protection/ikev1-hashes.ts';
import { encodeNotification, encodeSa, NotifyType, parseSa } from '../../../src/core/wire/ikev1.ts';
import {
  encodeIkev2Ke,
  encodeIkev2Notification,
  encodeIkev2Sa,
  IKEV2_VERSION,
  Ikev2Flag,
  Ikev2Notify,
  Ikev2Payload,
  parseIkev2KeGroup,
  parseIkev2Notification,
  parseIkev2Payloads,
  parseIkev2Sa,
  TransformType,
} from '../../../src/core/wire/ikev2.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  firstPayload,
  type IsakmpHeader,
  type Payload,
  PayloadType,
  parseMessage,
  parseWholeChain,
} from '../../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import type { Sent, UdpPort } from './simulated-network.ts';

export interface GatewayOptions {
  /** Which suites main mode takes; without it there is no IKEv1. */
  readonly ikev1?: (suite: Suite) => boolean;
  readonly aggressive?: 'hash' | 'refused';
  /** It says nothing to what it refuses: to XAUTH for example. */
  readonly mute?: boolean;
  readonly ikev2?: {
    readonly groups: readonly number[];
    readonly ciphers: readonly string[];
    readonly integrities: readonly number[];
  };
  readonly cookie?: Bytes;
  /** The address that it has itself. */
  readonly own: Endpoint;
  /** It takes part in so many negotiations at a time, and is silent to more. */
  readonly most?: number;
  readonly vendorIds?: readonly Bytes[];
  /** Main mode's first message comes again: answer where the first one came from, as strongSwan does, or not at all. */
  readonly repeats?: 'to-first' | 'to-asker' | 'never';
  /** Milliseconds that a negotiation is remembered. */
  readonly memory?: number;
  readonly now?: () => number;
}

const MARKER = new Uint8Array(4);

export function isMarked(datagram: Bytes): boolean {
  return bytesEqual(datagram.subarray(0, MARKER.length), MARKER);
}

const NOTHING = new Uint8Array(0);

export class SimulatedGateway {
  readonly #options: GatewayOptions;
  readonly #answered = new Map<string, Sent & { readonly at: number }>();
  /** Negotiations that it remembers. */
  begun = 0;
  asked = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** UDP 500. */
  readonly plain: UdpPort = (datagram, from) => this.#handle(datagram, from, NOTHING);

  /** UDP 4500. */
  readonly marked: UdpPort = (datagram, from) =>
    isMarked(datagram) ? this.#handle(datagram.slice(4), from, MARKER) : [];

  #handle(datagram: Bytes, from: Endpoint, marker: Bytes): (Bytes | Sent)[] {
    this.asked++;
    const { header, body } = parseMessage(datagram);
    if (header.version === IKEV2_VERSION) {
      const answer = this.#options.ikev2 ? this.#init(header, body, from) : undefined;
      return answer ? [concat(marker, answer)] : [];
    }
    return this.#options.ikev1 ? this.#ikev1(header, body, from, marker) : [];
  }

  #ikev1(header: IsakmpHeader, body: Bytes, from: Endpoint, marker: Bytes): (Bytes | Sent)[] {
    const { now = () => 0, memory = Number.POSITIVE_INFINITY, repeats = 'to-asker' } = this.#options;
    const name = toHex(header.initiatorCookie) + toHex(header.responderCookie);
    const known = this.#answered.get(name);
    if (known && now() - known.at < memory) {
      if (repeats === 'never') return [];
      return [repeats === 'to-first' ? { to: known.to, bytes: known.bytes } : known.bytes];
    }
    const answer = this.#phase1(header, body, from);
    if (!answer) return [];
    const bytes = concat(marker, answer);
    this.#answered.set(name, { to: from, bytes, at: now() });
    return [bytes];
  }

  #phase1(header: IsakmpHeader, body: Bytes, from: Endpoint): Bytes | undefined {
    const payloads = parseWholeChain(header.nextPayload, body);
    if (!isZero(header.responderCookie)) return this.#natDetection(header, from);
    const { aggressive = 'refused', most = 1000, vendorIds = [VendorId.NAT_T_RFC3947, VendorId.DPD] } = this.#options;
    const sa = payloads.find(({ type }) => type === PayloadType.SA)!.body;
    const chosen = readIkev1Offer(sa).findIndex((suite) => this.#options.ikev1!(suite));
    const isAggressive = header.exchangeType === ExchangeType.AGGRESSIVE;
    if (chosen < 0 || (isAggressive && aggressive === 'refused')) {
      if (this.#options.mute) return undefined;
      const refusal = { protocol: 1, spi: NOTHING, type: NotifyType.NO_PROPOSAL_CHOSEN, data: NOTHING };
      return encode1(header, ExchangeType.INFORMATIONAL, [encodeNotification(refusal)]);
    }
    if (this.begun >= most) return undefined;
    this.begun++;
    const [proposal] = parseSa(sa);
    const answer = encodeSa([{ ...proposal!, transforms: [proposal!.transforms[chosen]!] }]);
    const ids = vendorIds.map((id) => ({ type: PayloadType.VID, body: id }));
    const proof = isAggressive ? [PayloadType.KE, PayloadType.NONCE, PayloadType.ID, PayloadType.HASH] : [];
    const rest = proof.map((type) => ({ type, body: new Uint8Array(20).fill(8) }));
    return encode1(header, header.exchangeType, [answer, ...rest, ...ids]);
  }

  #natDetection(header: IsakmpHeader, from: Endpoint): Bytes {
    const hashOf = (endpoint: Endpoint) =>
      natDetectionHash(nodeCrypto, 'sha256', header.initiatorCookie, header.responderCookie, endpoint);
    return encode1(header, header.exchangeType, [
      { type: PayloadType.KE, body: new Uint8Array(256) },
      { type: PayloadType.NONCE, body: new Uint8Array(20) },
      { type: PayloadType.NAT_D, body: hashOf(from) },
      { type: PayloadType.NAT_D, body: hashOf(this.#options.own) },
    ]);
  }

  #init(header: IsakmpHeader, body: Bytes, from: Endpoint): Bytes | undefined {
    const payloads = parseIkev2Payloads(header.nextPayload, body);
    const { groups, ciphers, integrities } = this.#options.ikev2!;
    const { cookie, own, most = 1000 } = this.#options;
    const notes = payloads.filter(({ type }) => type === Ikev2Payload.N).map((one) => parseIkev2Notification(one.body));
    const spi = new Uint8Array(8).fill(7);
    if (cookie && !notes.some(({ type, data }) => type === Ikev2Notify.COOKIE && bytesEqual(data, cookie)))
      return encode2(header, new Uint8Array(8), [notify(Ikev2Notify.COOKIE, cookie)]);
    const offer = parseIkev2Sa(payloads.find(({ type }) => type === Ikev2Payload.SA)!.body);
    const pick = offer.flatMap(({ transforms }) => {
      const of = (kind: number) => transforms.filter(({ type }) => type === kind);
      const cipher = of(TransformType.ENCR).find(({ id, keyBits }) => ciphers.includes(`${id}/${keyBits ?? ''}`));
      const group = groups.map((id) => of(TransformType.KE).find((one) => one.id === id)).find((one) => one);
      const integrity = of(TransformType.INTEG).find(({ id }) => integrities.includes(id));
      const needsIntegrity = of(TransformType.INTEG).length > 0;
      return cipher && group && (integrity || !needsIntegrity)
        ? [[cipher, of(TransformType.PRF)[0]!, ...(integrity ? [integrity] : []), group]]
        : [];
    })[0];
    if (!pick) return encode2(header, spi, [notify(Ikev2Notify.NO_PROPOSAL_CHOSEN, NOTHING)]);
    const group = pick.at(-1)!.id;
    if (parseIkev2KeGroup(payloads.find(({ type }) => type === Ikev2Payload.KE)!.body) !== group)
      return encode2(header, spi, [notify(Ikev2Notify.INVALID_KE_PAYLOAD, Uint8Array.of(group >> 8, group))]);
    if (this.begun >= most) return undefined;
    this.begun++;
    const hashOf = (endpoint: Endpoint) => natDetectionHash(nodeCrypto, 'sha1', header.initiatorCookie, spi, endpoint);
    return encode2(header, spi, [
      encodeIkev2Sa([{ number: 1, protocol: 1, spi: NOTHING, transforms: pick }]),
      encodeIkev2Ke(group, new Uint8Array(32)),
      { type: Ikev2Payload.NONCE, body: new Uint8Array(32) },
      notify(Ikev2Notify.NAT_DETECTION_SOURCE_IP, hashOf(own)),
      notify(Ikev2Notify.NAT_DETECTION_DESTINATION_IP, hashOf(from)),
      notify(Ikev2Notify.FRAGMENTATION_SUPPORTED, NOTHING),
    ]);
  }
}

function notify(type: number, data: Bytes): Payload {
  return encodeIkev2Notification({ protocol: 0, spi: NOTHING, type, data });
}

function encode1(header: IsakmpHeader, exchangeType: number, payloads: readonly Payload[]): Bytes {
  const responderCookie = isZero(header.responderCookie) ? nodeCrypto.random(8) : header.responderCookie;
  const answer = { ...header, exchangeType, responderCookie, nextPayload: firstPayload(payloads) };
  return encodeMessage(answer, encodePayloads(payloads));
}

function encode2(header: IsakmpHeader, spi: Bytes, payloads: readonly Payload[]): Bytes {
  const flags = Ikev2Flag.RESPONSE;
  const answer = { ...header, flags, responderCookie: spi, nextPayload: firstPayload(payloads) };
  return encodeMessage(answer, encodePayloads(payloads));
}
