/** Negotiations as a capture shows them: in clear what is in clear, noise for what is encrypted. All from a seed. */
import { type Bytes, concat } from '../../src/core/bytes/bytes.ts';
import { VendorId } from '../../src/core/ike/vendor-ids.ts';
import { encodeSa, numericAttribute, type Proposal } from '../../src/core/wire/ikev1.ts';
import {
  encodeIkev2Ke,
  encodeIkev2Notification,
  encodeIkev2Sa,
  IKEV2_VERSION,
  Ikev2Exchange,
  Ikev2Flag,
  Ikev2Notify,
  Ikev2Payload,
  TransformType,
} from '../../src/core/wire/ikev2.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  firstPayload,
  type Payload,
  PayloadType,
} from '../../src/core/wire/isakmp.ts';
import type { Seeded } from '../../test/seeded.ts';

/** One datagram of IKE. */
export interface Said {
  readonly fromClient: boolean;
  readonly port: 500 | 4500;
  readonly message: Bytes;
}

/** What is set up in the end. */
export type EspWay = 'esp' | 'nat-t' | 'none';

export interface Conversation {
  readonly said: readonly Said[];
  readonly esp: EspWay;
}

/** One of five kinds, as a gateway for mixed clients sees them. */
export function negotiate(random: Seeded, number: number): Conversation {
  switch (number % 10) {
    case 0:
    case 1:
    case 2:
      return { said: mainMode(new Exchange1(random), 4500), esp: 'nat-t' };
    case 3:
      return { said: mainMode(new Exchange1(random), 500), esp: 'esp' };
    case 4:
    case 5:
      return { said: aggressiveMode(new Exchange1(random)), esp: 'nat-t' };
    case 9:
      return { said: unanswered(new Exchange1(random)), esp: 'none' };
    default:
      return { said: ikev2(new Exchange2(random)), esp: 'nat-t' };
  }
}

function mainMode(ike: Exchange1, later: 500 | 4500): Said[] {
  const begin = ike.phase1(ExchangeType.IDENTITY_PROTECTION);
  return [
    ...[begin(true, ike.offer()), begin(false, ike.choice())],
    ...[begin(true, ike.keys()), begin(false, ike.keys())],
    ...[ike.sealed(true, later, ExchangeType.IDENTITY_PROTECTION, 64, 0)],
    ...[ike.sealed(false, later, ExchangeType.IDENTITY_PROTECTION, 64, 0)],
    ...ike.quickMode(later),
  ];
}

function aggressiveMode(ike: Exchange1): Said[] {
  const begin = ike.phase1(ExchangeType.AGGRESSIVE);
  const login = [0, 1, 2, 3, 4, 5].map((i) =>
    ike.sealed(i % 2 === 1, 4500, ExchangeType.TRANSACTION, 64 + 16 * i, i >> 1),
  );
  return [
    begin(true, [...ike.offer(), ...ike.keys(), ike.identity()]),
    begin(false, [...ike.choice(), ...ike.keys(), ike.identity(), ike.noise(PayloadType.HASH, 20)]),
    ike.sealed(true, 4500, ExchangeType.AGGRESSIVE, 96, 0),
    ...login,
    ...ike.quickMode(4500),
  ];
}

/** The same four times: nobody is there. */
function unanswered(ike: Exchange1): Said[] {
  const first = ike.phase1(ExchangeType.IDENTITY_PROTECTION)(true, ike.offer());
  return [first, first, first, first];
}

/** With a certificate in IKE_AUTH, which comes in IP fragments. */
function ikev2(ike: Exchange2): Said[] {
  return [
    ike.init(true),
    ike.init(false),
    ike.sealed(true, Ikev2Exchange.IKE_AUTH, 1, 1900),
    ike.sealed(false, Ikev2Exchange.IKE_AUTH, 1, 1800),
    ike.sealed(true, Ikev2Exchange.INFORMATIONAL, 2, 48),
    ike.sealed(false, Ikev2Exchange.INFORMATIONAL, 2, 48),
  ];
}

const [ENCRYPTION, HASH, GROUP, AUTHENTICATION, KEY_LENGTH] = [1, 2, 4, 3, 14];

class Exchange1 {
  readonly #random: Seeded;
  readonly #initiatorCookie: Bytes;
  readonly #responderCookie: Bytes;

  constructor(random: Seeded) {
    this.#random = random;
    this.#initiatorCookie = random.bytes(8);
    this.#responderCookie = random.bytes(8);
  }

  phase1(exchangeType: number): (fromClient: boolean, payloads: readonly Payload[]) => Said {
    let isFirst = true;
    return (fromClient, payloads) => {
      const responderCookie = isFirst ? new Uint8Array(8) : this.#responderCookie;
      isFirst = false;
      return this.#said(fromClient, 500, { exchangeType, flags: 0, messageId: 0, responderCookie }, payloads);
    };
  }

  offer(): Payload[] {
    const pairs = [
      [7, 2, 20],
      [7, 4, 19],
      [7, 2, 14],
      [5, 2, 14],
      [5, 2, 2],
    ] as const;
    const transforms = pairs.map(([cipher, hash, group], i) => transform(i + 1, cipher, hash, group));
    return [
      sa(transforms),
      ...Object.values(VendorId)
        .slice(0, 6)
        .map((body) => ({ type: PayloadType.VID, body })),
    ];
  }

