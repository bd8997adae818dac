/** Random values of every wire format, and how each is encoded and parsed. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import {
  type Attribute,
  encodeConfiguration,
  encodeDeletion,
  encodeFragment,
  encodeId,
  encodeNotification,
  encodeSa,
  parseConfiguration,
  parseDeletion,
  parseFragment,
  parseId,
  parseNotification,
  parseSa,
  type Transform,
} from '../../../src/core/wire/ikev1.ts';
import {
  encodeIkev2Notification,
  encodeIkev2Sa,
  type Ikev2Transform,
  parseIkev2Notification,
  parseIkev2Sa,
} from '../../../src/core/wire/ikev2.ts';
import {
  encodeMessage,
  encodePayloads,
  firstPayload,
  type Payload,
  parseMessage,
  parseWholeChain,
} from '../../../src/core/wire/isakmp.ts';
import {
  type Avp,
  encodeAvps,
  encodeL2tpControl,
  encodeL2tpData,
  parseAvps,
  parseL2tp,
} from '../../../src/core/wire/l2tp.ts';
import {
  encodeChapValue,
  encodeControlPacket,
  encodeMsChapV2Response,
  encodeOptions,
  encodePapRequest,
  encodePppFrame,
  type Option,
  parseChapValue,
  parseControlPacket,
  parseMsChapV2Response,
  parseOptions,
  parsePapRequest,
  parsePppFrame,
} from '../../../src/core/wire/ppp.ts';
import { encodeUdp, parseUdp } from '../../../src/core/wire/udp.ts';
import type { Seeded } from '../../seeded.ts';

export interface Format {
  readonly name: string;
  readonly random: (random: Seeded) => unknown;
  readonly encode: (value: never) => Bytes;
  readonly parse: (bytes: Bytes) => unknown;
}

function format<T>(
  name: string,
  random: (random: Seeded) => T,
  encode: (value: T) => Bytes,
  parse: (bytes: Bytes) => T,
): Format {
  return { name, random, encode, parse };
}

const some = <T>(random: Seeded, least: number, most: number, item: (i: number) => T): T[] =>
  Array.from({ length: least + random.below(most - least + 1) }, (_, i) => item(i));

const u16 = (random: Seeded) => random.u32() & 0xffff;
const u8 = (random: Seeded) => random.u32() & 0xff;

function randomAttribute(random: Seeded): Attribute {
  const type = random.u32() & 0x7fff;
  return random.chance(0.5) ? { type, value: u16(random) } : { type, value: random.bytes(random.below(20)) };
}

function randomTransform(random: Seeded): Transform {
  return { number: u8(random), id: u8(random), attributes: some(random, 0, 10, () => randomAttribute(random)) };
}

function randomIkev2Transform(random: Seeded): Ikev2Transform {
  return { type: u8(random), id: u16(random), keyBits: random.chance(0.5) ? u16(random) : undefined };
}

function randomAvp(random: Seeded): Avp {
  const value = random.bytes(random.chance(0.05) ? 1017 : random.below(20));
  const flags = { mandatory: random.chance(0.5), hidden: random.chance(0.2), reserved: random.below(16) };
  return { ...flags, vendor: u16(random), type: u16(random), value };
}

const FIRST_UNRESERVED = 1;

function randomPayload(random: Seeded): Payload {
  return { type: FIRST_UNRESERVED + random.below(255), body: random.bytes(random.below(60)) };
}

export const FORMATS: readonly Format[] = [
  format(
    'ISAKMP message',
    (random) => ({
      header: {
        initiatorCookie: random.bytes(8),
        responderCookie: random.bytes(8),
        nextPayload: u8(random),
        version: u8(random),
        exchangeType: u8(random),
        flags: u8(random),
        messageId: random.u32(),
      },
      body: random.bytes(random.below(100)),
    }),
    ({ header, body }) => encodeMessage(header, body),
    parseMessage,
  ),
  format(
    'payload chain',
    (random) => some(random, 1, 8, () => randomPayload(random)),
    // the header, which carries the first payload's type, is one byte here
    (payloads) => Uint8Array.of(firstPayload(payloads), ...encodePayloads(payloads)),
    (bytes) => parseWholeChain(bytes[0] ?? 1, bytes.subarray(1)),
  ),
  format(
    'SA payload',
    (random) =>
      some(random, 1, 5, () => ({
        number: u8(random),
        protocol: u8(random),
        spi: random.bytes(random.pick([0, 4, 8])),
        transforms: some(random, 1, 6, () => randomTransform(random)),
      })),
    (proposals) => encodeSa(proposals).body,
    parseSa,
  ),
  format(
    'IKEv2 SA payload',
    (random) =>
      some(random, 1, 4, () => ({
        number: u8(random),
        protocol: u8(random),
        spi: random.bytes(random.pick([0, 4, 8])),
        transforms: some(random, 0, 8, () => randomIkev2Transform(random)),
      })),
    (proposals) => encodeIkev2Sa(proposals).body,
    parseIkev2Sa,
  ),
  format(
    'IKEv2 Notify payload',
    (random) => ({
      protocol: u8(random),
      type: u16(random),
      spi: random.bytes(random.below(9)),
      data: random.bytes(random.below(40)),
    }),
    (notification) => encodeIkev2Notification(notification).body,
    parseIkev2Notification,
  ),
  format(
    'ID payload',
    (random) => ({
      type: u8(random),
      protocol: u8(random),
      port: u16(random),
      data: random.bytes(random.below(40)),
    }),
    (id) => encodeId(id).body,
    parseId,
  ),
  format(
    'Notification payload',
    (random) => ({
      protocol: u8(random),
      type: u16(random),
      spi: random.bytes(random.below(17)),
      data: random.bytes(random.below(40)),
    }),
    (notification) => encodeNotification(notification).body,
    parseNotification,
  ),
  format(
    'Delete payload',
    (random) => {
      const length = random.pick([4, 16]);
      return { protocol: u8(random), spis: some(random, 1, 64, () => random.bytes(length)) };
    },
    (deletion) => encodeDeletion(deletion).body,
    parseDeletion,
  ),
  format(
    'Attribute payload',
    (random) => ({
      type: u8(random),
      identifier: u16(random),
      attributes: some(random, 0, 64, () => randomAttribute(random)),
    }),
    (configuration) => encodeConfiguration(configuration).body,
    parseConfiguration,
  ),
  format(
    'Fragment payload',
    (random) => ({
      id: u16(random),
      number: 1 + random.below(255),
      last: random.chance(0.5),
      data: random.bytes(1 + random.below(60)),
    }),
    (fragment) => encodeFragment(fragment).body,
    parseFragment,
  ),
  format(
    'UDP datagram',
    (random) => ({ source: u16(random), destination: u16(random), payload: random.bytes(random.below(60)) }),
    encodeUdp,
    parseUdp,
  ),
  format(
    'L2TP message',
    (random) => {
      const ids = { tunnelId: u16(random), sessionId: u16(random) };
      const bytes = random.bytes(random.below(60));
      if (random.chance(0.5))
        return { kind: 'control' as const, ...ids, ns: u16(random), nr: u16(random), body: bytes };
      return { kind: 'data' as const, ...ids, ns: random.chance(0.5) ? u16(random) : undefined, payload: bytes };
    },
    (message) => (message.kind === 'control' ? encodeL2tpControl(message) : encodeL2tpData(message)),
    parseL2tp,
  ),
  format('AVPs', (random) => some(random, 0, 12, () => randomAvp(random)), encodeAvps, parseAvps),
  format(
    'PPP frame',
    (random) => ({
      protocol: ((u8(random) & 0xfe) << 8) | u8(random) | 1,
      information: random.bytes(random.below(40)),
    }),
    encodePppFrame,
    parsePppFrame,
  ),
  format(
    'PPP control packet',
    (random) => ({ code: u8(random), identifier: u8(random), data: random.bytes(random.below(40)) }),
    encodeControlPacket,
    parseControlPacket,
  ),
  format(
    'PPP options',
    (random) => some(random, 0, 12, (): Option => ({ type: u8(random), data: random.bytes(random.below(10)) })),
    encodeOptions,
    parseOptions,
  ),
  format(
    'PAP request',
    (random) => ({ name: random.bytes(random.below(40)), password: random.bytes(random.below(40)) }),
    encodePapRequest,
    parsePapRequest,
  ),
  format(
    'CHAP value',
    (random) => ({ value: random.bytes(random.below(60)), name: random.bytes(random.below(20)) }),
    encodeChapValue,
    parseChapValue,
  ),
  format(
    'MS-CHAPv2 response',
    (random) => ({ peerChallenge: random.bytes(16), ntResponse: random.bytes(24) }),
    encodeMsChapV2Response,
    parseMsChapV2Response,
  ),
];
