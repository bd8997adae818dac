/** A certificate that the other side doesn't take. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8 } from '../../../../src/core/bytes/text.ts';
import { NO_KEYS } from '../../../../src/core/diagnosis/keys.ts';
import { MAX_WORDS } from '../../../../src/core/diagnosis/payload-facts.ts';
import type { CertificateFacts } from '../../../../src/core/diagnosis/reading.ts';
import { MAX_SHOWN_NAMES } from '../../../../src/core/diagnosis/rules/certificates.ts';
import { encodeId, IdType, NotifyType } from '../../../../src/core/wire/ikev1.ts';
import { ExchangeType, PayloadType } from '../../../../src/core/wire/isakmp.ts';
import { INFORMATIONAL, ike, ke, nonce, notification, REPLY, Stage, sa, sealed } from '../stage.ts';

const DAY = 86_400_000;
const NOW = new Stage().now;
const RIGHT: CertificateFacts = {
  subject: 'CN=vpn.example',
  issuer: 'CN=An authority',
  isSelfIssued: false,
  notBefore: NOW - DAY,
  notAfter: NOW + DAY,
  names: ['vpn.example'],
  purposes: ['1.3.6.1.5.5.7.3.1'],
};

const AGGRESSIVE = { exchange: ExchangeType.AGGRESSIVE };
const RSA = sa({ authentication: 3 });
const X509 = Uint8Array.of(4, 0x30);

/** Aggressive mode with signatures: the gateway's certificate is in clear, in message 2. */
function shown(facts: Partial<CertificateFacts>, calls = 'vpn.example'): Stage {
  const id = encodeId({ type: IdType.FQDN, protocol: 0, port: 0, data: utf8(calls) });
  return new Stage({ keys: NO_KEYS, certificate: () => ({ ...RIGHT, ...facts }) })
    .up(ike([RSA, ke(), nonce()], AGGRESSIVE))
    .down(ike([RSA, ke(256, 2), nonce(4), id, { type: PayloadType.CERT, body: X509 }], { ...REPLY, ...AGGRESSIVE }));
}

const refusal = (type: number) => ike([notification(type)], INFORMATIONAL);
const REFUSED = refusal(NotifyType.INVALID_CERTIFICATE);
const proof = sealed(256, 5, { ...REPLY, ...AGGRESSIVE });
const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 77 };

/** The client takes it, and the tunnel stands. */
function taken(stage: Stage): Stage {
  return stage
    .up(proof)
    .up(sealed(160, 7, quick))
    .down(sealed(160, 8, quick))
    .up(sealed(48, 9, quick))
    .silence(20_000);
}

const CASES: readonly (readonly [rule: string, facts: Partial<CertificateFacts>, calls: string, why: RegExp])[] = [
  ['certificate-expired', { notAfter: NOW - DAY }, 'vpn.example', /expired on 2023-11-13/],
  ['certificate-expired', { notBefore: NOW + DAY }, 'vpn.example', /isn't valid before 2023-11-15/],
  ['certificate-purpose', { purposes: ['1.3.6.1.5.5.7.3.2'] }, 'vpn.example', /serverAuth/],
  ['certificate-name', {}, 'gateway.example', /for vpn.example, and not for gateway.example/],
  ['certificate-untrusted', {}, 'vpn.example', /issuer: CN=An authority/],
];

for (const [rule, facts, calls, why] of CASES)
  describe(`${rule}: ${why.source}`, () => {
    test('the client refuses it', () => {
      const stage = shown(facts, calls).up(REFUSED);
      assert.equal(stage.troubles[0], `${rule} cause`);
      assert.deepEqual(stage.evidenceOf(rule), [2, 3]);
      assert.match(stage.diagnosis.findings[0]!.cause, why);
    });

    test('or says nothing more', () => {
      const stage = shown(facts, calls).silence(9000);
      assert.equal(stage.troubles[0], `${rule} cause`);
      assert.deepEqual(stage.evidenceOf(rule), [2, 0]);
    });

    test('near misses: it takes it all the same; it objects to something else; the capture ends at once', () => {
      const none = (stage: Stage) =>
        assert.ok(!stage.found.some((line) => line.startsWith('certificate')), `${stage.found}`);
      none(taken(shown(facts, calls)));
      if (rule === 'certificate-name' || rule === 'certificate-untrusted') none(shown(facts, calls).silence(1000));
      none(shown(facts, calls).up(refusal(NotifyType.NO_PROPOSAL_CHOSEN)));
    });
  });

describe('certificates that are right', () => {
  test('a purpose of old, none at all, and a name in capitals are no faults', () => {
    for (const facts of [{ purposes: ['1.3.6.1.5.5.8.2.2'] }, { purposes: undefined }, { names: ['VPN.Example'] }])
      assert.equal(shown(facts).up(REFUSED).troubles[0], 'certificate-untrusted cause');
  });

  test('a person who hangs up later, or a capture that ends at once, tell nothing', () => {
    assert.deepEqual(shown({}).silence(1000).troubles, []);
    const later = shown({})
      .up(proof)
      .wait(3000)
      .up(sealed(64, 90, INFORMATIONAL));
    assert.ok(!later.found.some((line) => line.startsWith('certificate')));
  });
});

test('names of one that has very many', () => {
  const names = Array.from({ length: MAX_SHOWN_NAMES + 3 }, (_, i) => `${i}${'x'.repeat(1000)}.Example`);
  const { findings } = shown({ names }, 'gateway.example').up(REFUSED).diagnosis;
  const { cause = '' } = findings.find(({ rule }) => rule === 'certificate-name') ?? {};
  assert.match(cause, /^The client does not take .* is for 0x+, 1x+, .*x and 3 more, and not for gateway\.example\.$/);
  assert.ok(cause.length < (MAX_SHOWN_NAMES + 2) * MAX_WORDS);
});
