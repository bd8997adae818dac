/** Checks what users prove of themselves, which is slow, and looks up which address they should have. */
import { type IpAddress, parseIp } from '../core/net/address.ts';
import { checkChapMd5 } from '../core/ppp/chap-md5.ts';
import { checkMsChapV2 } from '../core/ppp/ms-chap-v2.ts';
import type { GatewayEvent, LoginVerdict } from '../core/session/events.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { LoginSecrets } from '../host/login-secrets.ts';
import { Passcodes } from '../host/passcodes.ts';
import { type LoginVerdict as PasswordVerdict, PasswordVerifier } from '../host/passwords.ts';
import type { Store } from '../host/store/store.ts';
import type { Figures } from './figures.ts';

export type LoginQuestion = Extract<GatewayEvent, { readonly type: 'authenticate' | 'authenticate-chap' }>;

const LOGIN_FAILURES = {
  'unknown-user': "no user has this name; 'sallyport user list' shows those there are",
  'wrong-password': 'the password is wrong',
  'wrong-passcode': "the passcode is wrong or was used already; or the user's clock or ours is off by a minute",
  'no-nt-hash':
    "the user has no secret for MS-CHAPv2: 'sallyport user passwd --l2tp' stores one, or let the client use PAP",
  'no-chap-password':
    "the user has no secret for CHAP with MD5: 'sallyport user passwd --chap-md5' stores one, or let the client use PAP",
  throttled: 'too many wrong passwords or passcodes came lately for this user or from this source',
} as const;

export class LoginChecks {
  readonly #store: Store;
  readonly #figures: Figures;
  /** Takes the addresses that belong to users statically, as they are now. */
  readonly #reserve: (addresses: readonly IpAddress[]) => void;
  readonly #passwords: PasswordVerifier;

  constructor(store: Store, figures: Figures, reserve: (addresses: readonly IpAddress[]) => void) {
    this.#store = store;
    this.#figures = figures;
    this.#reserve = reserve;
    this.#passwords = new PasswordVerifier(store.users, new Passcodes(store), new LoginSecrets(store));
  }

  /** Attempts that are held back, and the most that ever were. */
  get held(): PasswordVerifier['held'] {
    return this.#passwords.held;
  }

  check(question: LoginQuestion): Promise<LoginVerdict> {
    return question.type === 'authenticate' ? this.#checkPassword(question) : this.#checkResponse(question);
  }

  async #checkPassword(question: Extract<LoginQuestion, { type: 'authenticate' }>): Promise<LoginVerdict> {
    const { group, user, password, step, source } = question;
    const attempt = { user, password, source: source.address.text };
    const verdict = await (step === 'passcode'
      ? this.#passwords.verifyPasscode(attempt)
      : this.#passwords.verify(attempt));
    return this.#loginVerdict(verdict, group, user);
  }

  /** The name and the password are checked by what the client made of both and of our challenge. */
  async #checkResponse(question: Extract<LoginQuestion, { type: 'authenticate-chap' }>): Promise<LoginVerdict> {
    const { group, user, proof, source } = question;
    let response: string | undefined;
    const proves = (secret: Uint8Array) => {
      if (proof.method === 'chap-md5') return checkChapMd5(nodeCrypto, secret, proof.exchange);
      response = checkMsChapV2(nodeCrypto, secret, proof.exchange);
      return response !== undefined;
    };
    const secret = proof.method === 'chap-md5' ? 'chapPassword' : 'ntHash';
    const verdict = await this.#passwords.verifyChallenged({ user, source: source.address.text }, secret, proves);
    const answer = this.#loginVerdict(verdict, group, user);
    return answer.ok === true ? { ...answer, response } : answer;
  }

  #loginVerdict(verdict: PasswordVerdict, group: string | undefined, user: string): LoginVerdict {
    this.#figures.countLogin(verdict);
    if (verdict.ok === 'passcode') return { ok: 'passcode', message: 'Enter the passcode of your authenticator app.' };
    if (!verdict.ok) return { ok: false, reason: LOGIN_FAILURES[verdict.reason] };
    this.#reserve(this.#store.users.addresses().flatMap((text) => address(text) ?? []));
    const lastAddress = address(this.#store.leases.last(group ?? '', user));
    return { ok: true, address: address(verdict.user.address), lastAddress };
  }
}

function address(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text);
}
