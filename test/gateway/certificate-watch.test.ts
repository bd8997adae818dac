/** When the end of the gateway's certificate is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CertificateWatch, expiryWarning } from '../../src/gateway/certificate-watch.ts';
import type { OpenedCertificate } from '../../src/host/pki/own-certificate.ts';

const DAY = 86_400_000;
const now = Date.parse('2026-01-01T00:00:00Z');
const after = (days: number) => expiryWarning(new Date(now + days * DAY), now);

describe("the end of the gateway's certificate", () => {
  it('is told from a month before', () => {
    assert.equal(after(30), undefined);
    assert.match(after(29.9)!, /expires on 2026-01-30, in 29 days; put another in place and reload/);
    assert.match(after(1)!, /in 1 day;/);
    assert.match(after(0.5)!, /in 0 days;/);
    assert.match(after(-0.5)!, /expired on 2025-12-31: clients refuse it/);
  });

  it('is told each day, for the certificate that is in use', (test) => {
    test.mock.timers.enable({ apis: ['setInterval', 'Date'], now });
    const said: string[] = [];
    const watch = new CertificateWatch({ warn: (text: string) => said.push(text) } as never);
    test.after(() => watch.close());
    const certificate = (days: number) =>
      ({ notAfter: new Date(now + days * DAY), warnings: [] }) as unknown as OpenedCertificate;
    watch.watch(certificate(31.5));
    assert.equal(said.length, 0);
    test.mock.timers.tick(DAY);
    assert.equal(said.length, 0);
    test.mock.timers.tick(DAY);
    assert.deepEqual(
      said.map((text) => /in \d+ days/.exec(text)?.[0]),
      ['in 29 days'],
    );
    test.mock.timers.tick(DAY);
    assert.equal(said.length, 2);
    watch.watch(certificate(365));
    test.mock.timers.tick(5 * DAY);
    watch.watch(undefined);
    test.mock.timers.tick(5 * DAY);
    assert.equal(said.length, 2);
  });
});
