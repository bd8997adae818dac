/** Diffie-Hellman with values that are none, in main, aggressive and quick mode, over every group served. */
import assert from 'node:assert/strict';
import { getDiffieHellman } from 'node:crypto';
import { test } from 'node:test';
import { type Bytes, u32 } from '../../src/core/bytes/bytes.ts';
import { fromHex, utf8 } from '../../src/core/bytes/text.ts';
import { DH_GROUPS, type DhGroup } from '../../src/core/crypto/algorithms.ts';
import {
  EncapsulationMode,
  encodeId,
  encodeSa,
  IdType,
  numericAttribute,
  Phase1Attribute,
  Phase2Attribute,
} from '../../src/core/wire/ikev1.ts';
import { ExchangeType, Flag, type Payload, PayloadType } from '../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { GROUP } from './peer.ts';
import { ATTACKER, clear, cookiesOf, phase1Transform, Siege, saPayload } from './siege.ts';

const MODP = { 2: 'modp2', 5: 'modp5', 14: 'modp14', 15: 'modp15', 16: 'modp16' } as const;
/** RFC 5903 section 3: p of each curve. */
const FIELD = {
  19: fromHex('ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff ffffffff'),
  20: fromHex(`${'ff'.repeat(31)}fe ffffffff 00000000 00000000 ffffffff`),
} as const;

const add = (number: Bytes, n: number) => {
  const sum = number.slice();
  for (let i = sum.length - 1, carry = n; carry !== 0 && i >= 0; i--) {
    const value = sum[i]! + carry;
    sum[i] = value & 255;
    carry = value >> 8;
  }
  return sum;
};
const padded = (value: number, length: number) => Uint8Array.of(...new Uint8Array(length - 1), value);

/** Each value that must be refused, by what it is. */
function hostileValues(group: DhGroup): Map<string, Bytes> {
  const { length } = DH_GROUPS[group];
  const values = new Map<string, Bytes>([
    ['empty', new Uint8Array(0)],
    ['one byte', Uint8Array.of(2)],
    ['one too short', new Uint8Array(length - 1).fill(7)],
    ['one too long', new Uint8Array(length + 1).fill(7)],
    ['a long one', new Uint8Array(4000).fill(7)],
  ]);
  if (group === 19 || group === 20) {
    const half = length / 2;
    const good = nodeCrypto.generateDh(group).publicValue;
    const x = good.subarray(0, half);
    const y = good.subarray(half);
    values.set('infinity as zeros', new Uint8Array(length));
    values.set('off the curve', Uint8Array.of(...x, ...add(y, 1)));
    values.set('x and y swapped', Uint8Array.of(...y, ...x));
    values.set('x = p', Uint8Array.of(...FIELD[group], ...y));
    values.set('y = p', Uint8Array.of(...x, ...FIELD[group]));
    values.set('all ones', new Uint8Array(length).fill(255));
    values.set('with the byte of an uncompressed point', Uint8Array.of(4, ...good));
    return values;
  }
  const prime = Uint8Array.from(getDiffieHellman(MODP[group]).getPrime());
  values.set('0', new Uint8Array(length));
  values.set('1', padded(1, length));
  values.set('p-1', add(prime, -1));
  values.set('p', prime);
  values.set('p+1', add(prime, 1));
  values.set('all ones', new Uint8Array(length).fill(255));
  return values;
}

const nonce: Payload = { type: PayloadType.NONCE, body: new Uint8Array(20).fill(3) };
const ke = (body: Bytes): Payload => ({ type: PayloadType.KE, body });
const offer = (group: DhGroup) => saPayload([phase1Transform({ [Phase1Attribute.GROUP]: group })]);
const name = encodeId({ type: IdType.KEY_ID, protocol: 0, port: 0, data: utf8(GROUP) });

