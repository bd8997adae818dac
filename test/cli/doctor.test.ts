/** What the argument of `sallyport doctor` is taken for. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { discard, scratch } from '../lab/scratch.ts';
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

  it('a folder is no capture', async () => {
    const { status, stderr } = await run(['doctor', import.meta.dirname]);
    assert.equal(status, 1);
    assert.match(stderr, /^sallyport: can't read .*: it is a folder$/m);
  });

  it('an option that is for something else', async () => {
    for (const [what, option] of [
      ['127.0.0.77', '--carrier=esp'],
      ['127.0.0.77', '--keylog=/tmp'],
      ['-', '--watch'],
      ['809', '--html=page.html'],
      ['work.pcf', '--keylog=/tmp'],
    ] as const) {
      const { status, stdout, stderr } = await run(['doctor', what, option]);
      assert.deepEqual([status, stdout], [2, ''], `${what} ${option}`);
      assert.match(
        stderr,
        new RegExp(`^sallyport: ${option.split('=')[0]} does not go with an? [a-z ]+; 'sallyport help`),
      );
    }
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

  it('the same as a page, which only who asked may read', async () => {
    const folder = scratch('doctor');
    const file = join(folder, 'host.html');
    try {
      const { status, stdout, stderr } = await run(['doctor', '127.0.0.77', '--html', file]);
      assert.equal(status, 3, stderr);
      const [verdict = ''] = stdout.split('\n');
      assert.ok(readFileSync(file, 'utf8').includes(`<h1>${verdict.replaceAll("'", '&#39;')}</h1>`), stdout);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    } finally {
      discard(folder);
    }
  });
});
