/** Which addresses a gateway is dialled at while its name servers can't be relied on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayNames } from '../../src/client/gateway-names.ts';
import { parseIp } from '../../src/core/net/address.ts';

const NAME = 'vpn.example.com';
const OUTER = parseIp('198.51.100.7')!;

describe('the names of gateways', () => {
  it('are asked until a tunnel has stood, and addresses never', async () => {
    const asked: string[] = [];
    const names = new GatewayNames(async (name) => {
      asked.push(name);
      return ['198.51.100.7', '2001:db8::7'];
    });
    assert.deepEqual(texts(await names.addressesOf(NAME)), ['198.51.100.7', '2001:db8::7']);
    assert.deepEqual(texts(await names.addressesOf('192.0.2.1')), ['192.0.2.1']);
    assert.deepEqual(texts(await names.addressesOf(NAME)), ['198.51.100.7', '2001:db8::7']);
    assert.deepEqual(asked, [NAME, NAME]);
  });

  it('lead to the address that served, while inner name servers say another or nothing', async () => {
    let answer: readonly string[] | undefined = ['10.0.0.1'];
    const names = new GatewayNames(async () => {
      if (!answer) throw Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' });
      return answer;
    });
    names.served(NAME, OUTER);
    assert.deepEqual(texts(await names.addressesOf(NAME)), ['198.51.100.7'], 'while the tunnel stands');
    assert.deepEqual(texts(await names.addressesOf('other.example')), ['10.0.0.1']);
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      names.lost();
      seen.push(...texts(await names.addressesOf(NAME)));
    }
    assert.deepEqual(seen, ['198.51.100.7', '10.0.0.1', '198.51.100.7', '10.0.0.1']);
    answer = undefined;
    for (let i = 0; i < 2; i++) {
      names.lost();
      assert.deepEqual(texts(await names.addressesOf(NAME)), ['198.51.100.7']);
    }
    assert.deepEqual(await names.addressesOf('other.example'), {
      reason: "other.example: the name servers don't answer (EAI_AGAIN)",
    });
  });

  it('follow a gateway that has moved', async () => {
    const names = new GatewayNames(async () => ['203.0.113.7']);
    names.served(NAME, OUTER);
    names.lost();
    names.lost();
    assert.deepEqual(texts(await names.addressesOf(NAME)), ['203.0.113.7']);
    names.served(NAME, parseIp('203.0.113.7')!);
    assert.deepEqual(texts(await names.addressesOf(NAME)), ['203.0.113.7']);
  });
});

function texts(found: Awaited<ReturnType<GatewayNames['addressesOf']>>): string[] {
  assert.ok(!('reason' in found));
  return found.map(({ text }) => text);
}
