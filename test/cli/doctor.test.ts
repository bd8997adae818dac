/** What the argument of `sallyport doctor` is taken for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from './cli.ts';

describe('sallyport doctor', () => {
  it('a name that nobody knows', async () => {
    const { status, stderr } = await run(['doctor', 'nobody.invalid']);
    assert.equal(status, 1);
    assert.match(stderr, /^sallyport: nobody\.invalid: (nobody knows this name|the name servers don't answer)/);
  });

  it('a path that is not there is no host', async () => {
    const { status, stderr } = await run(['doctor', './missing.pcap']);
    assert.equal(status, 2);
    assert.match(stderr, /no file and no profile/);
  });

  it('a host of this machine where nobody listens: the cause, and exit status 3', async () => {
    const { status, stdout, stderr } = await run(['doctor', '127.0.0.77', '--json']);
    const report = JSON.parse(stdout) as { healthy: boolean; gateway: unknown; findings: { rule: string }[] };
    assert.deepEqual(
      [report.healthy, report.gateway, report.findings[0]!.rule],
      [false, null, 'icmp-unreachable'],
      stdout,
    );
    assert.deepEqual([status, stderr], [3, '']);
  });
});
