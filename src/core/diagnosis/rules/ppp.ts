/** Inside L2TP: the user is refused, the two sides of PPP don't agree, or L2TP itself is. Needs what ESP carries to be open. */
import { L2TP_PORT } from '../../wire/l2tp.ts';
import type { Conversation, L2tpSighting } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import { PATIENCE, type Rule, type Scene } from '../rule.ts';

export const pppRefused: Rule = { of: 'pair', judge: login };
export const pppDisagreed: Rule = { of: 'pair', judge: agreement };
export const l2tpRefused: Rule = { of: 'pair', judge: control };

const LOGIN_ENDS: readonly string[] = ['PAP nak', 'CHAP failure'];
const LINK_ENDS: readonly string[] = ['LCP terminate-request', 'LCP protocol-reject', 'IPCP terminate-request'];
const CONTROL_ENDS: readonly string[] = ['StopCCN', 'CDN'];
/** Until here neither side has anything to end. */
const UP = 'IPv4';

function login({ l2tp }: Conversation): Finding | undefined {
  const refusal = l2tp.find(({ what }) => LOGIN_ENDS.includes(what)) ?? hungUpOn(l2tp);
  if (!refusal) return undefined;
  const asked = l2tp.findLast(
    ({ what, packet }) => packet <= refusal.packet && (what === 'PAP request' || what === 'CHAP response'),
  );
  return finding(
    'ppp-refused',
    'The user is refused inside L2TP: name or password is wrong, or the gateway has no secret of this user for that method (Windows shows 691).',
    [asked, refusal],
    PPP_LOGINS,
  );
}

/** Some gateways say nothing: they end the link as soon as the proof has come. */
function hungUpOn(l2tp: readonly L2tpSighting[]): L2tpSighting | undefined {
  if (l2tp.some(({ what }) => what === UP || what.startsWith('IPCP') || what === 'PAP ack' || what === 'CHAP success'))
    return undefined;
  const proof = l2tp.findLast(({ what }) => what === 'PAP request' || what === 'CHAP response');
  const end =
    proof &&
    l2tp.find(({ what, packet }) => packet > proof.packet && (LINK_ENDS.includes(what) || CONTROL_ENDS.includes(what)));
  return end?.source.address.text === proof?.destination.address.text ? end : undefined;
}

function agreement({ l2tp }: Conversation): Finding | undefined {
  if (l2tp.some(({ what }) => what === UP || LOGIN_ENDS.includes(what)) || hungUpOn(l2tp)) return undefined;
  const began = l2tp.find(({ what }) => what === 'LCP configure-request');
  const end = l2tp.find(({ what }) => LINK_ENDS.includes(what));
  const objection = l2tp.findLast(({ what }) => what.endsWith('configure-nak') || what.endsWith('configure-reject'));
  if (!began || !end) return undefined;
  return finding(
    'ppp-disagreed',
    'The two sides of PPP come to no agreement: as a rule they have no method of login in common (PAP, MS-CHAPv2), or no address is given.',
    [began, objection, end],
    PPP_METHODS,
  );
}

function control({ l2tp, errors, flows }: Conversation, scene: Scene): Finding | undefined {
  // what is in clear has a rule of its own
  const inside = l2tp.filter(({ isInside }) => isInside);
  if (inside.some(({ what }) => what.startsWith('LCP'))) return undefined;
  const refusal = inside.find(({ what }) => CONTROL_ENDS.includes(what));
  const asked = inside.find(({ what }) => what === 'SCCRQ');
  if (refusal && asked)
    return finding(
      'l2tp-refused',
      'IPsec stands, and the L2TP server inside refuses the call.',
      [asked, refusal],
      L2TP_SERVER,
    );
  const closed = errors.find(
    ({ reason, destinationPort }) => reason === 'port unreachable' && destinationPort === L2TP_PORT,
  );
  if (closed && flows.length > 0)
    return {
      ...finding('l2tp-refused', NOBODY, [asked], L2TP_SERVER),
      evidence: [{ packet: closed.packet, says: `ICMP from ${closed.from.text}: port unreachable, about UDP 1701` }],
    };
  const isSilent = asked && inside.every(({ what }) => what === 'SCCRQ') && scene.lastAt - asked.at > PATIENCE;
  return isSilent ? finding('l2tp-refused', NOBODY, [asked], L2TP_SERVER) : undefined;
}

const NOBODY =
  'IPsec stands, and inside nobody answers L2TP: no L2TP server runs at the gateway, or its firewall drops UDP 1701 from the tunnel.';

function finding(
  rule: string,
  cause: string,
  shown: readonly (L2tpSighting | undefined)[],
  remedies: readonly Remedy[],
): Finding {
  const evidence = shown.flatMap((one) =>
    one ? [{ packet: one.packet, says: `${one.what}, from ${one.source.address.text}` }] : [],
  );
  return { rule, severity: 'cause', cause, evidence, remedies };
}

/** The names and passwords of PPP, on each system. */
export const PPP_LOGINS: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'Set the password anew; MS-CHAPv2 needs a secret of its own, which this stores.',
    lines: ['sallyport user passwd NAME --l2tp', 'sallyport sessions --failed'],
  },
  { where: 'libreswan', does: 'With xl2tpd and pppd: /etc/ppp/chap-secrets.', lines: ['"USER" l2tpd "PASSWORD" *'] },
  {
    where: 'windows',
    does: 'PowerShell: methods that gateways have; then type name and password anew.',
    lines: ['Set-VpnConnection -Name "VPN" -AuthenticationMethod MSChapv2 -Force'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: [
      'username USER password PASSWORD mschap',
      'tunnel-group DefaultRAGroup ppp-attributes',
      ' authentication ms-chap-v2',
    ],
  },
  { where: 'client', does: "Type name and password anew; pppd: 'user' and 'password' in its options.", lines: [] },
];

const PPP_METHODS: readonly Remedy[] = [
  { where: 'sallyport', does: 'Both methods, inside IPsec.', lines: ['l2tp: { authentication: [ms-chap-v2, pap] }'] },
  { where: 'libreswan', does: 'With pppd: /etc/ppp/options.xl2tpd.', lines: ['require-mschap-v2', 'ms-dns 10.1.0.53'] },
  ...PPP_LOGINS.filter(({ where }) => where === 'windows'),
];

export const L2TP_SERVER: readonly Remedy[] = [
  { where: 'sallyport', does: 'Serve L2TP.', lines: ['l2tp: true'] },
  {
    where: 'libreswan',
    does: 'See that xl2tpd runs, and why it refuses.',
    lines: ['systemctl status xl2tpd', 'journalctl -u xl2tpd --since -10min'],
  },
  {
    where: 'firewall',
    does: 'At the gateway: let UDP 1701 in, out of IPsec alone.',
    lines: ['iptables -I INPUT -p udp --dport 1701 -m policy --dir in --pol ipsec -j ACCEPT'],
  },
];
