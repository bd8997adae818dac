/** What only a client needs of the engine: forced encapsulation, other paths, and being sure that the gateway is there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesEqual } from '../../../src/core/bytes/bytes.ts';
import type { IkePath } from '../../../src/core/carrier/ike-path.ts';
import type { CertificateVerifier, OwnCertificate, SignatureKind } from '../../../src/core/crypto/certificates.ts';
import { begunByGateway } from '../../../src/core/ikev1/authentication.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { Authentication, encodeNotification, NotifyType, Protocol } from '../../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  Flag,
  IKEV1_VERSION,
  PayloadType,
} from '../../../src/core/wire/isakmp.ts';
import {
  CLIENT,
  connectedPair,
  establishedPair,
  GATEWAY,
  keysMatch,
  Pair,
  quickMode,
  quickModeIntent,
  SUITE,
} from './pair.ts';

const MODES = ['main', 'aggressive'] as const;
const NAT_T: IkePath = {
  carrier: 'nat-t',
  local: { ...CLIENT, port: 4500 },
  remote: { ...GATEWAY, port: 4500 },
};
/** As the engine meets a carrier of one TCP flow. */
const TCP = { carrier: 'cisco-tcp', local: { ...CLIENT, port: 1200 }, remote: { ...GATEWAY, port: 10_000 } } as const;

for (const mode of MODES) {
  describe(`${mode} mode, as a client`, () => {
    test('forced encapsulation claims a NAT that is not there, and both believe it', () => {
      const pair = establishedPair({ mode, client: { encapsulation: 'force' } });
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: true, isTrue: false });
      assert.deepEqual(pair.gateway.last('established').nat, { remote: true, local: false });
      assert.deepEqual(pair.client.sa!.path, NAT_T);
      assert.equal(pair.gateway.sa!.path.carrier, 'nat-t');
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });

    test('forced encapsulation knows a NAT that is there', () => {
      const address = parseIp('198.51.100.9')!;
      const nat = ({ port }: { readonly port: number }) => ({ address, port: 31_007 + port });
      const pair = establishedPair({ mode, nat, client: { encapsulation: 'force' } });
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: true, isTrue: true });
    });

    test('forced encapsulation forces nobody who does no NAT traversal', () => {
      const pair = establishedPair({ mode, client: { encapsulation: 'force' }, gateway: { natTraversal: false } });
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: false });
      assert.equal(pair.client.sa!.path.carrier, 'udp');
    });

    test('it may begin on port 4500, with and without forced encapsulation', () => {
      for (const encapsulation of ['detect', 'force'] as const) {
        const pair = establishedPair({ mode, path: NAT_T, client: { encapsulation } });
        const forced = encapsulation === 'force';
        const claimed = forced ? { local: true, isTrue: false } : { local: false };
        assert.deepEqual(pair.client.last('established').nat, { remote: false, ...claimed });
        assert.deepEqual(pair.gateway.last('established').nat, { remote: forced, local: false });
        assert.deepEqual(pair.client.sa!.path, NAT_T);
        assert.ok(pair.record.every(({ path }) => path.carrier === 'nat-t'));
        assert.ok(keysMatch(quickMode(pair, 'client')));
      }
    });

    test('it floats to its own port where 4500 is taken', () => {
      const pair = establishedPair({ mode, client: { encapsulation: 'force', ownNatTPort: 40_001 } });
      assert.equal(pair.client.sa!.path.local.port, 40_001);
      assert.equal(pair.client.sa!.path.remote.port, 4500);
      assert.equal(pair.gateway.sa!.path.remote.port, 40_001);
    });

    test('what goes through TCP neither floats nor speaks of NAT', () => {
      const pair = new Pair({ mode, path: TCP as unknown as IkePath, client: { encapsulation: 'force' } }).run();
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: false });
      assert.equal(pair.client.last('established').traits.natTraversal, undefined);
      assert.ok(pair.record.every(({ path }) => (path.carrier as string) === 'cisco-tcp'));
    });

    test('INITIAL-CONTACT is told by whom it is asked of, and proven', () => {
      const anew = establishedPair({ mode, intent: { initialContact: true } });
      assert.equal(anew.gateway.all('initial-contact').length, 1);
      assert.ok(!establishedPair({ mode }).gateway.has('initial-contact'));
    });

    test('the client learns when its rekey is due', () => {
      const pair = establishedPair({ mode, lifetime: 3600 });
      pair.advance(0.89 * 3600 * SECOND);
      assert.ok(!pair.client.has('rekey-due'));
      pair.advance(0.02 * 3600 * SECOND);
      assert.equal(pair.client.all('rekey-due').length, 1);
      assert.ok(!pair.client.sa!.ended);
    });

    test('a gateway that ends phase 1 sooner has its client rekey sooner', () => {
      const pair = establishedPair({ mode, lifetime: 86_400, gateway: { phase1Lifetime: 3600 } });
      pair.advance(0.91 * 3600 * SECOND);
      assert.equal(pair.client.all('rekey-due').length, 1);
      pair.advance(3600 * SECOND);
      assert.equal(pair.client.last('ended').reason, 'lifetime');
    });
  });
}

