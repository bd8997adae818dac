/** What a client keeps of a login. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Login } from '../../../../src/core/session/client/login.ts';
import type { LoginQuestion } from '../../../../src/core/session/client/xauth-dialogue.ts';

const PASSWORD: LoginQuestion = { asks: 'password', prompt: '', secret: true, confirm: false };
const PASSCODE: LoginQuestion = { asks: 'passcode', prompt: '', secret: true, confirm: false };

describe("a client's login", () => {
  it('keeps what was typed once the gateway has let us in', () => {
    const login = new Login({ user: 'alice', password: undefined, domain: undefined });
    login.note([PASSWORD], ['typed']);
    assert.equal(login.known.password, undefined);
    login.keep();
    assert.deepEqual(login.known, { user: 'alice', password: 'typed', domain: undefined });
  });

  it('never keeps a passcode', () => {
    const login = new Login({ user: 'alice', password: undefined, domain: undefined });
    login.note([PASSCODE], ['123456']);
    login.keep();
    assert.equal(login.known.password, undefined);
  });

  it('a kept password that is wrong is worth one more attempt, a typed one is not', () => {
    const login = new Login({ user: 'alice', password: 'saved', domain: undefined });
    assert.equal(login.forget(), true);
    assert.equal(login.known.password, undefined);
    login.note([PASSWORD], ['typed']);
    assert.equal(login.forget(), false);
    assert.equal(login.forget(), false);
  });
});
