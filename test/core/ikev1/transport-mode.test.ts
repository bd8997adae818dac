/** Quick mode for L2TP: transport mode's selectors, names for addresses, NAT-OA of RFC 3947 and of the drafts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { originalAddresses } from '../../../src/core/ikev1/nat-detection.ts';
import { isTransportMode, udpTransportMode } from '../../../src/core/ikev1/phase2-proposal.ts';
import { formatSelector, parseNamedHost, parseSelector } from '../../../src/core/ikev1/selector.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { EncapsulationMode, IdType } from '../../../src/core/wire/ikev1.ts';
import { PayloadType } from '../../../src/core/wire/isakmp.ts';
import { CLIENT, connectedPair, GATEWAY, quickMode } from './pair.ts';

const MODES = {
  tunnel: EncapsulationMode.TUNNEL,
  transport: EncapsulationMode.TRANSPORT,
  rfc: EncapsulationMode.UDP_TRANSPORT,
  draft: EncapsulationMode.UDP_TRANSPORT_DRAFT,
};

describe('transport mode', () => {
  it('has numbers of its own, and in UDP other ones in the drafts', () => {
    assert.equal(udpTransportMode('rfc3947'), 4);
    assert.equal(udpTransportMode('draft'), 61444);
    const udpTunnel = [EncapsulationMode.UDP_TUNNEL, EncapsulationMode.UDP_TUNNEL_DRAFT];
    assert.deepEqual([MODES.transport, MODES.rfc, MODES.draft].map(isTransportMode), [true, true, true]);
    assert.deepEqual([MODES.tunnel, ...udpTunnel].map(isTransportMode), [false, false, false]);
  });

  it('tells both addresses as it sees them, in payload 21 or 131, and only in UDP', () => {
    const [a, b] = [parseIp('192.168.1.7')!, parseIp('2001:db8::1')!];
    assert.deepEqual(originalAddresses(MODES.rfc, a, b), [
      { type: PayloadType.NAT_OA, body: Uint8Array.of(IdType.IPV4_ADDR, 0, 0, 0, 192, 168, 1, 7) },
      { type: PayloadType.NAT_OA, body: Uint8Array.of(IdType.IPV6_ADDR, 0, 0, 0, ...b.bytes) },
    ]);
    assert.deepEqual(
      originalAddresses(MODES.draft, a, b).map(({ type }) => type),
      [PayloadType.NAT_OA_DRAFT, PayloadType.NAT_OA_DRAFT],
    );
    for (const mode of [MODES.tunnel, MODES.transport]) assert.deepEqual(originalAddresses(mode, a, b), []);
  });

  it('a host that names itself is the one that is seen', () => {
    const id = { type: IdType.FQDN, protocol: 17, port: 1701, data: utf8('xp-machine') };
    assert.equal(parseSelector(id), undefined);
    assert.equal(formatSelector(parseNamedHost(id, CLIENT.address)!), '192.0.2.7/32[17/1701]');
    assert.equal(parseNamedHost({ ...id, type: IdType.USER_FQDN }, CLIENT.address), undefined);
  });

  it('is agreed on by both sides with the selectors of L2TP, whoever begins', () => {
    for (const mode of [MODES.transport, MODES.rfc, MODES.draft]) {
      const gateway = {
        authorizePhase2: () => ({
          spi: 0x1234_5678 + mode,
          modes: [mode],
          lifetime: { seconds: 60, kilobytes: undefined },
        }),
      };
      const pair = connectedPair({});
      Object.assign(pair.gateway.policy, gateway);
      Object.assign(pair.client.policy, gateway);
      const suites = [{ esp: { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' }, group: undefined, mode }] as const;
      const host = (address: typeof CLIENT.address) => ({ prefix: { address, length: 32 }, protocol: 17, port: 1701 });
      const [local, remote] = [host(CLIENT.address), host(GATEWAY.address)];
      const both = quickMode(pair, 'client', { suites, local, remote });
      assert.equal(both.gateway.suite.mode, mode);
      assert.equal(formatSelector(both.gateway.remote), '192.0.2.7/32[17/1701]');
      assert.equal(formatSelector(both.gateway.local), '203.0.113.1/32[17/1701]');
    }
  });
});
