/** What a session lets its inbound SAs tell about the peer's whereabouts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Prefix, parsePrefix } from '../../src/core/net/address.ts';
import { Net4 } from '../../src/dataplane/net4.ts';
import type { InboundSa } from '../../src/dataplane/sa.ts';
import { Session } from '../../src/dataplane/session.ts';

const net = (text: string) => new Net4(parsePrefix(text) as Prefix);
const inboundSa = (localSelector: string, used: boolean) =>
  ({ localSelector: net(localSelector), remoteSelector: net('10.77.0.2/32'), used }) as InboundSa;

function hasReplaced(sa: InboundSa, ...inbound: InboundSa[]): boolean {
  return Session.prototype.hasReplaced.call({ inbound } as unknown as Session, sa);
}

describe('an inbound SA is replaced', () => {
  const old = inboundSa('10.1.0.0/24', true);

  it('once the peer uses a newer one for the same traffic', () => {
    assert.equal(hasReplaced(old, old, inboundSa('10.1.0.0/24', true)), true);
  });

  it('not before', () => {
    assert.equal(hasReplaced(old, old, inboundSa('10.1.0.0/24', false)), false);
    assert.equal(hasReplaced(old, old), false);
  });

  it('not by one for other traffic, nor by an older one', () => {
    assert.equal(hasReplaced(old, old, inboundSa('10.2.0.0/24', true)), false);
    assert.equal(hasReplaced(old, inboundSa('10.1.0.0/24', true), old), false);
  });
});
