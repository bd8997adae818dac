/** Diffie-Hellman of IKE: which kind of group a number names. */
import { DH_GROUPS, type DhGroup } from '../../core/crypto/algorithms.ts';
import type { DhKeyPair } from '../../core/crypto/provider.ts';
import { generateEcp } from './ecp.ts';
import { generateModp } from './modp.ts';

export function generateDh(group: DhGroup): DhKeyPair {
  const { name } = DH_GROUPS[group];
  return name === 'ecp256' || name === 'ecp384' ? generateEcp(name) : generateModp(name);
}
