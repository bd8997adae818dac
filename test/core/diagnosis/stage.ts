/** Builds what an observer is shown: datagrams between a client and a gateway, at times of the test's choice. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { concat, u32 } from '../../../src/core/bytes/bytes.ts';
import { fromHex, utf8 } from '../../../src/core/bytes/text.ts';
import type { Diagnosis } from '../../../src/core/diagnosis/diagnosis.ts';
import { Observer } from '../../../src/core/diagnosis/observer.ts';
import { PLAIN_READING, type Reading } from '../../../src/core/diagnosis/reading.ts';
import type { Sighting } from '../../../src/core/diagnosis/sighting.ts';
import { type IpAddress, parseIp } from '../../../src/core/net/address.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  writeTrailer,
  writeUdpHeader,
} from '../../../src/core/wire/ctcp.ts';
import {
  Authentication,
  encodeId,
  encodeNotification,
  encodeSa,
  IdType,
  numericAttribute,
  Phase1Attribute,
  type Transform,
} from '../../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  Flag,
  type Payload,
  PayloadType,
} from '../../../src/core/wire/isakmp.ts';

export const CLIENT = parseIp('192.0.2.7')!;
export const GATEWAY = parseIp('198.51.100.1')!;

type Seen = Omit<Sighting, 'packet' | 'at' | 'length' | 'fragments'> & Partial<Sighting>;

/** Numbers packets and has time go by. */
export class Stage {
  readonly observer: Observer;
  #packet = 0;
  /** Milliseconds. */
  now = 1_700_000_000_000;

  constructor(reading: Reading = PLAIN_READING) {
    this.observer = new Observer(reading);
  }

