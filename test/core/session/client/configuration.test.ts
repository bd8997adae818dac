/** Mode-Config of the client: what it asks for, and that it takes nothing from a gateway that could hurt it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat } from '../../../../src/core/bytes/bytes.ts';
import { fromUtf8, utf8 } from '../../../../src/core/bytes/text.ts';
import { formatPrefix, parseIp, parsePrefix, prefixMask } from '../../../../src/core/net/address.ts';
import { PERSONAS } from '../../../../src/core/personas/personas.ts';
import {
  configurationRequest,
  type GivenConfiguration,
  MAX_BACKUP_SERVERS,
  MAX_BANNER,
  MAX_LOCAL_NETWORKS,
  MAX_NOTICES,
  readConfiguration,
} from '../../../../src/core/session/client/configuration.ts';
import {
  MAX_OFFERED_DOMAINS,
  MAX_OFFERED_ROUTES,
  MAX_OFFERED_SERVERS,
} from '../../../../src/core/session/client/offered-network.ts';
import { configurationReply } from '../../../../src/core/session/configuration.ts';
import { type Attribute, attributeBytes, ConfigurationAttribute as Kind } from '../../../../src/core/wire/ikev1.ts';
import { Seeded } from '../../../seeded.ts';

const ADDRESS = { type: Kind.INTERNAL_IP4_ADDRESS, value: parseIp('10.64.0.7')!.bytes };
const GATEWAY = [parseIp('203.0.113.1')!];
const WISHES = { persona: PERSONAS.sallyport, address: undefined, ciscoUdp: false, applicationVersion: undefined };

const ip = (type: number, text: string): Attribute => ({ type, value: parseIp(text)!.bytes });
const text = (type: number, value: string): Attribute => ({ type, value: utf8(value) });

function network(prefix: string): Uint8Array {
  const { address, length } = parsePrefix(prefix)!;
  return concat(address.bytes, prefixMask(length, 4), new Uint8Array(6));
}

function networks(type: number, ...prefixes: readonly string[]): Attribute {
  return { type, value: concat(...prefixes.map(network)) };
}

function routesOf({ routes }: GivenConfiguration): string[] | 'all' {
  return routes === 'all' ? routes : routes.map(formatPrefix);
}

function taken(...attributes: readonly Attribute[]): { given: GivenConfiguration; notices: readonly string[] } {
  const read = readConfiguration([ADDRESS, ...attributes], GATEWAY);
  assert.ok('given' in read, 'refused' in read ? read.refused : '');
  return read;
}

describe('the request', () => {
  test('names what we can use, each empty', () => {
    const request = configurationRequest(WISHES);
    assert.ok(request.some(({ type }) => type === Kind.UNITY_SPLIT_INCLUDE));
    assert.ok(!request.some(({ type }) => type === Kind.UNITY_NATT_PORT));
    for (const one of request)
      assert.ok(one.type === Kind.APPLICATION_VERSION || attributeBytes(one).length === 0, `${one.type}`);
  });

  test('asks for IPsec over UDP, and for the address it had', () => {
    const request = configurationRequest({ ...WISHES, ciscoUdp: true, address: parseIp('10.64.0.9')! });
    assert.ok(request.some(({ type }) => type === Kind.UNITY_NATT_PORT));
    assert.deepEqual(request[0], ip(Kind.INTERNAL_IP4_ADDRESS, '10.64.0.9'));
  });

  test('calls itself as the persona or the profile says', () => {
    const version = (wishes: typeof WISHES | object) => {
      const request = configurationRequest({ ...WISHES, ...wishes });
      return fromUtf8(attributeBytes(request.find(({ type }) => type === Kind.APPLICATION_VERSION)!));
    };
    assert.match(version({ persona: PERSONAS['cisco-4.0'] }), /^Cisco Systems VPN Client 4/);
    assert.equal(version({ persona: PERSONAS['cisco-4.0'], applicationVersion: 'mine' }), 'mine');
    assert.equal(version({ persona: PERSONAS['windows-xp'] }), 'Sallyport');
    assert.equal(version({ persona: PERSONAS.macos }), '');
  });
});

test("our own gateway's answer comes out as it went in", () => {
  const group = {
    ...{ name: 'g', psk: undefined, hybrid: false, certificates: false, users: undefined, maxSessions: undefined },
    ...{ idleTimeout: undefined, sessionTimeout: undefined, pool: parsePrefix('10.64.0.0/24')! },
    ...{ dns: [parseIp('10.1.0.53')!], domain: 'corp.example', banner: 'Welcome' },
    routes: [parsePrefix('10.1.0.0/24')!, parsePrefix('10.2.0.0/16')!],
  };
  const request = configurationRequest({ ...WISHES, ciscoUdp: true });
  const { given, notices } = taken(...configurationReply(request, parseIp('10.64.0.7')!, group, 10_000).slice(1));
  assert.deepEqual(notices, []);
  assert.equal(given.address.text, '10.64.0.7');
  assert.equal(given.netmask, 32);
  assert.deepEqual(
    given.dns.map((one) => one.text),
    ['10.1.0.53'],
  );
  assert.equal(given.domain, 'corp.example');
  assert.deepEqual(given.splitDns, ['corp.example']);
  assert.deepEqual(routesOf(given), ['10.1.0.0/24', '10.2.0.0/16']);
  assert.equal(given.banner, 'Welcome');
  assert.equal(given.ciscoUdpPort, 10_000);
  assert.equal(given.gatewayVersion, 'Sallyport');
});

describe('what is read', () => {
  test('nothing but an address is a full tunnel', () => {
    const { given } = taken();
    assert.equal(given.routes, 'all');
    assert.deepEqual([given.dns, given.splitDns, given.localLan, given.backupServers], [[], [], [], []]);
    assert.deepEqual(
      [given.pfs, given.savePassword, given.ciscoUdpPort, given.banner],
      [undefined, undefined, undefined, undefined],
    );
  });

  test('so is a route to everything', () => {
    assert.equal(taken(networks(Kind.UNITY_SPLIT_INCLUDE, '10.0.0.0/8', '0.0.0.0/0')).given.routes, 'all');
  });

  test('several servers, in attributes of their own or in one', () => {
    const two = { type: Kind.INTERNAL_IP4_DNS, value: concat(parseIp('10.1.0.1')!.bytes, parseIp('10.1.0.2')!.bytes) };
    const { given, notices } = taken(two, ip(Kind.INTERNAL_IP4_DNS, '10.1.0.3'), ip(Kind.INTERNAL_IP4_DNS, '0.0.0.0'));
    assert.deepEqual(
      given.dns.map((one) => one.text),
      ['10.1.0.1', '10.1.0.2', '10.1.0.3'],
    );
    assert.deepEqual(notices, []);
  });

  test('names however they are separated, in the own case', () => {
    const { given } = taken(
      text(Kind.UNITY_SPLIT_DNS, 'Corp.example, lab.example.;*.dev.example\0'),
      text(25, 'corp.example'),
    );
    assert.deepEqual(given.splitDns, ['corp.example', 'lab.example', 'dev.example']);
  });

  test('flags, port, backup servers', () => {
    const { given } = taken(
      { type: Kind.UNITY_PFS, value: 1 },
      { type: Kind.UNITY_SAVE_PASSWD, value: 0 },
      { type: Kind.UNITY_NATT_PORT, value: 10_000 },
      text(Kind.UNITY_BACKUP_SERVERS, '192.0.2.9,vpn2.example'),
    );
    assert.deepEqual([given.pfs, given.savePassword, given.ciscoUdpPort], [true, false, 10_000]);
    assert.deepEqual(given.backupServers, ['192.0.2.9', 'vpn2.example']);
  });

  test('networks that stay outside, and the word for wherever the client is', () => {
    const { given } = taken(networks(Kind.UNITY_LOCAL_LAN, '192.168.1.0/24', '0.0.0.0/32'));
    assert.deepEqual(given.localLan.map(formatPrefix), ['192.168.1.0/24']);
    assert.ok(given.permitsLocalLan);
    assert.ok(!taken().given.permitsLocalLan);
  });
});

describe('what is not taken', () => {
  test('no address, or one that is of no use, ends it in words', () => {
    const read = (...attributes: readonly Attribute[]) => readConfiguration(attributes, GATEWAY);
    assert.match((read() as { refused: string }).refused, /gave no address .* pool may be empty/);
    for (const address of ['0.0.0.0', '127.0.0.1', '169.254.7.7', '224.0.0.5', '255.255.255.255'])
      assert.match(
        (read(ip(Kind.INTERNAL_IP4_ADDRESS, address)) as { refused: string }).refused,
        /no address that can be used/,
        address,
      );
    for (const value of [new Uint8Array(3), new Uint8Array(16).fill(7).subarray(0, 5), 7])
      assert.ok('refused' in read({ type: Kind.INTERNAL_IP4_ADDRESS, value }));
  });

  test('routes that hold loopback, link-local, multicast or the gateway itself', () => {
    const bad = ['127.0.0.0/8', '127.0.0.53/32', '169.254.0.0/16', '169.254.169.254/32', '224.0.0.0/4', '128.0.0.0/1'];
    const { given, notices } = taken(networks(Kind.UNITY_SPLIT_INCLUDE, ...bad, '203.0.113.1/32', '10.0.0.0/8'));
    assert.deepEqual(routesOf(given), ['10.0.0.0/8']);
    assert.equal(notices.length, 7);
    assert.match(notices[0]!, /127\.0\.0\.0\/8 is not taken/);
  });

  test('only bad routes are no routes, and no full tunnel', () => {
    assert.deepEqual(taken(networks(Kind.UNITY_SPLIT_INCLUDE, '127.0.0.0/8')).given.routes, []);
    assert.deepEqual(taken({ type: Kind.UNITY_SPLIT_INCLUDE, value: new Uint8Array(0) }).given.routes, []);
  });

  test('everything as local network: nothing would be in the tunnel', () => {
    const { given, notices } = taken(networks(Kind.UNITY_LOCAL_LAN, '0.0.0.0/0'));
    assert.deepEqual(given.localLan, []);
    assert.match(notices[0]!, /everything as local network/);
  });

  test('lists that end in the middle, masks with gaps, servers of three bytes, port 0', () => {
    const gaps = concat(Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0), new Uint8Array(6));
    const value = concat(network('10.5.0.0/16'), gaps, new Uint8Array(5));
    const { given, notices } = taken(
      { type: Kind.UNITY_SPLIT_INCLUDE, value },
      { type: Kind.INTERNAL_IP4_DNS, value: new Uint8Array(3) },
      { type: Kind.UNITY_NATT_PORT, value: 0 },
    );
    assert.deepEqual(routesOf(given), ['10.5.0.0/16']);
    assert.deepEqual([given.dns, given.ciscoUdpPort], [[], undefined]);
    assert.equal(notices.length, 4);
  });

  test('names that are none: nothing that a shell or a resolver file could stumble over', () => {
    const bad = ['$(reboot)', 'a..b', '-x', 'x'.repeat(64), 'a/b', '../etc', `${'a.'.repeat(130)}b`];
    const { given, notices } = taken(
      text(Kind.UNITY_SPLIT_DNS, bad.join(' ')),
      text(Kind.UNITY_DEF_DOMAIN, 'a\nnameserver'),
    );
    assert.deepEqual(given.splitDns, []);
    assert.equal(given.domain, 'a');
    assert.equal(notices.length, bad.length);
    assert.deepEqual(taken(text(Kind.UNITY_BACKUP_SERVERS, 'ok.example `id`')).given.backupServers, ['ok.example']);
  });

  test('a banner keeps its lines and loses what plays tricks', () => {
    assert.equal(taken(text(Kind.UNITY_BANNER, 'Hello\r\n\x1b]0;x\x07you\0')).given.banner, 'Hello\n ]0;x you');
  });
});

describe('too much of it', () => {
  test('is cut at the bounds, with a notice', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    const names = Array.from({ length: MAX_OFFERED_DOMAINS + 9 }, (_, i) => `d${i}.example`);
    const atBound = taken(networks(Kind.UNITY_SPLIT_INCLUDE, ...many(MAX_OFFERED_ROUTES)));
    assert.deepEqual([atBound.given.routes.length, atBound.notices.length], [MAX_OFFERED_ROUTES, 0]);
    const { given, notices } = taken(
      networks(Kind.UNITY_SPLIT_INCLUDE, ...many(MAX_OFFERED_ROUTES + 1)),
      networks(Kind.UNITY_LOCAL_LAN, ...many(MAX_OFFERED_ROUTES + 1)),
      text(Kind.UNITY_SPLIT_DNS, names.join(',')),
      text(Kind.UNITY_BACKUP_SERVERS, names.join(',')),
      text(Kind.UNITY_BANNER, 'x'.repeat(60_000)),
      ...Array.from({ length: MAX_OFFERED_SERVERS + 1 }, (_, i) => ip(Kind.INTERNAL_IP4_DNS, `10.9.9.${i + 1}`)),
    );
    assert.equal(given.routes.length, MAX_OFFERED_ROUTES);
    assert.equal(given.localLan.length, MAX_LOCAL_NETWORKS);
    assert.equal(given.splitDns.length, MAX_OFFERED_DOMAINS);
    assert.equal(given.backupServers.length, MAX_BACKUP_SERVERS);
    assert.equal(given.dns.length, MAX_OFFERED_SERVERS);
    assert.equal(given.banner!.length, MAX_BANNER);
    assert.equal(notices.length, 5);
  });

  test('has a bound on its notices too', () => {
    const bad = networks(Kind.UNITY_SPLIT_INCLUDE, ...Array.from({ length: 200 }, (_, i) => `127.0.0.${i}/32`));
    assert.equal(taken(bad).notices.length, MAX_NOTICES);
  });
});

test('whatever comes, nothing throws, and what is taken is sound', () => {
  const random = new Seeded(11);
  const kinds = [...Object.values(Kind), 0, 28_700, 32_767];
  for (let round = 0; round < 20_000; round++) {
    const attributes = Array.from({ length: random.below(20) }, (): Attribute => {
      const length = random.pick([0, 1, 3, 4, 8, 14, 15, 28, 70]);
      return { type: random.pick(kinds), value: random.chance(0.2) ? random.below(65_536) : random.bytes(length) };
    });
    const read = readConfiguration(random.chance(0.8) ? [ADDRESS, ...attributes] : attributes, GATEWAY);
    if ('refused' in read) continue;
    const { given, notices } = read;
    assert.ok(notices.length <= MAX_NOTICES);
    for (const notice of notices) assert.doesNotMatch(notice, /[\p{Cc}\p{Cf}]/u);
    for (const name of [...given.splitDns, given.domain ?? 'a']) assert.match(name, /^[a-z0-9_.-]{1,253}$/);
    for (const { address } of given.routes === 'all' ? [] : given.routes)
      assert.doesNotMatch(address.text, /^(0|127|2[2-5]\d)\./);
    assert.doesNotMatch(given.banner ?? '', /(?!\n)[\p{Cc}\p{Cf}]/u);
  }
});
