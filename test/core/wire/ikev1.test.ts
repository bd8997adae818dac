/** IKEv1 payloads beside strongSwan's bytes, with lengths that lie, and at the bounds. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import {
  attributeBytes,
  attributeNumber,
  encodeId,
  encodeNotification,
  encodeSa,
  MAX_ATTRIBUTES,
  MAX_DELETED_SPIS,
  MAX_PROPOSALS,
  NotifyType,
  numericAttribute,
  Phase1Attribute,
  Protocol,
  parseConfiguration,
  parseDeletion,
  parseFragment,
  parseId,
  parseNotification,
  parseSa,
} from '../../../src/core/wire/ikev1.ts';
import { encodePayloads, PayloadType, parsePayloads } from '../../../src/core/wire/isakmp.ts';

interface Conversation {
  readonly name: string;
  readonly initiatorSa: string;
  readonly initiatorCookie: string;
  readonly responderCookie: string;
  readonly idii: string;
  readonly quickMode: { readonly rest1: string; readonly responderSpi: number };
  readonly informational: readonly { readonly rest: string }[];
}

const vectors = new URL('../protection/vectors/strongswan-ikev1.json', import.meta.url);
const { conversations } = JSON.parse(readFileSync(vectors, 'utf8')) as { conversations: Conversation[] };

for (const { name, ...vector } of conversations) {
  describe(`strongSwan's ${name}`, () => {
    test('SA payload, to the byte', () => {
      const proposals = parseSa(fromHex(vector.initiatorSa));
      assert.equal(proposals[0]!.protocol, Protocol.ISAKMP);
      assert.equal(toHex(encodeSa(proposals).body), vector.initiatorSa);
    });

    test('ID payload, to the byte', () => {
      assert.equal(toHex(encodeId(parseId(fromHex(vector.idii))).body), vector.idii);
    });

    test('quick mode carries SA, nonce and IDs', () => {
      const rest = fromHex(vector.quickMode.rest1);
      const { payloads, length } = parsePayloads(PayloadType.SA, rest);
      assert.equal(length, rest.length);
      assert.equal(toHex(encodePayloads(payloads)), vector.quickMode.rest1);
      const types = payloads.map(({ type }) => type);
      assert.deepEqual([types[0], types[1]], [PayloadType.SA, PayloadType.NONCE]);
      const [proposal] = parseSa(payloads[0]!.body);
      // the initiator names where the responder is to send
      assert.equal(Number.parseInt(toHex(proposal!.spi), 16), vector.quickMode.responderSpi);
    });

    test('informational messages are dead peer detection and deletes', () => {
      for (const { rest } of vector.informational) {
        const bytes = fromHex(rest);
        const type = rest.startsWith('0000001c') ? PayloadType.D : PayloadType.N;
        const [payload] = parsePayloads(type, bytes).payloads;
        if (type === PayloadType.D) {
          assert.equal(toHex(parseDeletion(payload!.body).spis[0]!), vector.initiatorCookie + vector.responderCookie);
          continue;
        }
        const notification = parseNotification(payload!.body);
        assert.equal(toHex(encodeNotification(notification).body), toHex(payload!.body));
        assert.ok([NotifyType.R_U_THERE, NotifyType.R_U_THERE_ACK].some((known) => known === notification.type));
      }
    });
  });
}

test('attributes of strongSwan mean what its log says', () => {
  const { initiatorSa } = conversations.find(({ name }) => name === 'main-aes256-sha1')!;
  const [transform] = parseSa(fromHex(initiatorSa))[0]!.transforms;
  const value = (type: number) => attributeNumber(transform!.attributes.find((one) => one.type === type));
  assert.equal(value(Phase1Attribute.KEY_LENGTH), 256);
  assert.equal(value(Phase1Attribute.GROUP), 2);
  assert.equal(value(Phase1Attribute.LIFE_DURATION), 15_840);
});

describe('lengths that lie', () => {
  /** DOI 1, situation 1, then one proposal with one transform of two attributes. */
  const sa = '00000001 00000001';
  const refuse = (parse: (bytes: Uint8Array<ArrayBuffer>) => unknown, hex: string, message?: RegExp) =>
    assert.throws(
      () => parse(fromHex(hex)),
      (error: unknown) => error instanceof MalformedError && (message ?? /./).test(error.message),
      hex,
    );

  test('more or fewer transforms than announced', () => {
    const proposal = (count: string) => `${sa} 00000010 0101 00 ${count} 00000008 01010000`;
    assert.equal(parseSa(fromHex(proposal('01')))[0]!.transforms.length, 1);
    for (const count of ['00', '02', 'ff']) refuse(parseSa, proposal(count), /transforms announced/);
  });

  test('an SPI longer than its proposal', () => {
    refuse(parseSa, `${sa} 00000010 0103 ff 01 00000008 01010000`);
    refuse(parseSa, `${sa} 00000010 0103 08 01 00000008 01010000`);
    refuse(parseNotification, '00000001 01 11 6002 00112233');
    refuse(parseDeletion, '00000001 01 10 0001 00112233');
  });

  test('a proposal or transform longer than what is around it, or shorter than its own header', () => {
    for (const length of ['0011', 'ffff', '0000', '0003', '0004', '000f'])
      refuse(parseSa, `${sa} 0000${length} 0101 00 01 00000008 01010000`);
    for (const length of ['0009', 'ffff', '0000', '0003', '0004', '0007'])
      refuse(parseSa, `${sa} 00000010 0101 00 01 0000${length} 01010000`);
  });

  test('bytes behind the last proposal or transform', () => {
    refuse(parseSa, `${sa} 00000010 0101 00 01 00000008 01010000 00`, /left over/);
    refuse(parseSa, `${sa} 00000011 0101 00 01 00000008 01010000 00`, /left over/);
  });

  test('a chain that says there is more when there is none', () => {
    refuse(parseSa, `${sa} 02000010 0101 00 01 00000008 01010000`);
    refuse(parseSa, `${sa} 00000010 0101 00 01 03000008 01010000`);
  });

  test('a proposal where a transform belongs, and the other way round', () => {
    refuse(parseSa, `${sa} 03000010 0101 00 01 00000008 01010000`, /substructure 3/);
    refuse(parseSa, `${sa} 00000010 0101 00 01 02000008 01010000`, /substructure 2/);
  });

  test('another DOI or situation', () => {
    refuse(parseSa, '00000000 00000001 00000010 0101 00 01 00000008 01010000', /DOI/);
    refuse(parseSa, '00000001 00000002 00000010 0101 00 01 00000008 01010000', /situation/);
  });

  test('an attribute longer than its transform', () => {
    refuse(parseConfiguration, '01000000 0001ffff 00');
    refuse(parseConfiguration, '01000000 00010002 00');
    refuse(parseConfiguration, '01000000 000100');
    assert.equal(parseConfiguration(fromHex('01000000 00010001 07')).attributes.length, 1);
  });

  test('more or fewer SPIs than a delete announces', () => {
    refuse(parseDeletion, '00000001 03 04 0002 00112233');
    refuse(parseDeletion, '00000001 03 04 0001 00112233 44', /left over/);
    refuse(parseDeletion, '00000001 03 04 ffff 00112233', /more than/);
    assert.deepEqual(parseDeletion(fromHex('00000001 03 04 0000')).spis, []);
  });

  test('SPIs of no length, announced by the thousand, cost nothing', () => {
    refuse(parseDeletion, '00000001 03 00 ffff', /more than/);
  });

  test('fragments count from 1 and carry something', () => {
    refuse(parseFragment, '0001 00 01 aa', /from 1/);
    refuse(parseFragment, '0001 01 01', /empty/);
    refuse(parseFragment, '0001 01');
    assert.deepEqual(parseFragment(fromHex('0001 01 fe aa')), {
      id: 1,
      number: 1,
      last: false,
      data: fromHex('aa'),
    });
  });
});

