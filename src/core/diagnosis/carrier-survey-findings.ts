/** What a survey comes to: why no carrier works, or what is shut though one does. */
import { needOf } from '../openings/firewall.ts';
import { ciscoAsa } from '../openings/firewalls/cisco-asa.ts';
import { iptables } from '../openings/firewalls/iptables.ts';
import { nftables } from '../openings/firewalls/nftables.ts';
import {
  CARRIER_TITLES,
  type CarrierPorts,
  formatOpening,
  type Opening,
  openingsOf,
  sameOpening,
} from '../openings/openings.ts';
import type { CarrierOutcome, CarrierSurvey, OpeningState, SurveyedOpening } from './carrier-survey.ts';
import type { Evidence, Finding, Remedy, Severity } from './finding.ts';
import { IS_IT_RUNNING } from './remedies.ts';
import { LOGINS } from './rules/login.ts';
import { PPP_LOGINS } from './rules/ppp.ts';

export function surveyFindings(survey: CarrierSurvey): Finding[] {
  const works = survey.carriers.some(({ outcome }) => outcome === 'works');
  const severity: Severity = works ? 'note' : 'cause';
  const refusals = survey.carriers
    .filter(({ outcome }) => outcome === 'login' || outcome === 'refused' || outcome === 'silent')
    .map(({ outcome, detail }) => refusalFinding(outcome === 'login' ? survey.login : undefined, detail, severity));
  const distinct = refusals.filter(({ cause }, i) => refusals.findIndex((other) => other.cause === cause) === i);
  const shut = survey.openings.filter(({ state }) => isShut(state));
  return [...distinct, ...shut.map((opening) => shutFinding(opening, survey, severity))];
}

/** "connects by NAT-T and native ESP; closed: UDP 10000". */
export function surveyVerdict({ gateway, carriers, openings }: CarrierSurvey): string {
  const titles = carriers.filter(({ outcome }) => outcome === 'works').map(({ carrier }) => CARRIER_TITLES[carrier]);
  const shut = openings.filter(({ state }) => isShut(state)).map(({ opening }) => formatOpening(opening));
  const closed = shut.length > 0 ? `; closed: ${shut.join(', ')}` : '';
  if (titles.length > 0) return `healthy: ${gateway} is reached, data path included, by ${titles.join(', ')}${closed}`;
  const refused = carriers.find(({ outcome }) => outcome === 'login' || outcome === 'refused' || outcome === 'silent');
  if (wasEnded(carriers)) return `${gateway}: ended before every carrier was tried${closed}`;
  return refused ? `${gateway}: ${refused.detail}${closed}` : `no carrier gets through to ${gateway}${closed}`;
}

/** Before anything worked or was refused: whoever dials leaves carriers untried only then, or after a login that was refused. */
export function wasEnded(carriers: CarrierSurvey['carriers']): boolean {
  const has = (...ones: readonly CarrierOutcome[]) => carriers.some(({ outcome }) => ones.includes(outcome));
  return has('not-tried') && !has('works', 'login', 'refused', 'silent');
}

/** For people, beside the opening. */
export const STATE_WORDS: Readonly<Record<OpeningState, string>> = {
  open: 'open',
  'blocked-outward': 'blocked outward, on this machine',
  'blocked-inward': 'blocked inward, on this machine',
  'no-answer': 'left this machine, and no answer came',
  refused: 'refused: nobody listens there',
  'not-reached': 'not tried, or what comes before it failed',
};

function isShut(state: OpeningState): boolean {
  return state !== 'open' && state !== 'not-reached';
}

/** @param login who refused name and password; undefined: it was something else */
function refusalFinding(login: CarrierSurvey['login'] | undefined, detail: string, severity: Severity): Finding {
  const [rule, remedies] = login === undefined ? OTHER_REFUSAL : login === 'l2tp' ? PPP_REFUSAL : XAUTH_REFUSAL;
  return { rule, severity, cause: detail, evidence: [], remedies };
}

/** As the same fault is called where a capture shows it. */
const XAUTH_REFUSAL = ['xauth-refused', LOGINS] as const;
const PPP_REFUSAL = ['ppp-refused', PPP_LOGINS] as const;

