/** Pre-shared keys and the secret of L2TP tunnels: written in the configuration or in a file of their own. */
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
const SHORT_PSK = 12;

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
  if (psk || file) {
    const secret = resolve(psk, file, 'psk', read, report);
    if (secret !== undefined && secret.length < SHORT_PSK) {
      const hint = 'who hears one login can guess it';
      report.warning((psk ?? file)!.item, `the secret is shorter than ${SHORT_PSK} characters`, hint);
    }
    return secret === undefined ? undefined : utf8(secret);
  }
  if (owner && !report.failedAt(owner.path)) {
    report.error(owner, 'has no secret', `give it a psk or a psk_file${orElse}`);
  }
  return undefined;
}

/** The same of an L2TP tunnel's, which nobody needs. @param key of the one; that of the other ends in "_file" */
export function resolveTunnelSecret(
  secret: Located<string> | undefined,
  file: Located<string> | undefined,
  key: string,
  read: ReadSecretFile,
  report: Report,
): Bytes | undefined {
  const found = resolve(secret, file, key, read, report);
  return found === undefined ? undefined : utf8(found);
}

function resolve(
  text: Located<string> | undefined,
  file: Located<string> | undefined,
  key: string,
  read: ReadSecretFile,
  report: Report,
): string | undefined {
  if (text && file) return report.error(file.item, `${key} and ${key}_file are both given`, 'keep one of them');
  if (text) return text.value;
  return file && readFile(file, read, report);
}

function readFile(file: Located<string>, read: ReadSecretFile, report: Report): string | undefined {
  const found = read(file.value);
  if ('wrong' in found) return report.error(file.item, found.wrong, found.hint);
  const secret = withoutLineEnd(found.text);
  if (!isPsk(secret)) return report.error(file.item, `the file must hold one secret of 1 to ${MAX_PSK_BYTES} bytes`);
  return secret;
}

/** An editor ends the last line; the line's end is not part of the secret. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
