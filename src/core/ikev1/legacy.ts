/** What is known to be weak, so that only `legacy: true` lets it in, in either phase. */
import { DH_GROUPS, type DhGroup, type EspCipher, type HashName } from '../crypto/algorithms.ts';

export interface Algorithms {
  readonly cipher: EspCipher;
  /** Undefined: none of its own. */
  readonly hash: HashName | undefined;
  /** Undefined: no PFS. */
  readonly group: DhGroup | undefined;
}

/** The weak ones among them, by name. */
export function legacyParts({ cipher, hash, group }: Algorithms): string[] {
  return [
    ...(cipher === '3des-cbc' ? ['3des'] : []),
    ...(hash === 'md5' ? ['md5'] : []),
    ...(group === 2 || group === 5 ? [DH_GROUPS[group].name] : []),
  ];
}
