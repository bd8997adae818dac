/** Pre-shared keys: written in the configuration or in a file of their own. */
import type { Bytes } from '../core/bytes/bytes.ts';
import { utf8 } from '../core/bytes/text.ts';
import type { Located } from './checks.ts';
import type { Item, Report } from './report.ts';
import type { SecretSettings } from './schema.ts';
import { isPsk, MAX_PSK_BYTES } from './values.ts';

/** What reading a secret's file gave; `wrong` ends the sentence "psk_file ...". */
export type SecretFile = { readonly text: string } | { readonly wrong: string; readonly hint?: string };
export type ReadSecretFile = (path: string) => SecretFile;

/** Below this, a listener to one aggressive-mode login guesses the secret in days. */
export const SHORT_PSK = 12;

/**
 * The secret that `settings` name, or undefined: none is named (reported if `owner` is given) or it is wrong.
 *
 * @param orElse ends the sentence "give it a psk or a psk_file ..."
 */
export function resolvePsk(
  settings: SecretSettings,
  read: ReadSecretFile,
  report: Report,
  owner?: Item,
  orElse = '',
): Bytes | undefined {
  const { psk, psk_file: file } = settings;
  if (psk && file) return report.error(file.item, 'psk and psk_file are both given', 'keep one of them');
  if (psk) return checkStrength(psk.value, psk.item, report);
  if (file) return readPsk(file, read, report);
  if (owner && !report.failedAt(owner.path)) {
    report.error(owner, 'has no secret', `give it a psk or a psk_file${orElse}`);
  }
  return undefined;
}

function readPsk(file: Located<string>, read: ReadSecretFile, report: Report): Bytes | undefined {
  const found = read(file.value);
  if ('wrong' in found) return report.error(file.item, found.wrong, found.hint);
  // An editor ends the last line; the line's end is not part of the secret.
  const secret = found.text.replace(/\r?\n$/, '');
  if (!isPsk(secret)) return report.error(file.item, `the file must hold one secret of 1 to ${MAX_PSK_BYTES} bytes`);
  return checkStrength(secret, file.item, report);
}

function checkStrength(secret: string, item: Item, report: Report): Bytes {
  if (secret.length < SHORT_PSK) {
    report.warning(item, `the secret is shorter than ${SHORT_PSK} characters`, 'who hears one login can guess it');
  }
  return utf8(secret);
}
