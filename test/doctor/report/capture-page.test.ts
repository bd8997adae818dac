/** A capture's report: healthy is said only of what was seen to work, and a page has no more ladders than anybody reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observer } from '../../../src/core/diagnosis/observer.ts';
import { capturePage, MAX_LADDERS } from '../../../src/doctor/report/capture-page.ts';
import { textOf } from '../../../src/doctor/report/text.ts';
import { ethernet, type Frame, ike, ip4, pcapFile, udp } from '../capture/files.ts';
import { readBytes } from '../capture/read.ts';
import { FULL_PAGE, HEALTHY_PAGE } from './pages.ts';

async function pageOf(frames: readonly Frame[]) {
  const { sightings, ...summary } = await readBytes(pcapFile(frames));
  const observer = new Observer();
  for (const sighting of sightings) observer.see(sighting);
  return capturePage('a.pcap', observer.finish(), summary);
}

function first(client: number): Frame {
  return { bytes: ethernet(ip4(17, udp(500, 500, ike(40, 0x10, client)), { source: `192.0.2.${client}` })) };
}

test('one message and no answer yet is neither healthy nor wrong', async () => {
  const page = await pageOf([first(1)]);
  assert.deepEqual([page.isHealthy, page.findings, page.ladders.length], [false, [], 1]);
  assert.match(page.verdict, /^No negotiation is there to its end/);
});

test('negotiations that a page has ladders of', async () => {
  const page = await pageOf(Array.from({ length: MAX_LADDERS + 5 }, (_, i) => first(i + 1)));
  assert.equal(page.ladders.length, MAX_LADDERS);
});

test('as text: the verdict, what shows it and what to change; further findings say what they are; no title over no facts', () => {
  const text = textOf(FULL_PAGE);
  assert.ok(text.startsWith(`${FULL_PAGE.verdict}\n   #5 main mode's message 5\n`));
  assert.match(text, /^ {2}On Sallyport: set the secret\n {6}groups:\n {6} {2}staff:\n/m);
  assert.match(text, /^Warning: 3DES was agreed\n {2}#2 3DES$/m);
  assert.match(text, /^Note: One message was sent twice$/m);
  assert.match(text, /^office\.pcapng:\n {2}1,204 packets\n/m);
  assert.equal(textOf(HEALTHY_PAGE), 'Healthy');
});

test('nothing that a packet says moves the cursor or turns the text around', () => {
  assert.doesNotMatch(textOf(FULL_PAGE).replaceAll('\n', ' '), /[\p{Cc}\p{Cf}]/u);
});
