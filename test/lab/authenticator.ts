/** What a user's authenticator app does with the secret that the gateway showed. */
import { passcodeAt, stepAt } from '../../src/host/totp.ts';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export class Authenticator {
  readonly #secret: Buffer;

  /** @param shown what `user totp` printed: a URI with the secret in it */
  constructor(shown: string) {
    const letters = [.../secret=([A-Z2-7]+)/.exec(shown)![1]!];
    const bits = letters.map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
    this.#secret = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
  }

  /** The passcode of now; it counts once. */
  get passcode(): string {
    return passcodeAt(this.#secret, stepAt(Date.now()));
  }
}
