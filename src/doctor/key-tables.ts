/** Keys for a capture: a folder of Wireshark's decryption tables, as `keylog` writes it, or one of its files. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type KeyTable, parseEspTable, parseIkev1Table, parseIkev2Table } from '../core/diagnosis/keys.ts';

const IKEV1 = 'ikev1_decryption_table';
const IKEV2 = 'ikev2_decryption_table';
const ESP = 'esp_sa';

/** Our own limit on the size of a table. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;

export class KeyTableError extends Error {
  override readonly name = 'KeyTableError';
  readonly code = 'KEY_TABLE';
}

export function readKeyTables(path: string): KeyTable {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined)
    throw new KeyTableError(`${path}: there are no keys; give a folder that 'keylog' wrote, or one of its tables`);
  const tables = isFolder
    ? [IKEV1, IKEV2, ESP].map((name) => join(path, name)).filter((file) => existsSync(file))
    : [path];
  if (tables.length === 0) throw new KeyTableError(`${path} holds neither ${IKEV1} nor ${IKEV2} nor ${ESP}`);
  const texts = tables.map((file) => ({ name: basename(file), text: readTable(file) }));
  // a file of any other name is taken for the table that most programs write
  const of = (wanted: string) =>
    texts
      .flatMap(({ name, text }) =>
        name === wanted || (wanted === IKEV1 && name !== IKEV2 && name !== ESP) ? [text] : [],
      )
      .join('\n');
  return { ikev1: parseIkev1Table(of(IKEV1)), ikev2: parseIkev2Table(of(IKEV2)), esp: parseEspTable(of(ESP)) };
}

function readTable(path: string): string {
  if (statSync(path).size > MAX_TABLE_BYTES) throw new KeyTableError(`${path} is too large for a table of keys`);
  return readFileSync(path, 'utf8');
}
