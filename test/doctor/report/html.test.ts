import assert from 'node:assert/strict';
import { test } from 'node:test';
import { htmlOf } from '../../../src/doctor/report/html.ts';
import { FULL_PAGE, HEALTHY_PAGE, hostPage, PROFILE_PAGE } from './pages.ts';

const page = htmlOf(FULL_PAGE);

test('text stays text, whoever wrote it', () => {
  for (const tag of ['<script', '<img', '<iframe', 'onerror=alert(1)>\u202e', '\u0007'])
    assert.ok(!page.includes(tag), tag);
  assert.match(page, /&lt;script&gt;document\.title=&#39;owned&#39;/);
});

test('it asks nothing from elsewhere', () => {
  const markup = page.replaceAll(/&lt;.*?&gt;/g, '');
  assert.doesNotMatch(markup, /(src|href)="(?!#)/);
  assert.doesNotMatch(markup, /url\(|@import/);
});

test('evidence leads to its packet where that is drawn, and the packet back to its finding', () => {
  assert.match(page, /<li><a href="#p5">#5<\/a> main mode&#39;s message 5<\/li>/);
  assert.match(page, /<li><b>#99<\/b> of another negotiation<\/li>/);
  assert.match(page, /id="p5">.*<a class="flag" href="#f1">1<\/a>/);
  assert.match(page, /<li class="step to-right repeat note" id="p4">/);
});

test('lines to change stand as they are', () => {
  assert.match(page, /<pre>groups:\n {2}staff:\n {4}psk_file: /);
});

test('a healthy one says so, and has nothing else', () => {
  const healthy = htmlOf(HEALTHY_PAGE);
  assert.match(healthy, /<header class="healthy">.*<h1>Healthy<\/h1>/s);
  assert.doesNotMatch(healthy, /<section|<article/);
});

test("a host's page: what was asked and answered, and each port's packets with what they are evidence of", async () => {
  const report = await hostPage();
  const html = htmlOf(report);
  assert.match(html, /<th scope="row">UDP 500<\/th><td class="well">answers \(IKEv1 main mode, IKEv2\)/);
  assert.match(html, /<th scope="row">UDP 4500<\/th><td class="ill">is silent/);
  assert.match(report.verdict, /^192\.0\.2\.1: UDP 500 answers and UDP 4500 is silent/);
  assert.deepEqual(
    report.ladders.map(({ right }) => right),
    ['192.0.2.1 udp/500', '192.0.2.1 udp/4500', '192.0.2.1 tcp/10000', '192.0.2.1 tcp/4500'],
  );
  // every number that a finding names is drawn
  assert.doesNotMatch(html, /<b>#\d+<\/b>/);
});

test("a profile's page: each gateway's carriers and openings, the gravest finding first", () => {
  const html = htmlOf(PROFILE_PAGE);
  assert.match(html, /<header class="ill">/);
  assert.match(html, /<h2>Carriers to vpn\.example\.com \(192\.0\.2\.1\)<\/h2>/);
  assert.match(html, /<th scope="row">UDP 500<\/th><td class="ill">blocked outward, on this machine/);
  const [first] = PROFILE_PAGE.findings;
  assert.deepEqual([first!.rule, first!.severity], ['ppp-refused', 'cause']);
});
