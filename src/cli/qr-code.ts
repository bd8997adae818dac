/** A QR code for terminals: two modules a character, black on white whatever the terminal's colours are. */
import { encode } from 'uqr';

const BLACK_ON_WHITE = '\u001b[30;107m';
const RESET = '\u001b[0m';

/** Upper and lower module: light and light, dark above, dark below, dark and dark. */
const HALVES = [' ', '\u2580', '\u2584', '\u2588'];

export function qrCode(text: string): string {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const lines = Array.from({ length: Math.ceil(size / 2) }, (_, row) =>
    Array.from({ length: size }, (_, x) => HALVES[(data[2 * row]![x] ? 1 : 0) + (data[2 * row + 1]?.[x] ? 2 : 0)]),
  );
  return lines.map((line) => `${BLACK_ON_WHITE}${line.join('')}${RESET}`).join('\n');
}
