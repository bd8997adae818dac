/** Inside L2TP: the user is refused, the two sides of PPP don't agree, or L2TP itself is. Needs what ESP carries to be open. */
import { L2TP_PORT } from '../../wire/l2tp.ts';
import { type Conversation, CUT_INSIDE, type L2tpSighting } from '../conversation.ts';
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
/** The login went well; or perhaps it did. */
const WELCOMES: readonly string[] = [UP, CUT_INSIDE, 'PAP ack', 'CHAP success'];

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
  if (l2tp.some(({ what }) => WELCOMES.includes(what) || what.startsWith('IPCP'))) return undefined;
  const proof = l2tp.findLast(({ what }) => what === 'PAP request' || what === 'CHAP response');
  const end =
    proof &&
    l2tp.find(({ what, packet }) => packet > proof.packet && (LINK_ENDS.includes(what) || CONTROL_ENDS.includes(what)));
  return end?.source.address.text === proof?.destination.address.text ? end : undefined;
}

function agreement({ l2tp }: Conversation, scene: Scene): Finding | undefined {
  if (l2tp.some(({ what }) => SETTLED.includes(what)) || isAgreed(l2tp) || hungUpOn(l2tp)) return undefined;
  const began = l2tp.find(({ what }) => what === 'LCP configure-request');
  if (!began) return undefined;
  const objection = l2tp.findLast(({ what }) => isObjection(what));
  // without an objection who ends the call may be a person
  const ends = objection ? [...LINK_ENDS, ...CONTROL_ENDS] : LINK_ENDS;
  const end = l2tp.find(({ what, packet }) => packet > began.packet && ends.includes(what));
  if (end) return finding('ppp-disagreed', DISAGREED, [began, objection, end], PPP_METHODS);
  const round = withoutEnd(l2tp, scene);
  if (!round) return undefined;
  const isHeard = l2tp.some(
    ({ what, source }) => what.startsWith('LCP') && source.address.text !== round.source.address.text,
  );
  return finding('ppp-disagreed', isHeard ? DISAGREED : UNHEARD, [began, objection, round], PPP_METHODS);
}

/** It ended otherwise, or nobody can tell. */
const SETTLED: readonly string[] = [UP, CUT_INSIDE, ...LOGIN_ENDS];

const DISAGREED =
  'The two sides of PPP come to no agreement: as a rule they have no method of login in common (PAP, MS-CHAPv2), or no address is given.';
const UNHEARD =
  'The L2TP call stands, and one side gives no answer to PPP inside: the program behind it (pppd) did not start, or ended at once.';

function isObjection(what: string): boolean {
  return what.endsWith('configure-nak') || what.endsWith('configure-reject');
}

/** Both sides have taken the other's addresses. */
function isAgreed(l2tp: readonly L2tpSighting[]): boolean {
  const taken = l2tp.filter(({ what }) => what === 'IPCP configure-ack' || what === 'IPV6CP configure-ack');
  return new Set(taken.map(({ source }) => source.address.text)).size === 2;
}

/** RFC 1661 section 4.6: Max-Configure is ten, Max-Failure five; nobody who agrees needs as many as that. */
const MANY_REQUESTS = 5;

/** The last of one side's requests, if they only go on: unanswered, or objected to again and again. */
function withoutEnd(l2tp: readonly L2tpSighting[], scene: Scene): L2tpSighting | undefined {
  for (const protocol of ['LCP', 'IPCP']) {
    const requests = l2tp.filter(({ what }) => what === `${protocol} configure-request`);
    for (const side of new Set(requests.map(({ source }) => source.address.text))) {
      const own = requests.filter(({ source }) => source.address.text === side);
      const isTaken = l2tp.some(
        ({ what, source }) => what === `${protocol} configure-ack` && source.address.text !== side,
      );
      const isLong = own.length >= MANY_REQUESTS && scene.lastAt - own[0]!.at >= PATIENCE;
      if (isLong && !isTaken && isBothSeen(l2tp)) return own.at(-1);
    }
  }
  return undefined;
}

/** Keys may open one direction only. */
function isBothSeen(l2tp: readonly L2tpSighting[]): boolean {
  return new Set(l2tp.filter(({ isInside }) => isInside).map(({ source }) => source.address.text)).size === 2;
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

/** How PPP logs in, on each system. */
export const PPP_METHODS: readonly Remedy[] = [
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
