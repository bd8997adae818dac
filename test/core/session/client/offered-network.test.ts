/** What a gateway may tell its clients to do with their networks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPrefix, type IpAddress, parseIp, parsePrefix } from '../../../../src/core/net/address.ts';
import {
  checkDomains,
  checkNameServers,
  checkRoutes,
  isDomainName,
  MAX_OFFERED_DOMAINS,
  MAX_OFFERED_ROUTES,
  MAX_OFFERED_SERVERS,
  wrongInnerAddress,
} from '../../../../src/core/session/client/offered-network.ts';

const ip = (text: string): IpAddress => parseIp(text)!;
const gateway = [ip('198.51.100.7'), ip('2001:db8::7')];

function routes(...texts: string[]): { kept: string[] | 'all'; dropped: string[] } {
  const { kept, dropped } = checkRoutes(
    texts.map((text) => parsePrefix(text)!),
    gateway,
  );
  return {
    kept: kept === 'all' ? kept : kept.map(formatPrefix),
    dropped: dropped.map(({ what, why }) => `${what}: ${why}`),
  };
}

describe('routes from a gateway', () => {
  it('are taken when they are somebody’s networks', () => {
    const some = ['10.0.0.0/8', '192.168.7.0/24', '198.51.100.8/32', '128.0.0.0/3', '2001:db8:1::/48'];
    assert.deepEqual(routes(...some), { kept: some, dropped: [] });
  });

  it('mean everything when there are none, or one of length 0', () => {
    assert.deepEqual(routes(), { kept: 'all', dropped: [] });
    assert.deepEqual(routes('10.0.0.0/8', '0.0.0.0/0'), { kept: 'all', dropped: [] });
  });

  it('are dropped one by one when they touch what they must not, from inside or from around', () => {
    for (const [wrong, why] of [
      ['127.0.0.0/8', /127\.0\.0\.0\/8, loopback/],
      ['127.0.0.53/32', /loopback/],
      ['0.0.0.0/1', /this host/],
      ['128.0.0.0/1', /link-local/],
      ['64.0.0.0/2', /loopback/],
      ['169.254.169.254/32', /link-local/],
      ['224.0.0.0/24', /multicast/],
      ['255.255.255.255/32', /reserved/],
      ['0.0.0.0/32', /this host/],
      ['::1/128', /loopback/],
      ['::/1', /loopback/],
      ['8000::/1', /link-local/],
      ['fe80::/64', /link-local/],
      ['ff02::/16', /multicast/],
      ['198.51.100.0/24', /the gateway's own address 198\.51\.100\.7/],
      ['198.51.100.7/32', /the gateway's own address/],
      ['2001:db8::/32', /the gateway's own address 2001:db8::7/],
    ] as const) {
      const { kept, dropped } = routes('10.1.0.0/16', wrong);
      assert.deepEqual(kept, ['10.1.0.0/16'], wrong);
      assert.match(dropped.join(), why);
      assert.ok(dropped[0]!.startsWith(`${wrong}: `));
    }
  });

  it('do not become everything when all are dropped', () => {
    assert.deepEqual(routes('127.0.0.0/8').kept, []);
  });

  it('are bounded', () => {
    const many = Array.from({ length: MAX_OFFERED_ROUTES + 2 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    assert.equal(routes(...many.slice(0, MAX_OFFERED_ROUTES)).dropped.length, 0);
    const { kept, dropped } = routes(...many);
    assert.equal(kept.length, MAX_OFFERED_ROUTES);
    assert.deepEqual(dropped, ['10.1.0.0/24 and what follows: more than 256 are not taken']);
  });

  it('are kept once', () => {
    assert.deepEqual(routes('10.1.0.0/16', '10.1.0.0/16').kept, ['10.1.0.0/16']);
  });
});

describe('name servers from a gateway', () => {
  it('are addresses that can be one', () => {
    const { kept, dropped } = checkNameServers(['10.1.0.53', '127.0.0.1', '0.0.0.0', '10.1.0.53'].map(ip));
    assert.deepEqual(
      kept.map(({ text }) => text),
      ['10.1.0.53'],
    );
    assert.deepEqual(
      dropped.map(({ what }) => what),
      ['127.0.0.1', '0.0.0.0'],
    );
  });

  it('are bounded', () => {
    const many = Array.from({ length: MAX_OFFERED_SERVERS + 1 }, (_, i) => ip(`10.0.0.${i + 1}`));
    assert.equal(checkNameServers(many.slice(0, MAX_OFFERED_SERVERS)).dropped.length, 0);
    assert.equal(checkNameServers(many).kept.length, MAX_OFFERED_SERVERS);
    assert.equal(checkNameServers(many).dropped.length, 1);
  });
});

describe('domains from a gateway', () => {
  it('are names and nothing that a file, a program or a shell could misread', () => {
    const names = ['corp.example', 'a_b.example', 'x', '1.example', 'xn--bcher-kva.example', `${'a'.repeat(63)}.b`];
    for (const name of names) assert.ok(isDomainName(name), name);
    for (const wrong of [
      '',
      '.',
      'a..b',
      '-o.example',
      'a.-b',
      'a b',
      'a\nnameserver 192.0.2.1',
      'a\0',
      '~a',
      '$(reboot)',
      'a;b',
      'bücher.example',
      'a/b',
      `${'a'.repeat(64)}.b`,
      `${'a.'.repeat(126)}ab`,
    ]) {
      assert.ok(!isDomainName(wrong), wrong);
      assert.deepEqual(checkDomains([wrong, 'corp.example']).kept, ['corp.example']);
    }
  });

  it('are told in one shape, and cut where they are shown', () => {
    assert.deepEqual(checkDomains(['Corp.Example.', 'corp.example']).kept, ['corp.example']);
    assert.equal(checkDomains(['a b'.repeat(10_000)]).dropped[0]!.what.length, 80);
  });

  it('are bounded', () => {
    const many = Array.from({ length: MAX_OFFERED_DOMAINS + 3 }, (_, i) => `d${i}.example`);
    assert.equal(checkDomains(many.slice(0, MAX_OFFERED_DOMAINS)).dropped.length, 0);
    assert.equal(checkDomains(many).kept.length, MAX_OFFERED_DOMAINS);
    assert.equal(checkDomains(many).dropped.length, 1);
  });
});

describe('the inner address from a gateway', () => {
  it('is none that a host needs for itself, nor the gateway’s', () => {
    assert.equal(wrongInnerAddress(ip('10.77.0.9'), gateway), undefined);
    for (const wrong of ['127.0.0.1', '0.0.0.0', '169.254.1.1', '224.0.0.1', '255.255.255.255', '198.51.100.7']) {
      assert.notEqual(wrongInnerAddress(ip(wrong), gateway), undefined, wrong);
    }
  });
});
