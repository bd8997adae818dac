/** A gateway's certificate must name whom we meant to dial. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onlyFor } from '../../src/client/gateway-verifier.ts';
import type { CertificateVerifier, VerifiedCertificate } from '../../src/core/crypto/certificates.ts';

function verifies(names: readonly string[], ...identities: readonly string[]) {
  const certificate: VerifiedCertificate = { subject: Uint8Array.of(), names, kind: 'rsa', verifies: () => true };
  const verifier: CertificateVerifier = { authorities: [], verify: () => certificate };
  const result = onlyFor(identities, verifier).verify([], 'gateway');
  return 'refused' in result ? result.refused : result === certificate;
}

describe('the certificate of a gateway', () => {
  it('names the one that is dialled, or what the profile says', () => {
    assert.equal(verifies(['gate.example', '192.0.2.1'], '192.0.2.1'), true);
    assert.equal(verifies(['gate.example'], 'other.example', 'gate.example'), true);
  });

  it('names it whatever the writing', () => {
    assert.equal(verifies(['Gate.Example'], 'gate.example.'), true);
    assert.equal(verifies(['2001:db8::1'], '2001:DB8:0::1'), true);
  });

  it("is refused when it is another's, which a part of a name is too", () => {
    const refused = 'its certificate is for gate.example and not for 192.0.2.1; see gateway_id';
    assert.equal(verifies(['gate.example'], '192.0.2.1'), refused);
    for (const name of ['evil-gate.example', 'gate.example.evil', 'example', '*.example']) {
      assert.match(String(verifies([name], 'gate.example')), /^its certificate is for/, name);
    }
    assert.match(String(verifies(['a\u001bb'], 'gate.example')), /is for a\\u001bb and not/);
    assert.match(String(verifies([], 'gate.example')), /is for nobody and not/);
  });

  it('is refused first for what the authorities say', () => {
    const verifier: CertificateVerifier = { authorities: [], verify: () => ({ refused: 'it is revoked' }) };
    assert.deepEqual(onlyFor(['gate.example'], verifier).verify([], 'gateway'), { refused: 'it is revoked' });
  });
});
