/** Phase 1, initiator against responder: both modes, all algorithms, NAT, silence and refusal. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesEqual } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { DH_GROUPS, type DhGroup, type HashName } from '../../../src/core/crypto/algorithms.ts';
import { type Phase1Suite, phase1SuiteName } from '../../../src/core/ikev1/phase1-proposal.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { Authentication } from '../../../src/core/wire/ikev1.ts';
import { Flag } from '../../../src/core/wire/isakmp.ts';
import { credentialOf, establishedPair, keysMatch, Pair, PSK, quickMode, SUITE } from './pair.ts';

const MODES = ['main', 'aggressive'] as const;
const GROUPS = Object.keys(DH_GROUPS).map(Number) as DhGroup[];
const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
const CIPHERS = [
  { cipher: '3des-cbc', keyBits: 192 },
  { cipher: 'aes-cbc', keyBits: 128 },
  { cipher: 'aes-cbc', keyBits: 192 },
  { cipher: 'aes-cbc', keyBits: 256 },
] as const;

for (const mode of MODES) {
  describe(`${mode} mode`, () => {
    test('every cipher with every hash', () => {
      for (const cipher of CIPHERS) for (const hash of HASHES) checkPhase1({ ...SUITE, ...cipher, hash }, 'cheap');
    });

    for (const group of GROUPS) {
      test(`${DH_GROUPS[group].name}, with true Diffie-Hellman`, () => checkPhase1({ ...SUITE, group }, 'true'));
    }

    function checkPhase1(suite: Phase1Suite, dh: 'cheap' | 'true'): void {
      const pair = establishedPair({ mode, suites: [suite], dh });
      const name = phase1SuiteName(suite);
      for (const end of [pair.client, pair.gateway]) assert.equal(phase1SuiteName(end.last('established').suite), name);
      assert.ok(bytesEqual(pair.client.sa!.cipherKey!, pair.gateway.sa!.cipherKey!), name);
      assert.deepEqual([pair.client.drops, pair.gateway.drops], [[], []]);
      assert.ok(keysMatch(quickMode(pair, 'client')), name);
    }

    test('the identity that the gateway learns is the one the client gave', () => {
      const { gateway } = establishedPair({ mode });
      assert.deepEqual(gateway.last('established').peerIdentity.data, utf8('labgroup'));
      assert.equal(gateway.last('established').credential.subject, 'subject');
    });

    test('each of the messages may be lost once, twice, three times', () => {
      for (let lost = 1; lost <= 3; lost++) {
        for (let index = 0; index < (mode === 'main' ? 6 : 3); index++) {
          const pair = new Pair({ mode });
          const seen = new Map<string, number>();
          pair.onWay = ({ message }) => {
            const key = Buffer.from(message).toString('hex');
            if (!seen.has(key)) seen.set(key, seen.size === index ? lost : 0);
            const left = seen.get(key)!;
            seen.set(key, left - 1);
            return left <= 0;
          };
          pair.advance(29 * SECOND);
          assert.ok(pair.gateway.sa?.established && pair.client.sa?.established, `message ${index + 1}, ${lost} times`);
        }
      }
    });

    test('an initiator without an answer sends five times, doubling its wait up to 16 s, and ends', () => {
      const pair = new Pair({ mode });
      const begin = pair.now;
      const at: number[] = [];
      pair.onWay = () => at.push(pair.now - begin) === 0;
      pair.advance(5 * MINUTE);
      assert.deepEqual(at, [0, 2000, 6000, 14_000, 30_000]);
      const { reason, detail } = pair.client.last('ended');
      assert.equal(reason, 'timeout');
      assert.match(detail, /UDP 500 is blocked/);
      assert.equal(pair.nextTimeout(), undefined);
    });

    test('a responder answers repeats from its cache, up to a bound, and sends nothing by itself', () => {
      const pair = new Pair({ mode });
      const [first] = pair.wire;
      pair.onWay = ({ from }) => from === 'client';
      pair.run();
      for (let i = 0; i < 50; i++) pair.deliver(first!);
      assert.equal(pair.gateway.sent.length, 1 + 8);
      for (const { message } of pair.gateway.sent) assert.deepEqual(message, pair.gateway.sent[0]!.message);
      const sent = pair.gateway.sent.length;
      pair.client.sa!.close('test');
      pair.advance(5 * MINUTE);
      assert.equal(pair.gateway.sent.length, sent, 'nobody asked');
      assert.equal(pair.gateway.last('ended').reason, 'timeout');
      assert.equal(pair.nextTimeout(), undefined);
    });

    test('the last message is answered again until the client has shown that it has the answer', () => {
      const pair = establishedPair({ mode });
      const last = pair.record.findLast(({ from }) => from === 'client')!;
      const before = pair.gateway.sent.length;
      pair.deliver(last);
      const answers = mode === 'main' ? 1 : 0;
      assert.equal(pair.gateway.sent.length, before + answers);
      pair.run();
      quickMode(pair, 'client');
      const after = pair.gateway.sent.length;
      pair.deliver(last);
      assert.equal(pair.gateway.sent.length, after);
      assert.equal(pair.gateway.drops.at(-1), 'ike_unexpected_exchange');
    });

    test('NAT before the client is found, and everything floats to port 4500', () => {
      const nat = { address: parseIp('198.51.100.9')!, port: 31_007 };
      const pair = establishedPair({ mode, nat: ({ port }) => ({ ...nat, port: nat.port + port }) });
      assert.deepEqual(pair.gateway.last('established').nat, { remote: true, local: false });
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: true });
      assert.equal(pair.gateway.sa!.path.carrier, 'nat-t');
      assert.equal(pair.gateway.sa!.path.remote.port, nat.port + 4500);
      assert.equal(pair.client.sa!.path.remote.port, 4500);
      assert.ok(keysMatch(quickMode(pair, 'client')));
      assert.ok(keysMatch(quickMode(pair, 'gateway')));
    });

    test('a repeat that comes by the port that was left is answered from port 4500', () => {
      const nat = { address: parseIp('198.51.100.9')!, port: 31_007 };
      const pair = new Pair({ mode, nat: ({ port }) => ({ ...nat, port: nat.port + port }) });
      const isProof = ({ message }: { readonly message: Uint8Array }) => (message[19]! & Flag.ENCRYPTION) !== 0;
      pair.onWay = (letter) => !isProof(letter);
      pair.run();
      pair.deliver(pair.record.findLast(({ from }) => from === 'gateway')!);
      const proofs = pair.client.sent.filter(isProof);
      assert.deepEqual(
        proofs.map(({ path }) => path.carrier),
        ['nat-t', 'nat-t'],
      );
      pair.onWay = ({ from, message }) => {
        if (from === 'gateway') pair.deliverTo(pair.client, message, pair.pathTo('client'));
        return from === 'client';
      };
      pair.run();
      assert.equal(pair.gateway.sa!.path.carrier, 'nat-t');
      assert.equal(pair.client.sa!.path.carrier, 'nat-t');
      assert.ok(pair.client.sa!.established);
    });

    test('without NAT nothing floats', () => {
      const pair = establishedPair({ mode });
      assert.deepEqual(pair.gateway.last('established').nat, { remote: false, local: false });
      assert.deepEqual(pair.client.last('established').nat, { remote: false, local: false });
      assert.equal(pair.client.sa!.path.remote.port, 500);
    });

    test('NAT traversal that one side does not do is not done', () => {
      const nat = () => ({ address: parseIp('198.51.100.9')!, port: 31_007 });
      for (const side of ['client', 'gateway'] as const) {
        const pair = establishedPair({ mode, nat, [side]: { natTraversal: false } });
        assert.equal(pair.gateway.sa!.path.carrier, 'udp');
        assert.deepEqual(pair.gateway.last('established').nat, { remote: false, local: false });
      }
    });

    test('the shorter of both lifetimes counts, and a rekey is due before it ends', () => {
      for (const [ours, theirs] of [
        [3600, 28_800],
        [28_800, 3600],
      ] as const) {
        const pair = establishedPair({ mode, lifetime: theirs, gateway: { phase1Lifetime: ours } });
        pair.advance(0.89 * 3600 * SECOND);
        assert.ok(!pair.gateway.has('rekey-due'));
        pair.advance(0.02 * 3600 * SECOND);
        assert.ok(pair.gateway.has('rekey-due'));
        assert.ok(!pair.gateway.sa!.ended);
        pair.advance(0.09 * 3600 * SECOND);
        assert.equal(pair.gateway.last('ended').reason, 'lifetime');
      }
    });

    test('an offer that is refused is answered once, told once, and ends there', () => {
      const pair = new Pair({ mode, gateway: { legacy: false }, suites: [{ ...SUITE, hash: 'md5' }] });
      const [first] = pair.wire;
      pair.run();
      assert.equal(pair.gateway.last('ended').reason, 'refused');
      assert.match(pair.gateway.last('ended').detail, /legacy: true/);
      assert.match(pair.client.last('failed').reason, /NO_PROPOSAL_CHOSEN/);
      assert.ok(!pair.client.sa!.ended, 'an unprotected notification proves nothing');
      pair.deliver(first!);
      assert.equal(pair.gateway.sent.length, 1);
      assert.deepEqual(pair.gateway.drops, ['ike_late']);
    });

    test('a policy that serves no XAUTH refuses it, and says what it serves', () => {
      const pair = new Pair({ mode, gateway: { authentications: [Authentication.PSK] } }).run();
      assert.match(pair.gateway.last('ended').detail, /authenticates by psk; set the client to that/);
    });

    test('what legacy alone lets in is told', () => {
      const suites = [{ ...SUITE, ...CIPHERS[0], hash: 'md5', group: 2 }] as const;
      const told = establishedPair({ mode, suites }).gateway.all('legacy-used');
      assert.deepEqual(
        told.map(({ what }) => what),
        ['3des in phase 1', 'md5 in phase 1', 'modp1024 in phase 1'],
      );
      assert.ok(!establishedPair({ mode }).gateway.has('legacy-used'));
    });
  });
}

describe('a wrong secret', () => {
  const clientPsk = utf8('not the secret');

  test('in main mode shows at message 5, and the gateway says so and waits for the true client', () => {
    const pair = new Pair({ clientPsk }).run();
    assert.match(pair.gateway.last('failed').reason, /pre-shared key is wrong/);
    assert.equal(pair.gateway.sent.length, 2, 'no word to the client of which it was');
    pair.advance(MINUTE);
    assert.equal(pair.gateway.last('ended').reason, 'timeout');
    assert.equal(pair.client.last('ended').reason, 'timeout');
    assert.match(pair.client.last('ended').detail, /pre-shared keys differ/);
    assert.ok(!pair.gateway.has('established') && !pair.client.has('established'));
  });

  test('in aggressive mode shows to the client at message 2', () => {
    const pair = new Pair({ mode: 'aggressive', clientPsk }).run();
    assert.match(pair.client.last('failed').reason, /group secrets differ/);
    assert.ok(!pair.client.has('established'));
    pair.advance(MINUTE);
    assert.match(pair.gateway.last('ended').detail, /group secrets differ/);
  });

  test('an unknown group looks to the client exactly as a wrong secret does', () => {
    const unknown = { ...credentialOf(utf8('made up')), known: false, accepts: () => false };
    const pair = new Pair({ mode: 'aggressive', gateway: { credentials: () => [unknown] } }).run();
    const wrong = new Pair({ mode: 'aggressive', clientPsk }).run();
    assert.match(pair.gateway.last('failed').reason, /no group is named labgroup/);
    assert.deepEqual(
      pair.gateway.sent.map(({ message }) => message.length),
      wrong.gateway.sent.map(({ message }) => message.length),
    );
    assert.deepEqual(pair.client.last('failed'), wrong.client.last('failed'));
    // even who knows the made-up secret gets no further
    const insider = new Pair({
      mode: 'aggressive',
      clientPsk: utf8('made up'),
      gateway: { credentials: () => [{ ...unknown, psk: utf8('made up') }] },
    }).run();
    assert.ok(!insider.gateway.sa!.established, 'an unknown identity is never established');
  });

  test('several secrets are tried in main mode, and the one that fits names the peer', () => {
    const others = [utf8('one'), utf8('two')].map((psk) => ({ ...credentialOf(psk), subject: 'other' }));
    const pair = establishedPair({ gateway: { credentials: () => [...others, credentialOf(PSK)] } });
    assert.equal(pair.gateway.last('established').credential.subject, 'subject');
  });

  test('a secret that may not prove this identity is refused by name', () => {
    const pair = new Pair({ gateway: { credentials: () => [{ ...credentialOf(PSK), accepts: () => false }] } }).run();
    assert.match(pair.gateway.last('failed').reason, /labgroup isn't served with what it proved/);
    assert.ok(!pair.gateway.sa!.established);
  });
});

describe('messages out of their order', () => {
  test('a late repeat of message 1 or 3 is no wrong secret', () => {
    const pair = new Pair();
    const late: typeof pair.wire = [];
    pair.onWay = (letter) => {
      if (letter.from === 'client' && late.length < 2) late.push(letter);
      // message 5 is kept back
      return pair.record.filter(({ from }) => from === 'client').length < 3 || letter.from === 'gateway';
    };
    pair.run();
    pair.deliver(late[0]!);
    assert.deepEqual(pair.gateway.all('failed'), []);
    assert.deepEqual(pair.gateway.drops, ['ike_not_encrypted']);
    pair.onWay = () => true;
    pair.advance(10 * SECOND);
    assert.ok(pair.gateway.sa!.established);
    for (const letter of late) pair.deliver(letter);
    assert.deepEqual(pair.gateway.all('failed'), []);
  });

  test('main and aggressive mode do not mix under the same cookies', () => {
    const main = new Pair();
    const aggressive = new Pair({ mode: 'aggressive' });
    main.deliver(main.wire[0]!);
    main.deliver({ ...aggressive.wire[0]! });
    assert.deepEqual(main.gateway.drops, ['ike_unexpected_exchange']);
    assert.ok(main.run().gateway.sa!.established);
  });
});
