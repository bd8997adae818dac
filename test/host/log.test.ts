/** The log: one readable line an event, no secret, nothing a peer could forge. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLog, type Logger } from '../../src/host/log.ts';

function logged(act: (log: Logger) => void, format: 'pretty' | 'json' = 'pretty'): string {
  let text = '';
  act(createLog({ level: 'info', format }, { write: (line) => (text += line) }));
  return text;
}

/** Behind the time of day. */
function line(act: (log: Logger) => void): string {
  const text = logged(act);
  assert.match(text, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .*\n$/);
  return text.slice(20, -1);
}

describe('the log', () => {
  it('is one readable line an event', () => {
    assert.equal(
      line((log) => log.info('gateway is up')),
      'info  gateway is up',
    );
    const fields = { user: 'alice', remote: '192.0.2.7:4500', bytes: 7, reason: 'wrong password', list: ['a'] };
    assert.equal(
      line((log) => log.warn(fields, 'login failed')),
      'warn  login failed user=alice remote=192.0.2.7:4500 bytes=7 reason="wrong password" list=["a"]',
    );
    assert.equal(
      line((log) => log.child({ session: 3 }).error({ empty: '', none: null }, 'ended')),
      'error ended session=3 empty="" none=null',
    );
  });

  it('keeps below its level silent', () => {
    assert.equal(
      logged((log) => log.debug('detail')),
      '',
    );
  });

  it('may be JSON', () => {
    const before = Date.now();
    const { time, ...record } = JSON.parse(logged((log) => log.info({ user: 'alice' }, 'logged in'), 'json'));
    assert.deepEqual(record, { level: 30, user: 'alice', msg: 'logged in' });
    assert.ok(time >= before && time <= Date.now());
  });

  it('censors what is called a secret', () => {
    for (const format of ['pretty', 'json'] as const) {
      const text = logged(
        (log) =>
          log.info({ psk: 'hunter2', group: { psk: 'hunter2', password: 'hunter2' }, keys: { a: 'hunter2' } }, 'x'),
        format,
      );
      assert.ok(!text.includes('hunter2') && text.includes('[secret]'), text);
      for (const name of ['ntHash', 'chapPassword', 'tunnelSecret']) {
        const line = logged((log) => log.info({ [name]: 'hunter2', user: { [name]: 'hunter2' } }, 'x'), format);
        assert.ok(!line.includes('hunter2'), line);
      }
    }
  });

  it('shows errors with their stack, in one line', () => {
    const text = line((log) => log.error({ err: new Error('it broke') }, 'ended'));
    assert.match(text, /^error ended error="it broke" stack=".*log\.test\.ts.*"$/);
  });

  it("lets no peer's text forge a line, move the cursor or turn the text around", () => {
    const text = line((log) =>
      log.info({ user: 'a\n2026-11-21 00:00:00 info  x\u001b[2J\u202e' }, 'login\r\nfailed\u0085'),
    );
    assert.equal(
      text,
      'info  login\\u000d\\u000afailed\\u0085 user="a\\n2026-11-21 00:00:00 info  x\\u001b[2J\\u202e"',
    );
    assert.ok(logged((log) => log.info({ user: '\u009b2J' }, 'login'), 'json').includes('"user":"\\u009b2J"'));
  });
});
