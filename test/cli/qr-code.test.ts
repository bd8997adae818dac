/** The QR code in the terminal: the right way up, black on white, with the margin that readers need. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encode } from 'uqr';
import { qrCode } from '../../src/cli/qr-code.ts';

const text = 'otpauth://totp/Sallyport:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sallyport';

/** Module by module, as the eye sees it: true is black. */
function seen(shown: string): boolean[][] {
  return shown.split('\n').flatMap((line) => {
    const [, cells] = /^.\[30;107m([ \u2580\u2584\u2588]+).\[0m$/.exec(line)!;
    const halves = [...cells!];
    return ['\u2580\u2588', '\u2584\u2588'].map((black) => halves.map((half) => black.includes(half)));
  });
}

describe('a QR code', () => {
  it('is what the library made, two modules a character', () => {
    const { data, size } = encode(text, { ecc: 'M', border: 4 });
    assert.deepEqual(seen(qrCode(text)).slice(0, size), data);
  });

  it('has its three finders in their corners and a margin of four modules', () => {
    const modules = seen(qrCode(text));
    const width = modules[0]!.length;
    const finder = ['1111111', '1000001', '1011101', '1011101', '1011101', '1000001', '1111111'];
    const at = (x: number, y: number) =>
      Array.from({ length: 7 }, (_, row) =>
        modules[y + row]!.slice(x, x + 7)
          .map((black) => (black ? '1' : '0'))
          .join(''),
      );
    for (const [x, y] of [
      [4, 4],
      [width - 11, 4],
      [4, width - 11],
    ] as const)
      assert.deepEqual(at(x, y), finder);
    assert.ok(modules.slice(0, 4).every((row) => row.every((black) => !black)));
    assert.ok(modules.every((row) => row.slice(0, 4).every((black) => !black)));
    assert.ok(width <= 61, 'fits a terminal of 80 columns');
  });
});