/** What the gateway said to us may mean several things: its own log and a capture tell which. */
const REFUSALS: readonly Remedy[] = [
  { where: 'sallyport', does: 'See why, in the words of the gateway.', lines: ['sallyport sessions --failed'] },
  {
    where: 'client',
    does: 'Capture while you connect, and have the capture judged.',
    lines: ["tcpdump -i any -w attempt.pcap 'udp or esp or icmp or tcp port 10000'", 'sallyport doctor attempt.pcap'],
  },
];

const OTHER_REFUSAL = ['gateway-refused', REFUSALS] as const;

function shutFinding({ opening, state }: SurveyedOpening, survey: CarrierSurvey, severity: Severity): Finding {
  const name = formatOpening(opening);
  const [cause, says] = WORDS[state as ShutState];
  const evidence: Evidence[] = [{ packet: 0, says: `${name}: ${says}` }];
  const through = survey.carriers
    .map(({ carrier }) => carrier)
    .filter((carrier) => openingsOf(carrier, survey.ports, 'ike').some((one) => sameOpening(one, opening)));
  return {
    rule: ruleOf(opening, survey.ports),
    severity,
    cause: `${cause(name)}; it is needed for ${through.map((carrier) => CARRIER_TITLES[carrier]).join(', ')}`,
    evidence,
    remedies: remediesOf(opening, state as ShutState, survey),
  };
}

type ShutState = Exclude<OpeningState, 'open' | 'not-reached'>;

const WORDS: Readonly<Record<ShutState, readonly [(name: string) => string, string]>> = {
  'blocked-outward': [
    (name) => `a firewall on this machine lets nothing out by ${name}`,
    'what was sent never reached a network device',
  ],
  'blocked-inward': [
    (name) => `a firewall on this machine throws away what comes in by ${name}`,
    "the gateway's answer came to a network device, and never to the program",
  ],
  'no-answer': [
    (name) => `${name} is closed between this machine and the gateway, or the gateway does not serve it`,
    'it left this machine, and nothing came back',
  ],
  refused: [(name) => `the gateway does not serve ${name}`, 'the gateway refused it'],
};

/** As the same fault is called where a capture shows it. */
function ruleOf(opening: Opening, ports: CarrierPorts): string {
  if (opening.kind === 'protocol') return 'esp-one-way';
  if (opening.kind === 'tcp') return 'cisco-tcp-closed';
  if (opening.port === ports.ike) return 'no-answer-500';
  return opening.port === ports.natT ? 'silence-on-4500' : 'cisco-udp-closed';
}

/** Rules for the side where it is shut; nobody can open by rules what the gateway doesn't serve. */
function remediesOf(opening: Opening, state: ShutState, { ports }: CarrierSurvey): Remedy[] {
  if (state === 'refused') return [servingOf(opening, ports)];
  const side = state === 'no-answer' ? 'gateway' : 'client';
  const need = { ...needOf([], ports, side), openings: [opening] };
  const firewalls = side === 'client' ? [nftables, iptables] : [nftables, ciscoAsa];
  const where = side === 'client' ? 'client' : 'firewall';
  return firewalls.map((firewall) => ({
    where,
    does: `${firewall.title}, on the ${side}'s side ('sallyport openings --for' has others)`,
    lines: firewall.rules(need).blocks.flatMap(({ lines }) => lines),
  }));
}

/** The line of our gateway's configuration; IKE's own port is served wherever it runs. */
export function servingOf(opening: Opening, ports: CarrierPorts): Remedy {
  if (opening.kind === 'udp' && opening.port === ports.ike) return IS_IT_RUNNING;
  return { where: 'sallyport', does: 'Serve it.', lines: [`carriers: { ${switchOf(opening, ports)} }`] };
}

function switchOf(opening: Opening, ports: CarrierPorts): string {
  if (opening.kind === 'protocol') return 'esp: true';
  if (opening.kind === 'tcp') return `cisco-tcp: [${opening.port}]`;
  return opening.port === ports.natT ? 'nat-t: true' : `cisco-udp: ${opening.port}`;
}
