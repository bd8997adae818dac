/** What each carrier needs open. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CARRIERS,
  formatOpening,
  openingName,
  openingsOf,
  openingsOfAll,
  STANDARD_PORTS,
} from '../../../src/core/openings/openings.ts';

const names = (...args: Parameters<typeof openingsOf>) => openingsOf(...args).map(openingName);

describe('openings', () => {
  it('of each carrier on the standard ports', () => {
    assert.deepEqual(names('nat-t'), ['udp/4500']);
    assert.deepEqual(names('esp'), ['udp/500', 'protocol/50']);
    assert.deepEqual(names('cisco-udp'), ['udp/500', 'udp/10000']);
    assert.deepEqual(names('cisco-tcp'), ['tcp/10000']);
  });

  it('of NAT-T that begins on the IKE port, as the standard has it', () => {
    assert.deepEqual(names('nat-t', STANDARD_PORTS, 'ike'), ['udp/500', 'udp/4500']);
  });

  it('on ports of their own', () => {
    const ports = { ike: 1500, natT: 1501, ciscoUdp: 1502, ciscoTcp: 443 };
    assert.deepEqual(names('nat-t', ports, 'ike'), ['udp/1500', 'udp/1501']);
    assert.deepEqual(names('esp', ports), ['udp/1500', 'protocol/50']);
    assert.deepEqual(names('cisco-udp', ports), ['udp/1500', 'udp/1502']);
    assert.deepEqual(names('cisco-tcp', ports), ['tcp/443']);
  });

  it("of Cisco's UDP on its default port until the gateway has told another", () => {
    assert.deepEqual(names('cisco-udp', { ...STANDARD_PORTS, ciscoUdp: undefined }), ['udp/500', 'udp/10000']);
  });

  it('of several carriers, each once', () => {
    assert.deepEqual(openingsOfAll(CARRIERS).map(openingName), [
      'udp/4500',
      'udp/500',
      'protocol/50',
      'udp/10000',
      'tcp/10000',
    ]);
  });

  it('in words', () => {
    assert.deepEqual(openingsOfAll(['esp', 'cisco-tcp']).map(formatOpening), [
      'UDP 500',
      'IP protocol 50',
      'TCP 10000',
    ]);
  });
});
