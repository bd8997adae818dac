/** Reads a profile of whichever format. */
import { readdirSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import { type ReadFile, readAsked, readFromDisk, secretOpenToOthers, wholeFile } from '../files.ts';
import { ConfigError, type Problem } from '../problem.ts';
import { Report } from '../report.ts';
import { completeProfile } from './draft.ts';
import type { Around, Format } from './format.ts';
import { pcfFormat } from './pcf.ts';
import type { Profile, ProfileFormat } from './profile.ts';
import { decodeText, MAX_PROFILE_LENGTH, type ProfileText } from './text-file.ts';
import { vpncFormat } from './vpnc.ts';
import { readYamlProfile, YAML_WORDS } from './yaml.ts';

export interface CheckedProfile {
  /** Undefined: `problems` has errors. */
  readonly profile: Profile | undefined;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
}

const TEXT_FORMATS: Readonly<Record<'pcf' | 'vpnc', Format>> = { pcf: pcfFormat, vpnc: vpncFormat };

/** The profile in `file`. Throws {@link ConfigError} with all that is wrong. */
export function loadProfile(
  file: string,
  crypto: CryptoProvider,
  read: ReadFile = readFromDisk,
): { profile: Profile; warnings: readonly Problem[] } {
  const { profile, problems } = checkProfileFile(file, crypto, read);
  if (profile) return { profile, warnings: problems };
  throw new ConfigError(
    file,
    problems.filter((problem) => problem.severity === 'error'),
  );
}

/** Reads and checks `file`. Throws {@link ConfigError} only when it can't be read at all. */
export function checkProfileFile(file: string, crypto: CryptoProvider, read: ReadFile = readFromDisk): CheckedProfile {
  const { bytes, openToOthers } = readAsked(file, read);
  const around: Around = {
    file: resolve(file),
    folder: dirname(resolve(file)),
    crypto,
    read,
    listFolder: (folder) => readdirSync(folder).toSorted(),
  };
  const { holdsSecret, format, ...checked } = checkProfileBytes(bytes, around);
  if (!holdsSecret || !openToOthers) return checked;
  // Those that other programs wrote are handed out like that; ours have no excuse.
  const isOurs = format === 'yaml';
  const problem = secretOpenToOthers(file, isOurs ? 'error' : 'warning');
  return { profile: isOurs ? undefined : checked.profile, problems: [problem, ...checked.problems] };
}

/** Never throws on account of `bytes`. */
export function checkProfileBytes(
  bytes: Uint8Array,
  around: Around,
): CheckedProfile & { readonly holdsSecret: boolean; readonly format: ProfileFormat | undefined } {
  if (bytes.length > MAX_PROFILE_LENGTH) {
    const problem = wholeFile('error', `the file is longer than ${MAX_PROFILE_LENGTH} bytes`);
    return { profile: undefined, problems: [problem], holdsSecret: false, format: undefined };
  }
  const source = decodeText(bytes);
  const format = profileFormat(around.file, source.text);
  const { words, draft, holdsSecret, report } = readDraft(source, format, around);
  const nul = source.text.indexOf('\0');
  if (nul >= 0) report.error({ path: '', offset: nul }, 'a NUL character', 'a profile is plain text');
  const profile = completeProfile(draft, around.file, format, words, report);
  return { profile, problems: report.inOrder(), holdsSecret, format };
}

function readDraft(source: ProfileText, format: ProfileFormat, around: Around) {
  if (format === 'yaml') return { words: YAML_WORDS, ...readYamlProfile(source.text, around) };
  const { words, read } = TEXT_FORMATS[format];
  const report = Report.ofText(source.text);
  return { words, report, ...read(source, around, report) };
}

/** By what only one of them can hold, else by the file's name. */
function profileFormat(file: string, text: string): ProfileFormat {
  if (/^[ \t]*\[main\]/im.test(text)) return 'pcf';
  if (/^(?:IPSec (?:gateway|ID|secret|obfuscated)|IKE Authmode|Xauth (?:username|password)) /im.test(text))
    return 'vpnc';
  return BY_EXTENSION[extname(file).toLowerCase()] ?? 'yaml';
}

const BY_EXTENSION: Readonly<Record<string, ProfileFormat>> = {
  '.pcf': 'pcf',
  '.conf': 'vpnc',
  '.yaml': 'yaml',
  '.yml': 'yaml',
};
