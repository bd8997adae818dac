/** What a client offers and how it speaks, from the persona that it takes and what its profile allows. */
import type { DhGroup } from '../crypto/algorithms.ts';
import type { InitiatorIntent } from '../ikev1/phase1.ts';
import { suitesOfPhase1 } from '../ikev1/phase1-proposal.ts';
import { suitesOfPhase2 } from '../ikev1/phase2-proposal.ts';
import type { QuickModeIntent } from '../ikev1/quick-mode.ts';
import type { AuthenticationKind } from '../ikev1/types.ts';
import { phase1Groups, phase1Proposals, phase2Proposals } from '../personas/offer.ts';
import type { Persona } from '../personas/persona.ts';
import { Authentication } from '../wire/ikev1.ts';

export interface Phase1Wishes {
  readonly exchange: 'main' | 'aggressive';
  readonly authentication: AuthenticationKind;
  readonly xauth: boolean;
  /** Undefined: as the persona offers; in aggressive mode its first. */
  readonly group: DhGroup | undefined;
  readonly legacy: boolean;
}

export interface Phase2Wishes {
  /** `EncapsulationMode` */
  readonly mode: number;
  /** PFS; undefined: without. */
  readonly group: DhGroup | undefined;
  readonly legacy: boolean;
}

/** Undefined: the persona has nothing that may be offered, since all of it is legacy. */
export function phase1Intent(
  persona: Persona,
  wishes: Phase1Wishes,
): Pick<InitiatorIntent, 'suites' | 'lifetime' | 'proposals' | 'habits'> | undefined {
  const { exchange, authentication, xauth, legacy } = wishes;
  const [withoutXauth, withXauth] = METHODS[authentication];
  const group = wishes.group ?? (exchange === 'aggressive' ? phase1Groups(persona, legacy)[0] : undefined);
  const proposals = phase1Proposals(persona, {
    authentication: xauth ? withXauth : withoutXauth,
    withoutXauth,
    group,
    legacy,
  });
  const suites = suitesOfPhase1(proposals);
  if (suites.length === 0) return undefined;
  const { vendorIds, nonceLength, quickModeIds } = persona;
  return { suites, lifetime: persona.phase1.lifetime, proposals, habits: { vendorIds, nonceLength, quickModeIds } };
}

/** Undefined as above. */
export function phase2Intent(
  persona: Persona,
  wishes: Phase2Wishes,
): Pick<QuickModeIntent, 'suites' | 'lifetime' | 'proposals'> | undefined {
  const proposals = phase2Proposals(persona, wishes);
  const suites = suitesOfPhase2(proposals);
  return suites.length === 0 ? undefined : { suites, lifetime: persona.phase2.lifetime, proposals };
}

/** Without XAUTH, and with. Hybrid authentication is never without. */
const METHODS: Readonly<Record<AuthenticationKind, readonly [number, number]>> = {
  psk: [Authentication.PSK, Authentication.XAUTH_INIT_PSK],
  signatures: [Authentication.RSA_SIG, Authentication.XAUTH_INIT_RSA],
  hybrid: [Authentication.HYBRID_INIT_RSA, Authentication.HYBRID_INIT_RSA],
};