describe("aggressive mode's third message", () => {
  const dpd = { idle: 10 * MINUTE, timeout: 20 * MINUTE };

  test('goes out again until the gateway speaks, and no longer', () => {
    const pair = new Pair({ mode: 'aggressive' });
    const at: number[] = [];
    const begin = pair.now;
    pair.onWay = ({ from, message }) => {
      const third = from === 'client' && (message[19]! & Flag.ENCRYPTION) !== 0;
      if (third) at.push(pair.now - begin);
      return !third || at.length > 3;
    };
    pair.advance(14 * SECOND);
    assert.deepEqual(at, [0, 2000, 6000, 14_000]);
    assert.ok(pair.gateway.sa!.established);
    pair.gateway.sa!.requestXauth({ asks: 'password', message: undefined }, pair.now);
    pair.drain();
    pair.run();
    pair.advance(MINUTE);
    assert.equal(at.length, 4);
    assert.deepEqual(pair.client.all('failed'), []);
  });

  test('without an answer leads to the question whether the gateway is there', () => {
    for (const client of [{}, { dpd }]) {
      const pair = new Pair({ mode: 'aggressive', client });
      pair.onWay = ({ from, message }) => from === 'gateway' || (message[19]! & Flag.ENCRYPTION) === 0;
      pair.advance(45 * SECOND);
      assert.ok(!pair.client.sa!.ended);
      pair.advance(20 * SECOND);
      assert.equal(pair.client.last('ended').reason, 'peer is dead');
      assert.equal(pair.nextTimeout(), undefined);
    }
  });

  test('has no answer from a gateway that has nothing to say, and phase 1 stands', () => {
    const pair = establishedPair({ mode: 'aggressive' });
    pair.advance(10 * MINUTE);
    assert.ok(!pair.client.sa!.ended);
    assert.deepEqual(pair.client.all('failed'), []);
    assert.deepEqual([pair.client.drops, pair.gateway.drops], [[], []]);
  });
});

describe('another path', () => {
  const OTHER: IkePath = { ...NAT_T, local: { ...CLIENT, port: 40_000 } };

  /** A pair whose gateway is reached by the other path too. */
  function twoPaths(options: ConstructorParameters<typeof Pair>[0] = {}): Pair {
    const pair = connectedPair(options);
    pair.onWay = (letter) => {
      if (letter.from === 'client' || letter.path.carrier === 'udp') return true;
      pair.deliverTo(pair.client, letter.message, OTHER);
      return false;
    };
    return pair;
  }

  test('that answers is told, and followed when the owner says so', () => {
    const pair = twoPaths();
    pair.client.sa!.probePath(OTHER);
    pair.drain();
    pair.run();
    assert.deepEqual(pair.client.all('path-answered'), [{ type: 'path-answered', path: OTHER }]);
    assert.equal(pair.client.sa!.path.carrier, 'udp');
    pair.client.sa!.followPath(OTHER);
    pair.client.sa!.requestConfiguration([], pair.now);
    pair.drain();
    assert.deepEqual(pair.wire.at(-1)!.path, OTHER);
  });

  test('is not shown to work by an answer that comes over the old one', () => {
    const pair = connectedPair();
    pair.client.sa!.probePath(OTHER);
    pair.drain();
    pair.onWay = ({ from, message }) => {
      if (from === 'gateway') pair.deliverTo(pair.client, message, pair.pathTo('client'));
      return from === 'client';
    };
    pair.run();
    assert.ok(pair.gateway.sent.length > 0);
    assert.ok(!pair.client.has('path-answered'));
  });

  test('is asked beside dead peer detection, and neither takes the other for itself', () => {
    const dpd = { idle: 30 * SECOND, timeout: 90 * SECOND };
    const pair = twoPaths({ client: { dpd } });
    for (let i = 0; i < 100; i++) {
      pair.advance(7 * SECOND);
      pair.client.sa!.probePath(OTHER);
      pair.drain();
    }
    pair.run();
    assert.equal(pair.client.all('path-answered').length, 100);
    assert.ok(!pair.client.sa!.ended);
  });

  test('sixteen questions may be open, and the oldest is forgotten', () => {
    const pair = twoPaths();
    for (let i = 0; i < 17; i++) pair.client.sa!.probePath(OTHER);
    pair.drain();
    pair.run();
    assert.equal(pair.client.all('path-answered').length, 16);
  });

  test('is not asked before phase 1 is up, nor after its end', () => {
    const pair = new Pair();
    const sent = pair.client.sent.length;
    pair.client.sa!.probePath(OTHER);
    pair.drain();
    assert.equal(pair.client.sent.length, sent);
    const over = establishedPair();
    over.client.sa!.close('over');
    over.drain();
    const before = over.client.sent.length;
    over.client.sa!.probePath(OTHER);
    over.drain();
    assert.equal(over.client.sent.length, before);
  });
});