for (const group of Object.keys(DH_GROUPS).map(Number) as DhGroup[]) {
  test(`${DH_GROUPS[group].name}: aggressive mode refuses what is no public value`, () => {
    const siege = new Siege({ dh: 'true', legacy: true });
    let i = 0;
    for (const [what, value] of hostileValues(group)) {
      const from = { ...ATTACKER, port: 1000 + i++ };
      const initiatorCookie = Uint8Array.of(0xd0, 0, 0, 0, ...u32(i));
      const message = clear([offer(group), ke(value), nonce, name], {
        exchangeType: ExchangeType.AGGRESSIVE,
        initiatorCookie,
      });
      if (value.length === DH_GROUPS[group].length) {
        siege.expectDrop('ike_malformed', what, () => siege.send(message, from));
      } else {
        const refused = siege.all('failure').length;
        siege.send(message, from);
        assert.equal(siege.all('failure').length, refused + 1, `${what}: no group has such a length`);
      }
    }
    assert.equal(siege.all('phase1-key').length, 0);
    siege.checkHonest();
  });

  test(`${DH_GROUPS[group].name}: main mode refuses what is no public value`, () => {
    const siege = new Siege({ dh: 'true', legacy: true });
    let i = 0;
    for (const [what, value] of hostileValues(group)) {
      const from = { ...ATTACKER, port: 1000 + i++ };
      siege.send(clear([offer(group)], { initiatorCookie: Uint8Array.of(0xd1, 0, 0, 0, ...u32(i)) }), from);
      const cookies = cookiesOf(siege.answers.at(-1)!.message);
      siege.expectDrop('ike_malformed', what, () => {
        siege.send(clear([ke(value), nonce], cookies), from);
        if (value.length !== DH_GROUPS[group].length) return;
        // the value itself is looked at when g^xy is needed
        const sealed = clear([{ type: PayloadType.ID, body: new Uint8Array(28) }], {
          ...cookies,
          flags: Flag.ENCRYPTION,
        });
        siege.send(sealed, from);
      });
    }
    assert.equal(siege.all('phase1-key').length, 0);
    siege.checkHonest();
  });

  test(`${DH_GROUPS[group].name}: quick mode refuses what is no public value, and the insider keeps what it had`, () => {
    const siege = new Siege({ dh: 'true', legacy: true });
    const insider = siege.addPeer(ATTACKER).connect();
    const installed = siege.all('install-sa').length;
    const id = (data: Bytes, type: number) => encodeId({ type, protocol: 0, port: 0, data });
    const address = Uint8Array.from(insider.address!.split('.'), Number);
    const attributes = [
      numericAttribute(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL),
      numericAttribute(Phase2Attribute.KEY_LENGTH, 128),
      numericAttribute(Phase2Attribute.GROUP, group),
    ];
    const transforms = [{ number: 1, id: 20, attributes }];
    const sa = encodeSa([{ number: 1, protocol: 3, spi: Uint8Array.of(0, 1, 2, 3), transforms }]);
    const ids = [id(address, IdType.IPV4_ADDR), id(new Uint8Array(8), IdType.IPV4_ADDR_SUBNET)];
    for (const [what, value] of hostileValues(group)) {
      const message = insider.seal(ExchangeType.QUICK_MODE, [sa, nonce, ke(value), ...ids]);
      if (value.length === DH_GROUPS[group].length) {
        siege.expectDrop('ike_malformed', what, () => insider.send(message));
      } else {
        const refused = siege.all('failure').length;
        insider.send(message);
        assert.equal(siege.all('failure').length, refused + 1, `${what}: its group and its KE payload differ`);
      }
    }
    assert.equal(siege.all('install-sa').length, installed);
    insider.renewTunnel();
    siege.checkHonest();
  });
}

test('group 1025, and every other number that is no group here, is refused before any key is made', () => {
  const siege = new Siege({ legacy: true });
  const served = Object.keys(DH_GROUPS).map(Number);
  let i = 0;
  for (const group of [0, 1, 3, 4, 17, 18, 21, 22, 23, 24, 25, 31, 255, 1024, 1025, 1026, 32_768, 65_535]) {
    assert.ok(!served.includes(group));
    const refused = siege.all('failure').length;
    const initiatorCookie = Uint8Array.of(0xd2, 0, 0, 0, ...u32(++i));
    siege.send(clear([offer(group as DhGroup)], { initiatorCookie }));
    assert.equal(siege.all('failure').length, refused + 1, `group ${group}`);
  }
  assert.equal(siege.work.generateDh, 0);
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});
