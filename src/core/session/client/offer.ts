/** What a client offers and how it speaks, from the persona that it takes and what its profile allows. */
import type { Bytes } from '../../bytes/bytes.ts';
import type { DhGroup } from '../../crypto/algorithms.ts';
import type { SignatureKind } from '../../crypto/certificates.ts';
import { VendorId } from '../../ike/vendor-ids.ts';
import { SIGNATURE_METHODS } from '../../ikev1/authentication.ts';
import type { InitiatorIntent } from '../../ikev1/phase1.ts';
import { suitesOfPhase1 } from '../../ikev1/phase1-proposal.ts';
import { suitesOfPhase2 } from '../../ikev1/phase2-proposal.ts';
import type { QuickModeIntent } from '../../ikev1/quick-mode.ts';
import type { AuthenticationKind } from '../../ikev1/types.ts';
import { phase1Groups, phase1Proposals, phase2Proposals } from '../../personas/offer.ts';
import type { Persona } from '../../personas/persona.ts';
import { Authentication } from '../../wire/ikev1.ts';

const OF_XAUTH: readonly Bytes[] = [VendorId.XAUTH, VendorId.CISCO_UNITY];

export interface Phase1Wishes {
  readonly exchange: 'main' | 'aggressive';
  readonly authentication: AuthenticationKind;
  readonly xauth: boolean;
  /** Then nothing is said of XAUTH, and the gateway doesn't wait for it. */
  readonly l2tp?: boolean;
  /** Undefined: as the persona offers; in aggressive mode its first. */
  readonly group: DhGroup | undefined;
  readonly legacy: boolean;
  /** Of our certificate, with `signatures`; absent: RSA. */
  readonly certificate?: SignatureKind | undefined;
}

export interface Phase2Wishes {
  /** `EncapsulationMode` */
  readonly mode: number;
  /** PFS; undefined: without. */
  readonly group: DhGroup | undefined;
  readonly legacy: boolean;
}

/**
 * Undefined: there is nothing that may be offered, since all of the persona's is legacy, or since XAUTH has no number for our
 * certificate's ECDSA.
 */
export function phase1Intent(
  persona: Persona,
  wishes: Phase1Wishes,
): Pick<InitiatorIntent, 'suites' | 'lifetime' | 'proposals' | 'habits'> | undefined {
  const { exchange, authentication, xauth, legacy } = wishes;
  const [withoutXauth, withXauth] = methodsOf(authentication, wishes.certificate);
  const method = xauth ? withXauth : withoutXauth;
  if (method === undefined) return undefined;
  const group = wishes.group ?? (exchange === 'aggressive' ? phase1Groups(persona, legacy)[0] : undefined);
  const proposals = phase1Proposals(persona, {
    authentication: method,
    withoutXauth,
    group,
    legacy,
  });
  const suites = suitesOfPhase1(proposals);
  if (suites.length === 0) return undefined;
  const { nonceLength, quickModeIds } = persona;
  const vendorIds = wishes.l2tp ? persona.vendorIds.filter((id) => !OF_XAUTH.includes(id)) : persona.vendorIds;
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
function methodsOf(
  kind: AuthenticationKind,
  certificate: SignatureKind = 'rsa',
): readonly [number, number | undefined] {
  switch (kind) {
    case 'psk':
      return [Authentication.PSK, Authentication.XAUTH_INIT_PSK];
    case 'hybrid':
      return [Authentication.HYBRID_INIT_RSA, Authentication.HYBRID_INIT_RSA];
    case 'signatures': {
      const methods = SIGNATURE_METHODS[certificate];
      return [methods.at(-1)!, methods.length > 1 ? methods[0] : undefined];
    }
  }
}
