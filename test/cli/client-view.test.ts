/** What `connect` shows: lines for people, a live line, events for programs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonView, LiveView, MAX_HELD_LINES, PlainView } from '../../src/cli/client-view.ts';
import { wordsOf } from '../../src/cli/client-words.ts';
import { liveText, ratesBetween } from '../../src/cli/live-line.ts';
import { statusText } from '../../src/cli/status.ts';
import type { ClientReport } from '../../src/client/report.ts';
import { firstStatus, statusAfter } from '../../src/client/status.ts';

const up = {
  type: 'up',
  carrier: 'nat-t',
  gateway: '192.0.2.1:4500',
  address: '10.77.0.2',
  dns: ['10.1.0.53'],
  domain: 'corp.example',
  routes: ['10.1.0.0/16'],
  phase1: 'aes128-sha256-modp2048',
  esp: 'aes128gcm16',
  tun: 'sp-work',
  blocked: [
    { carrier: 'esp', reason: 'no-answer', openings: ['IP protocol 50'] },
    { carrier: 'cisco-tcp', reason: 'not-offered', openings: [] },
  ],
} as const satisfies ClientReport;

const traffic = (bytesIn: number, bytesOut: number): ClientReport => ({
  type: 'traffic',
  bytesIn,
  bytesOut,
  packetsIn: 1,
  packetsOut: 1,
});

describe('the words of a report', () => {
  for (const [event, words] of [
    [{ type: 'trying', carrier: 'esp', gateway: 'vpn.example' }, 'trying esp to vpn.example'],
    [
      up,
      'connected by nat-t to 192.0.2.1:4500 as 10.77.0.2, 10.1.0.0/16 goes through it; blocked: esp (no answer: IP protocol 50), cisco-tcp (not offered)',
    ],
    [
      { ...up, blocked: [], routes: 'all' },
      'connected by nat-t to 192.0.2.1:4500 as 10.77.0.2, everything goes through it',
    ],
    [
      { ...up, blocked: [], routes: ['a', 'b', 'c', 'd', 'e'] },
      'connected by nat-t to 192.0.2.1:4500 as 10.77.0.2, a, b, c and 2 more go through it',
    ],
    [{ ...up, blocked: [], routes: [] }, 'connected by nat-t to 192.0.2.1:4500 as 10.77.0.2, nothing goes through it'],
    [
      { type: 'carrier-changed', from: 'nat-t', carrier: 'esp', gateway: 'g', reason: 'nothing came back' },
      'moved from nat-t to esp (g): nothing came back',
    ],
    [{ type: 'reconnecting', reason: 'silence', inSeconds: 4.2 }, 'no tunnel: silence; trying again in 5 s'],
    [{ type: 'reconnecting', reason: 'silence', inSeconds: 0 }, 'no tunnel: silence; trying again now'],
    [{ type: 'notice', text: 'a\nb' }, 'note: a\\u000ab'],
    [{ type: 'banner', text: 'Welcome\n\u001b[2J' }, '| Welcome\n| \\u001b[2J'],
    [{ type: 'banner', text: '' }, undefined],
    [{ type: 'down', ending: 'user', reason: 'ended by the user', blocked: [] }, 'disconnected'],
    [{ type: 'down', ending: 'blocked', reason: 'no way:\n  esp\u0007', blocked: [] }, 'no way:\n  esp\\u0007'],
    [{ type: 'question', kind: 'password', prompt: 'p' }, undefined],
    [{ type: 'rekeyed', phase: 2, suite: 's' }, undefined],
    [traffic(1, 2), undefined],
  ] satisfies [ClientReport, string | undefined][]) {
    it(`of ${event.type}: ${words ?? 'none'}`, () => assert.equal(wordsOf(event), words));
  }
});

describe('the live line', () => {
  const begin = firstStatus('work', '1', new Date(0));

  it('has carrier, address, rates, rekeys and time', () => {
    const status = statusAfter(
      statusAfter(begin, up, new Date(1000)),
      { type: 'rekeyed', phase: 1, suite: 's' },
      new Date(2000),
    );
    const rates = ratesBetween(status, { ...status, bytesIn: 2_400_000, bytesOut: 600 }, 2000);
    assert.equal(
      liveText(status, rates, new Date(4_321_000)),
      'nat-t  10.77.0.2  in 1.2 MB/s  out 300 B/s  1 rekey  1h12m',
    );
  });

  it('says what it waits for while there is no tunnel', () => {
    assert.equal(liveText(begin, { bytesIn: 0, bytesOut: 0 }, new Date(3000)), 'connecting for 3s');
  });
});

/** A terminal of `columns`, and what stands on it: the last line, and the lines above. */
class Screen {
  text = '';
  readonly columns: number;

