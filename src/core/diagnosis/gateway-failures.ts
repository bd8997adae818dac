/** What our gateway itself says of a connection that failed, as the rule by which the doctor knows the same fault from outside. */
import type { Remedy } from './finding.ts';
import { IS_IT_RUNNING, openFirewall, SECRETS } from './remedies.ts';
import { certificateRemedies } from './rules/certificates.ts';
import { groupRemedies } from './rules/group-mismatch.ts';
import { LOGINS, POOLS } from './rules/login.ts';
import { KEEP_ALIVE } from './rules/lost-peer.ts';
import { PHASE2_PROPOSALS, SELECTORS } from './rules/phase2-refused.ts';
import { L2TP_SERVER, PPP_LOGINS, PPP_METHODS } from './rules/ppp.ts';
import { TO_IKEV1 } from './rules/version-mismatch.ts';

export interface KnownFailure {
  readonly rule: string;
  /** Of whoever has to change something: also of the client. */
  readonly remedies: readonly Remedy[];
}

/** @param reason as the log and the list of failures have it: "STEP: REASON". Undefined: no rule is about it */
export function knownFailure(reason: string): KnownFailure | undefined {
  const known = KNOWN.find(([pattern]) => pattern.test(reason));
  return known && { rule: known[1], remedies: known[2] };
}

const NAMES: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'Have a group of the name that the client says, or a peer of that identity.',
    lines: ['groups:', '  NAME: { psk_file: FILE }', 'peers:', '  - { id: NAME, psk_file: FILE, inner: NETWORK }'],
  },
];

/** The first that fits counts. */
const KNOWN: readonly (readonly [RegExp, string, readonly Remedy[]])[] = [
  [/speaks IKEv2, and this gateway IKEv1/, 'ikev2-to-ikev1', TO_IKEV1],
  [/its KE payload is of another group/, 'group-mismatch', groupRemedies('modp2048', 'modp1024')],
  [
    /^phase 1: no phase 1 proposal fits|isn't open to secrets/,
    'phase1-no-proposal',
    groupRemedies('modp2048', 'modp1024'),
  ],
  [/no phase 2 proposal fits|only ESP is served|ESP together with/, 'phase2-no-proposal', PHASE2_PROPOSALS],
  [/no group is named/, 'identity-mismatch', NAMES],
  [/the identity .* isn't served|calls itself/, 'identity-mismatch', NAMES],
  [
    /doesn't trust our certificate|isn't among the authorities|no authority is set|was revoked/,
    'certificate-untrusted',
    certificateRemedies('certificate-untrusted'),
  ],
  [
    /no X\.509 certificate|no certificate was sent/,
    'certificate-missing',
    certificateRemedies('certificate-untrusted'),
  ],
  [/ expired on | is not valid before /, 'certificate-expired', certificateRemedies('certificate-expired')],
  [/its certificate isn't for/, 'certificate-name', certificateRemedies('certificate-name')],
  [/is not for (signing|a client)/, 'certificate-purpose', certificateRemedies('certificate-purpose')],
  [/secrets differ|message 5 opens with no secret|the peer says .*no third message/, 'psk-mismatch', SECRETS],
  [/no fifth message came/, 'silence-on-4500', openFirewall(['nat-t'], 'gateway')],
  [/^phase 1: no answer/, 'no-answer-500', [IS_IT_RUNNING, ...openFirewall(['nat-t'], 'gateway')]],
  [/LCP: it (knows no way to log in|refuses to prove|left our options)/, 'ppp-disagreed', PPP_METHODS],
  [/no secret for (MS-CHAPv2|CHAP)|a second factor, which L2TP/, 'ppp-refused', PPP_LOGINS],
  [
    /^login: (the (password|passcode) is wrong|no user has this name|too many wrong)|may not use this group/,
    'xauth-refused',
    LOGINS,
  ],
  [/no address is free/, 'pool-empty', POOLS],
  [
    /neither XAUTH nor L2TP|no name and password came|before its login|a tunnel is for users/,
    'login-never-asked',
    LOGINS,
  ],
  [/Mode-Config/, 'mode-config-refused', POOLS],
  [/L2TP \(UDP 1701\), which is off/, 'l2tp-refused', L2TP_SERVER],
  [/tunnel secret|hidden AVP|calls in its tunnel|call half made|L2TP awaited/, 'l2tp-refused', L2TP_SERVER],
  [/^quick mode: (it asks for|its selectors)/, 'selectors-refused', SELECTORS],
  // the rest of what can be wrong with a chain
  [
    /the certificate of |^[^:]*: (its signature is wrong|.*certificates?\b)/,
    'certificate-untrusted',
    certificateRemedies('certificate-untrusted'),
  ],
  [/peer is dead/, 'dpd-death', KEEP_ALIVE],
];
