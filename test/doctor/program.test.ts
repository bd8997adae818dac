/** sallyport doctor FILE: text, JSON, and the exit status for each way that it can end. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Bytes, concat } from '../../src/core/bytes/bytes.ts';
import { type Finished, run } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';
import { ethernet, ike, ip4, pcapFile, udp } from './capture/files.ts';

const root = join(import.meta.dirname, '../..');
const folder = scratch('doctor');
const first = ethernet(ip4(17, udp(500, 500, ike())));
const arp = new Uint8Array(60);

/** A first message sent four times within a quarter of a minute. */
const UNANSWERED = pcapFile(
  [0, 2, 6, 14].map((second) => ({ bytes: first, units: BigInt(1_795_250_000 + second) * 1_000_000n })),
);

function doctor(file: Bytes, ...options: string[]): Promise<Finished> {
  const path = join(folder, 'a.pcap');
  writeFileSync(path, file);
  return run([join(root, 'bin/sallyport'), 'doctor', path, ...options]);
}

test('a cause: said first, with the packets, what to change, and status 3', async () => {
  const { status, stdout } = await doctor(UNANSWERED);
  assert.equal(status, 3);
  assert.match(stdout, /^Nothing at all comes back from 198\.51\.100\.9:500/);
  assert.match(stdout, /^ +#1 first message/m);
  assert.match(stdout, /^ {2}On the firewall: /m);
  assert.match(stdout, /a\.pcap:\n {2}pcap, 4 packets from 2026-11-21 08:33:20 to 2026-11-21 08:33:34 UTC\n/);
});

test('the same as JSON, from standard input and compressed', async () => {
  const path = join(folder, 'b.pcap.gz');
  writeFileSync(path, gzipSync(UNANSWERED));
  const { status, stdout } = await run([
    'sh',
    '-c',
    'exec "$0" doctor - --json <"$1"',
    join(root, 'bin/sallyport'),
    path,
  ]);
  assert.equal(status, 3);
  const report = JSON.parse(stdout);
  assert.equal(report.healthy, false);
  assert.equal(report.findings[0].severity, 'cause');
  assert.equal(report.verdict, report.findings[0].cause);
  assert.deepEqual(
    report.conversations[0].negotiations[0].messages.map((message: { repeats: unknown }) => message.repeats),
    [null, 1, 1, 1],
  );
  assert.deepEqual([report.capture.file, report.capture.packets, report.capture.problem], ['standard input', 4, null]);
});

test('as a page, beside the text, for who asked alone', async () => {
  const page = join(folder, 'report.html');
  const { status, stdout } = await doctor(UNANSWERED, '--html', page);
  assert.deepEqual([status, stdout.startsWith('Nothing at all comes back')], [3, true]);
  const html = readFileSync(page, 'utf8');
  assert.match(html, /<h1>Nothing at all comes back/);
  assert.match(html, /<ol class="ladder"><li [^>]*id="p1"/);
  assert.equal(statSync(page).mode & 0o777, 0o600);
  const nowhere = await doctor(UNANSWERED, '--html', join(folder, 'no', 'report.html'));
  assert.deepEqual([nowhere.status, nowhere.stdout], [1, '']);
  assert.match(nowhere.stderr, /^sallyport: can't write .+: no such file or folder\n$/);
});

test('nothing of IPsec: said, and status 0', async () => {
  const { status, stdout } = await doctor(pcapFile([{ bytes: arp }]));
  assert.equal(status, 0);
  assert.match(stdout, /^There is nothing of IPsec in it\.\n/);
});

test('a damaged capture: the cause counts if there is one, else status 1; the offset is told either way', async () => {
  const lie = new Uint8Array(16).fill(0xff);
  const cause = await doctor(concat(UNANSWERED, lie));
  assert.equal(cause.status, 3);
  assert.match(
    cause.stdout,
    new RegExp(`not read to its end: at offset ${UNANSWERED.length}, a packet of 4294967295 bytes`),
  );
  const nothing = await doctor(concat(pcapFile([{ bytes: arp }]), lie));
  assert.equal(nothing.status, 1);
});

test('what is no capture, no file or no argument: one line, and its status', async () => {
  const noCapture = await doctor(new TextEncoder().encode('Nov 21 charon: 07[IKE] received NO_PROPOSAL_CHOSEN'));
  assert.deepEqual([noCapture.status, noCapture.stdout], [1, '']);
  assert.match(noCapture.stderr, /^sallyport: a\.pcap: it is no capture: neither pcap nor pcapng, plain or by gzip\n$/);
  for (const args of [['nowhere.pcap'], [], [join(folder, 'a.pcap'), 'b'], ['--what']]) {
    const { status, stderr } = await run([join(root, 'bin/sallyport'), 'doctor', ...args]);
    assert.equal(status, 2);
    assert.match(stderr, /^sallyport: .+\n$/);
  }
  const { status, stderr } = await run([join(root, 'bin/sallyport'), 'doctor', folder]);
  assert.deepEqual([status, stderr.includes('unexpected error')], [1, false]);
});

test('each key of the report is in docs/doctor.md', async () => {
  const { stdout } = await doctor(UNANSWERED, '--json');
  const text = readFileSync(join(root, 'docs/doctor.md'), 'utf8');
  for (const key of new Set(stdout.match(/(?<=^ +")\w+(?=":)/gm))) assert.ok(text.includes(`\`${key}\``), key);
});