describe('bounds', () => {
  const transform = { number: 1, id: 1, attributes: [] };
  const proposal = { number: 1, protocol: 1, spi: new Uint8Array(0), transforms: [transform] };
  const attribute = { type: 1, value: 1 };

  test(`an SA payload has up to ${MAX_PROPOSALS} proposals`, () => {
    const body = (count: number) => encodeSa(new Array(count).fill(proposal)).body;
    assert.equal(parseSa(body(MAX_PROPOSALS)).length, MAX_PROPOSALS);
    assert.throws(() => parseSa(body(MAX_PROPOSALS + 1)), MalformedError);
  });

  test('a proposal has up to 255 transforms', () => {
    const body = encodeSa([{ ...proposal, transforms: new Array(255).fill(transform) }]).body;
    assert.equal(parseSa(body)[0]!.transforms.length, 255);
  });

  test(`a transform has up to ${MAX_ATTRIBUTES} attributes`, () => {
    const body = (count: number) =>
      encodeSa([{ ...proposal, transforms: [{ ...transform, attributes: new Array(count).fill(attribute) }] }]).body;
    assert.equal(parseSa(body(MAX_ATTRIBUTES))[0]!.transforms[0]!.attributes.length, MAX_ATTRIBUTES);
    assert.throws(() => parseSa(body(MAX_ATTRIBUTES + 1)), MalformedError);
  });

  test(`a delete has up to ${MAX_DELETED_SPIS} SPIs`, () => {
    const body = (count: number) =>
      fromHex(`00000001 03 04 ${count.toString(16).padStart(4, '0')} ${'00000100'.repeat(count)}`);
    assert.equal(parseDeletion(body(MAX_DELETED_SPIS)).spis.length, MAX_DELETED_SPIS);
    assert.throws(() => parseDeletion(body(MAX_DELETED_SPIS + 1)), MalformedError);
  });
});

test('a number is an attribute of 16 bits, or of four bytes when it is greater', () => {
  assert.deepEqual(numericAttribute(1, 0xffff), { type: 1, value: 0xffff });
  assert.deepEqual(numericAttribute(1, 0x10000), { type: 1, value: fromHex('00010000') });
  for (const value of [0, 1, 0xffff, 0x10000, 0xffffffff])
    assert.equal(attributeNumber(numericAttribute(1, value)), value);
});

test('attribute values are numbers of up to six bytes, and never lose precision', () => {
  const of = (hex: string) => attributeNumber({ type: 1, value: fromHex(hex) });
  assert.equal(of('ffffffffffff'), 2 ** 48 - 1);
  assert.equal(of(''), undefined);
  assert.equal(of('00000000000000'), undefined);
  assert.equal(attributeNumber(undefined), undefined);
  assert.equal(toHex(attributeBytes({ type: 1, value: 0x1234 })), '1234');
});