  choice(): Payload[] {
    return [sa([transform(3, 7, 2, 14)]), { type: PayloadType.VID, body: Object.values(VendorId)[0]! }];
  }

  keys(): Payload[] {
    return [
      ...[this.noise(PayloadType.KE, 256), this.noise(PayloadType.NONCE, 20)],
      ...[this.noise(PayloadType.NAT_D, 20), this.noise(PayloadType.NAT_D, 20)],
    ];
  }

  identity(): Payload {
    return { type: PayloadType.ID, body: concat(Uint8Array.of(11, 0, 0, 0), this.#random.bytes(8)) };
  }

  quickMode(port: 500 | 4500): Said[] {
    const messageId = this.#random.u32();
    return [true, false, true].map((fromClient, i) =>
      this.sealed(fromClient, port, ExchangeType.QUICK_MODE, i === 2 ? 32 : 160, messageId),
    );
  }

  sealed(fromClient: boolean, port: 500 | 4500, exchangeType: number, length: number, messageId: number): Said {
    const responderCookie = this.#responderCookie;
    const header = { exchangeType, flags: 1, messageId, responderCookie };
    return this.#message(fromClient, port, header, PayloadType.HASH, this.#random.bytes(length));
  }

  noise(type: number, length: number): Payload {
    return { type, body: this.#random.bytes(length) };
  }

  #said(fromClient: boolean, port: 500 | 4500, header: Header1, payloads: readonly Payload[]): Said {
    return this.#message(fromClient, port, header, firstPayload(payloads), encodePayloads(payloads));
  }

  #message(fromClient: boolean, port: 500 | 4500, header: Header1, nextPayload: number, body: Bytes): Said {
    const whole = { ...header, nextPayload, version: 0x10, initiatorCookie: this.#initiatorCookie };
    return { fromClient, port, message: encodeMessage(whole, body) };
  }
}

interface Header1 {
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
  readonly responderCookie: Bytes;
}

function transform(number: number, cipher: number, hash: number, group: number): Proposal['transforms'][number] {
  const attributes = [
    ...[numericAttribute(ENCRYPTION!, cipher), numericAttribute(HASH!, hash), numericAttribute(GROUP!, group)],
    ...[numericAttribute(AUTHENTICATION!, 1), ...(cipher === 7 ? [numericAttribute(KEY_LENGTH!, 256)] : [])],
  ];
  return { number, id: 1, attributes };
}

function sa(transforms: Proposal['transforms']): Payload {
  return encodeSa([{ number: 1, protocol: 1, spi: new Uint8Array(0), transforms }]);
}

class Exchange2 {
  readonly #random: Seeded;
  readonly #initiatorSpi: Bytes;
  readonly #responderSpi: Bytes;

  constructor(random: Seeded) {
    this.#random = random;
    this.#initiatorSpi = random.bytes(8);
    this.#responderSpi = random.bytes(8);
  }

  init(fromClient: boolean): Said {
    const transforms = [
      { type: TransformType.ENCR, id: 20, keyBits: 256 },
      { type: TransformType.PRF, id: 5, keyBits: undefined },
      { type: TransformType.KE, id: 19, keyBits: undefined },
    ];
    const payloads = [
      encodeIkev2Sa([{ number: 1, protocol: 1, spi: new Uint8Array(0), transforms }]),
      encodeIkev2Ke(19, this.#random.bytes(64)),
      { type: Ikev2Payload.NONCE, body: this.#random.bytes(32) },
      ...[Ikev2Notify.NAT_DETECTION_SOURCE_IP, Ikev2Notify.NAT_DETECTION_DESTINATION_IP].map((type) =>
        encodeIkev2Notification({ protocol: 0, spi: new Uint8Array(0), type, data: this.#random.bytes(20) }),
      ),
    ];
    const responderCookie = fromClient ? new Uint8Array(8) : this.#responderSpi;
    const body = encodePayloads(payloads);
    return this.#message(fromClient, 500, Ikev2Exchange.IKE_SA_INIT, 0, firstPayload(payloads), body, responderCookie);
  }

  sealed(fromClient: boolean, exchange: number, messageId: number, length: number): Said {
    const body = concat(Uint8Array.of(0, 0, (length + 4) >> 8, (length + 4) & 255), this.#random.bytes(length));
    return this.#message(fromClient, 4500, exchange, messageId, Ikev2Payload.SK, body, this.#responderSpi);
  }

  #message(
    fromClient: boolean,
    port: 500 | 4500,
    exchangeType: number,
    messageId: number,
    nextPayload: number,
    body: Bytes,
    responderCookie: Bytes,
  ): Said {
    const flags = fromClient ? Ikev2Flag.INITIATOR : Ikev2Flag.RESPONSE;
    const header = { exchangeType, flags, messageId, nextPayload, version: IKEV2_VERSION };
    const cookies = { initiatorCookie: this.#initiatorSpi, responderCookie };
    return { fromClient, port, message: encodeMessage({ ...header, ...cookies }, body) };
  }
}