  see(seen: Seen): this {
    this.#packet++;
    this.observer.see({ packet: this.#packet, at: this.now, length: seen.payload.length, fragments: 1, ...seen });
    return this;
  }

  wait(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }

  /** From the client to the gateway, after 10 ms. */
  up(payload: Bytes, port = 500, more: Partial<Sighting> = {}): this {
    return this.wait(10).see({ ...udp(CLIENT, port, GATEWAY, port, payload), ...more });
  }

  down(payload: Bytes, port = 500, more: Partial<Sighting> = {}): this {
    return this.wait(10).see({ ...udp(GATEWAY, port, CLIENT, port, payload), ...more });
  }

  /** Time goes on, with a packet of somebody else's at the end that shows it. */
  silence(milliseconds: number): this {
    return this.wait(milliseconds).see(udp(CLIENT, 5353, GATEWAY, 5353, fromHex('00')));
  }

  get diagnosis(): Diagnosis {
    return this.observer.finish();
  }

  /** "rule severity" of each finding, in order. */
  get found(): string[] {
    return this.diagnosis.findings.map(({ rule, severity }) => `${rule} ${severity}`);
  }

  /** Numbers of the packets that the finding of `rule` names. */
  evidenceOf(rule: string): number[] {
    const finding = this.diagnosis.findings.find((one) => one.rule === rule);
    return finding?.evidence.map(({ packet }) => packet) ?? [];
  }

  /** Those above a note. */
  get troubles(): string[] {
    return this.found.filter((line) => !line.endsWith(' note'));
  }
}

export function udp(
  source: IpAddress,
  sourcePort: number,
  destination: IpAddress,
  destinationPort: number,
  payload: Bytes,
): Seen {
  return { protocol: 'udp', source, sourcePort, destination, destinationPort, payload };
}

export function esp(source: IpAddress, destination: IpAddress, spi: number, sequence: number): Seen {
  const payload = concat(u32(spi), u32(sequence), new Uint8Array(80).fill(sequence & 255));
  return { protocol: 'esp', source, sourcePort: 0, destination, destinationPort: 0, payload };
}

/** A packet of Cisco's IPsec over TCP. */
export function ciscoTcp(packet: Bytes, protocol: number): Bytes {
  const header = new Uint8Array(protocol === CtcpProtocol.IKE ? CTCP_UDP_HEADER : 0);
  if (header.length > 0) writeUdpHeader(header, 0, packet.length);
  const trailer = new Uint8Array(CTCP_TRAILER);
  writeTrailer(trailer, 0, protocol, 1, 0);
  return concat(header, packet, trailer);
}

export interface HeadOptions {
  readonly initiator?: string;
  readonly responder?: string;
  readonly exchange?: number;
  readonly messageId?: number;
  readonly flags?: number;
  readonly version?: number;
}

export const COOKIE_I = '1111111111111111';
export const COOKIE_R = '2222222222222222';
const NO_COOKIE = '0000000000000000';

export function ike(payloads: readonly Payload[], options: HeadOptions = {}): Bytes {
  return raw(encodePayloads(payloads), payloads[0]?.type ?? 0, options);
}

/** An encrypted message of `length` bytes behind the header; equal `fill`: equal bytes. */
export function sealed(length: number, fill: number, options: HeadOptions = {}): Bytes {
  return raw(new Uint8Array(length).fill(fill), PayloadType.HASH, { flags: Flag.ENCRYPTION, ...options });
}

export function raw(body: Bytes, nextPayload: number, options: HeadOptions): Bytes {
  return encodeMessage(
    {
      initiatorCookie: fromHex(options.initiator ?? COOKIE_I),
      responderCookie: fromHex(options.responder ?? NO_COOKIE),
      nextPayload,
      version: options.version ?? 0x10,
      exchangeType: options.exchange ?? ExchangeType.IDENTITY_PROTECTION,
      flags: options.flags ?? 0,
      messageId: options.messageId ?? 0,
    },
    body,
  );
}

export interface TransformOptions {
  readonly encryption?: number;
  readonly keyBits?: number;
  readonly hash?: number;
  readonly group?: number;
  readonly authentication?: number;
}

/** AES-256, SHA-1, modp2048, PSK unless said otherwise. */
function transform(options: TransformOptions = {}, number = 1): Transform {
  const { encryption = 7, keyBits = encryption === 7 ? 256 : undefined, hash = 2, group = 14 } = options;
  return {
    number,
    id: 1,
    attributes: [
      numericAttribute(Phase1Attribute.ENCRYPTION, encryption),
      ...(keyBits === undefined ? [] : [numericAttribute(Phase1Attribute.KEY_LENGTH, keyBits)]),
      numericAttribute(Phase1Attribute.HASH, hash),
      numericAttribute(Phase1Attribute.GROUP, group),
      numericAttribute(Phase1Attribute.AUTHENTICATION, options.authentication ?? Authentication.PSK),
    ],
  };
}

export function sa(...transforms: readonly TransformOptions[]): Payload {
  const offered = transforms.length === 0 ? [{}] : transforms;
  return encodeSa([
    { number: 1, protocol: 1, spi: new Uint8Array(0), transforms: offered.map((one, i) => transform(one, i + 1)) },
  ]);
}

export function ke(length = 256, fill = 1): Payload {
  return { type: PayloadType.KE, body: new Uint8Array(length).fill(fill) };
}

export function nonce(fill = 3): Payload {
  return { type: PayloadType.NONCE, body: new Uint8Array(16).fill(fill) };
}

export function vid(hex: string): Payload {
  return { type: PayloadType.VID, body: fromHex(hex) };
}

export function groupId(name: string): Payload {
  return encodeId({ type: IdType.KEY_ID, protocol: 17, port: 500, data: utf8(name) });
}

export function notification(type: number, data = new Uint8Array(0)): Payload {
  return encodeNotification({ protocol: 1, spi: new Uint8Array(0), type, data });
}

export const REPLY = { responder: COOKIE_R } as const;
export const INFORMATIONAL = { responder: COOKIE_R, exchange: ExchangeType.INFORMATIONAL, messageId: 0x1234 } as const;
