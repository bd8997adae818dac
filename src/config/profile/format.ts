/** What the formats of profiles have in common: text goes in, a draft comes out. */
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import type { ReadFile } from '../files.ts';
import type { Report } from '../report.ts';
import type { Draft, Words } from './draft.ts';
import type { ProfileText } from './text-file.ts';

export interface Around {
  readonly file: string;
  /** Relative paths start here. */
  readonly folder: string;
  /** For passwords that Cisco's client hid. */
  readonly crypto: CryptoProvider;
  readonly read: ReadFile;
  /** Names of the files in a folder, sorted. Throws the system's error. */
  readonly listFolder: (folder: string) => readonly string[];
}

export interface Format {
  readonly words: Words;
  /** Never throws on account of `source`. The draft may lack what it must have. */
  read(source: ProfileText, around: Around, report: Report): { readonly draft: Draft; readonly holdsSecret: boolean };
}