  constructor(columns = 80) {
    this.columns = columns;
  }

  write(text: string): void {
    this.text += text;
  }

  get lines(): string[] {
    return this.text.split('\n').map((line) => line.split('\r\u001b[K').at(-1)!);
  }
}

describe('a view', () => {
  it('on a terminal keeps lines above and writes the live line over', () => {
    const screen = new Screen();
    let now = 0;
    const view = new LiveView(screen, () => new Date(now));
    view.report({ type: 'trying', carrier: 'nat-t', gateway: 'g' });
    assert.deepEqual(screen.lines, ['connecting for 0s']);
    view.report({ ...up, blocked: [] });
    for (const bytes of [1000, 3000]) {
      now += 2000;
      view.report(traffic(bytes, 0));
    }
    const [first, live, ...more] = screen.lines;
    assert.match(first!, /^connected by nat-t/);
    assert.equal(live, 'nat-t  10.77.0.2  in 1.0 kB/s  out 0 B/s  0 rekeys  4s');
    assert.deepEqual(more, []);
    view.report({ type: 'down', ending: 'user', reason: '', blocked: [] });
    view.close();
    assert.deepEqual(screen.lines.slice(1), ['disconnected', '']);
  });

  it('leaves the terminal to who asks', async () => {
    const screen = new Screen();
    const view = new LiveView(screen, () => new Date(0));
    view.report(traffic(0, 0));
    await view.whileAsking(async () => {
      assert.deepEqual(screen.lines, ['']);
      screen.write('Password: ');
      view.report(traffic(1, 1));
      assert.deepEqual(screen.lines, ['Password: ']);
    });
    view.report(traffic(1, 1));
    assert.deepEqual(screen.lines, ['connecting for 0s']);
  });

  it('holds lines back while somebody is asked, and not without end', async () => {
    const screen = new Screen();
    const view = new LiveView(screen, () => new Date(0));
    await view.whileAsking(async () => {
      for (let i = 0; i <= MAX_HELD_LINES; i++) view.report({ type: 'notice', text: String(i) });
      assert.equal(screen.text, '');
    });
    assert.deepEqual(screen.lines, [...Array.from({ length: MAX_HELD_LINES }, (_, i) => `note: ${i}`), '']);
  });

  it('never writes a line that would wrap', () => {
    const screen = new Screen(20);
    const view = new LiveView(screen, () => new Date(0));
    view.report(up);
    assert.equal(screen.lines.at(-1), 'nat-t  10.77.0.2  i');
  });

  it('elsewhere writes plain lines', () => {
    const screen = new Screen();
    const view = new PlainView(screen);
    for (const event of [{ type: 'notice', text: 'a' }, traffic(1, 1), { type: 'notice', text: 'b' }] as const)
      view.report(event);
    assert.equal(screen.text, 'note: a\nnote: b\n');
  });

  it('for programs writes each event on a line, with its time', () => {
    const screen = new Screen();
    const view = new JsonView(screen, () => new Date(0));
    view.report({ type: 'banner', text: 'a\nb' });
    view.report({ type: 'notice', text: '\u009b2J\u202e' });
    view.report(traffic(1, 2));
    assert.equal(
      screen.text,
      '{"at":"1970-01-01T00:00:00.000Z","type":"banner","text":"a\\nb"}\n{"at":"1970-01-01T00:00:00.000Z","type":"notice","text":"\\u009b2J\\u202e"}\n{"at":"1970-01-01T00:00:00.000Z","type":"traffic","bytesIn":1,"bytesOut":2,"packetsIn":1,"packetsOut":1}\n',
    );
  });
});

describe('sallyport status', () => {
  it('shows all that is known of a client', () => {
    const status = statusAfter(firstStatus('work', '1', new Date(0)), up, new Date(1000));
    assert.equal(
      statusText(status, 61_000),
      [
        'work: up by nat-t for 1m',
        '  gateway   192.0.2.1:4500',
        '  address   10.77.0.2 on sp-work',
        '  networks  10.1.0.0/16',
        '  dns       10.1.0.53 (corp.example)',
        '  suites    aes128-sha256-modp2048, aes128gcm16',
        '  traffic   0 B in, 0 B out',
        '  renewed   keys 0, connection 0',
        '  blocked   esp (no answer: IP protocol 50), cisco-tcp (not offered)',
      ].join('\n'),
    );
    const lost = statusAfter(status, { type: 'reconnecting', reason: 'silence', inSeconds: 1 }, new Date(2000));
    assert.match(statusText(lost, 61_000), /^work: reconnecting, started 1m ago\n {2}because {3}silence\n/);
  });
});
