/** The names of the rules, as README.md describes them: what a capture's `cause` may be. */

export const RULES = [
  // nobody answers
  'no-answer-500',
  'icmp-unreachable',
  'silence-on-4500',
  'cisco-udp-closed',
  'cisco-tcp-closed',
  'ikev1-to-ikev2',
  'ikev2-to-ikev1',
  // they don't agree
  'phase1-no-proposal',
  'phase2-no-proposal',
  'group-mismatch',
  'psk-mismatch',
  'identity-mismatch',
  'ike-auth-refused',
  'certificate-expired',
  'certificate-name',
  'certificate-purpose',
  'certificate-untrusted',
  'certificate-missing',
  'certificate-too-large',
  'selectors-refused',
  'phase2-unanswered',
  // the user isn't let in
  'xauth-refused',
  'eap-refused',
  'login-without-end',
  'login-never-asked',
  'mode-config-refused',
  'pool-empty',
  // L2TP
  'message-id-shared',
  'l2tp-second-client-starves',
  'l2tp-in-clear',
  'l2tp-refused',
  'gateway-behind-nat',
  'ppp-refused',
  'ppp-disagreed',
  // it stands, and carries nothing, or not for long
  'esp-one-way',
  'nat-without-nat-t',
  'fragments-lost',
  'ike-fragments-refused',
  'path-mtu',
  'sa-forgotten',
  'dpd-death',
  'nat-mapping-timeout',
  'rekey-failure',
  'replay-window',
  'loss',
  // who else is there, and how safe it is
  'half-open-flood',
  'scanner',
  'aggressive-psk-hash',
  'group-secret-impersonation',
  'weak-algorithms',
  'one-side-seen',
] as const;

export type RuleName = (typeof RULES)[number];