describe('what anybody may have sent', () => {
  const invalidCookie = (pair: Pair) => {
    const notification = { protocol: Protocol.ISAKMP, spi: new Uint8Array(0), data: new Uint8Array(0) };
    const payloads = [encodeNotification({ ...notification, type: NotifyType.INVALID_COOKIE })];
    const { initiatorCookie, responderCookie } = pair.client.sa!;
    const header = {
      initiatorCookie,
      responderCookie,
      nextPayload: payloads[0]!.type,
      version: IKEV1_VERSION,
      exchangeType: ExchangeType.INFORMATIONAL,
      flags: 0,
      messageId: 77,
    };
    return encodeMessage(header, encodePayloads(payloads));
  };

  test('makes a client ask whether its gateway is there, once, and a gateway that is stays', () => {
    const pair = connectedPair();
    const before = pair.client.sent.length;
    for (let i = 0; i < 20; i++) pair.deliverTo(pair.client, invalidCookie(pair));
    assert.equal(pair.client.sent.length, before + 1);
    assert.match(pair.client.last('failed').reason, /INVALID_COOKIE \(it knows nothing of this negotiation/);
    pair.advance(MINUTE);
    assert.ok(!pair.client.sa!.ended);
    assert.equal(pair.client.all('failed').length, 1);
    pair.deliverTo(pair.client, invalidCookie(pair));
    assert.equal(pair.client.all('failed').length, 2);
    pair.advance(MINUTE);
    assert.ok(!pair.client.sa!.ended);
  });

  test('is believed when the gateway does not answer three questions', () => {
    const dpd = { idle: 30 * SECOND, timeout: 90 * SECOND };
    for (const client of [{}, { dpd }]) {
      const pair = connectedPair({ client });
      pair.onWay = () => false;
      pair.deliverTo(pair.client, invalidCookie(pair));
      pair.advance(4 * SECOND);
      assert.ok(!pair.client.sa!.ended);
      pair.advance(SECOND);
      assert.equal(pair.client.last('ended').reason, 'peer is dead');
    }
  });

  test('moves no gateway', () => {
    const pair = connectedPair();
    const before = pair.gateway.sent.length;
    pair.deliverTo(pair.gateway, invalidCookie(pair));
    assert.deepEqual(pair.gateway.drops, ['ike_not_encrypted']);
    assert.equal(pair.gateway.sent.length, before);
  });
});

test('a quick mode is answered the way that it came, before the peer has proven that it moved there', () => {
  const pair = connectedPair();
  const elsewhere: IkePath = { ...NAT_T, local: { ...CLIENT, port: 40_000 } };
  pair.onWay = ({ from, message }) => {
    if (from === 'gateway' && message[18] === ExchangeType.QUICK_MODE) pair.deliverTo(pair.client, message, elsewhere);
    return from === 'client' ? message[18] !== ExchangeType.QUICK_MODE : false;
  };
  pair.gateway.sa!.beginQuickMode(quickModeIntent(), pair.now);
  pair.drain();
  pair.run();
  assert.deepEqual(pair.client.sent.at(-1)!.path, elsewhere);
  assert.equal(pair.client.sa!.path.carrier, 'udp');
  pair.advance(3 * SECOND);
  assert.deepEqual(pair.client.sent.at(-1)!.path, elsewhere);
});

describe('signatures', () => {
  const METHODS = [
    ['rsa', Authentication.RSA_SIG, 20],
    ['ecdsa256', Authentication.ECDSA_256, 32],
    ['ecdsa384', Authentication.ECDSA_384, 48],
    ['ecdsa521', Authentication.ECDSA_521, 64],
  ] as const;

  /** No cryptography: a signature is what it is over, so that its length shows. */
  function signers(agreed: SignatureKind, peers: SignatureKind = agreed) {
    const signed: number[] = [];
    const subject = new Uint8Array(4);
    const certificate = (kind: SignatureKind): OwnCertificate => ({
      kind,
      chain: [subject],
      subject,
      sign: (hash) => {
        signed.push(hash.length);
        return hash;
      },
    });
    const verifier = (kind: SignatureKind): CertificateVerifier => ({
      authorities: [],
      verify: () => ({
        subject,
        names: ['labgroup', '203.0.113.1'],
        kind,
        verifies: (hash, signature) => bytesEqual(hash, signature),
      }),
    });
    return {
      signed,
      client: { certificate: certificate(agreed), verifier: verifier(peers) },
      gateway: { certificate: certificate(agreed), verifier: verifier(agreed) },
    };
  }

  for (const mode of MODES) {
    test(`are over a hash that belongs to the key, in ${mode} mode`, () => {
      for (const [kind, authentication, length] of METHODS) {
        const { signed, client, gateway } = signers(kind);
        const suites = [{ ...SUITE, hash: 'sha1', authentication }] as const;
        const pair = establishedPair({
          mode,
          suites,
          client,
          gateway: { ...gateway, authentications: [authentication] },
        });
        assert.deepEqual(signed, [length, length], kind);
        assert.ok(keysMatch(quickMode(pair, 'client')));
      }
    });

    test(`of a gateway that renews phase 1 itself are its own alone (hybrid), in ${mode} mode`, () => {
      const { signed, client, gateway } = signers('rsa');
      const suites = [{ ...SUITE, authentication: Authentication.HYBRID_RESP_RSA }];
      const authentications = [begunByGateway(Authentication.HYBRID_INIT_RSA)];
      const asks = { side: 'gateway', certificate: gateway.certificate } as const;
      const answers = { side: 'client', verifier: client.verifier, authentications } as const;
      const pair = establishedPair({ mode, suites, client: asks, gateway: answers });
      assert.deepEqual(signed, [32]);
      assert.ok(keysMatch(quickMode(pair, 'client')));
      const unsigned = new Pair({ mode, suites, client: { side: 'gateway' }, gateway: answers }).run();
      assert.ok(!unsigned.gateway.has('established'));
    });

    test(`of hybrid are by whichever key the gateway has, in ${mode} mode`, () => {
      const { signed, client, gateway } = signers('ecdsa256');
      const authentications = [Authentication.HYBRID_INIT_RSA];
      const suites = [{ ...SUITE, authentication: Authentication.HYBRID_INIT_RSA }];
      const pair = establishedPair({
        mode,
        suites,
        client: { verifier: client.verifier },
        gateway: { certificate: gateway.certificate, authentications },
      });
      assert.deepEqual(signed, [32]);
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });

    test(`by another key than the one agreed on are refused in words, in ${mode} mode`, () => {
      const { client, gateway } = signers('ecdsa256', 'rsa');
      const suites = [{ ...SUITE, authentication: Authentication.ECDSA_256 }];
      const authentications = [Authentication.ECDSA_256];
      const pair = new Pair({ mode, suites, client, gateway: { ...gateway, authentications } }).run();
      assert.match(pair.client.last('failed').reason, /key for rsa, but ecdsa256 was agreed on/);
      assert.ok(!pair.client.has('established'));
    });

    test(`that the peer leaves unanswered are no matter of secrets, in ${mode} mode`, () => {
      const { client, gateway } = signers('rsa');
      const suites = [{ ...SUITE, authentication: Authentication.RSA_SIG }];
      const authentications = [Authentication.RSA_SIG];
      const pair = new Pair({ mode, suites, client, gateway: { ...gateway, authentications } });
      // the last message, with the proof that is waited for, never comes
      let left = mode === 'main' ? 5 : 2;
      pair.onWay = () => left-- > 0;
      pair.run();
      const waiting = mode === 'main' ? pair.client : pair.gateway;
      const header = {
        initiatorCookie: pair.client.sa!.initiatorCookie,
        responderCookie: pair.gateway.sa!.responderCookie,
        nextPayload: PayloadType.HASH,
        version: IKEV1_VERSION,
        exchangeType: ExchangeType.INFORMATIONAL,
        flags: Flag.ENCRYPTION,
        messageId: 7,
      };
      pair.deliverTo(waiting, encodeMessage(header, new Uint8Array(32)));
      assert.match(waiting.last('failed').reason, /can't be read before phase 1 is done; .*our certificate/);
      pair.advance(MINUTE);
      assert.match(waiting.last('ended').detail, /our certificate.* blocked on the way/);
      assert.ok(!waiting.events.some((event) => 'reason' in event && event.reason.includes('secret')));
    });

    test(`that our certificate can no more make end the negotiation, in ${mode} mode`, () => {
      const { client, gateway } = signers('rsa');
      const suites = [{ ...SUITE, authentication: Authentication.RSA_SIG }];
      const reloaded = { ...gateway, certificate: signers('ecdsa256').gateway.certificate };
      const authentications = [Authentication.RSA_SIG];
      const pair = new Pair({ mode, suites, client, gateway: { ...reloaded, authentications } }).run();
      assert.deepEqual(pair.gateway.drops, ['ike_malformed']);
    });
  }
});
