/** A survey in words: a verdict, and what was seen. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { suiteText } from '../../core/diagnosis/offer.ts';
import type { TableRow } from '../report/page.ts';
import { portText, stateText } from './port-text.ts';
import type { GatewaySight, Ikev1Sight, Ikev2Sight, NatState, PortSight, Survey } from './survey.ts';

/** A cause if there is one, else what is healthy, and behind it what is the worst of the rest if that is above a note. */
export function verdictText(survey: Survey, findings: readonly Finding[]): string {
  const [first] = findings;
  const where = namesOf(survey);
  if (first?.severity === 'cause') return `${where}: ${first.cause}`;
  const { gateway } = survey;
  if (!gateway) return `${where}: nothing that answers was found.`;
  const parts = [
    `answers on ${answeringPorts(survey, gateway)}`,
    versionsText(gateway),
    gateway.name ? nameText(gateway) : undefined,
    NAT_WORDS[gateway.nat.ours],
  ];
  const whole = `${where} ${parts.filter((part) => part !== undefined).join('; ')}.`;
  return first?.severity === 'warning' ? `${whole} But: ${first.cause}` : `Healthy: ${whole}`;
}

/** What was asked, and what came of it. */
export function detailRows({ addresses, gateway }: Survey): TableRow[] {
  const several = addresses.length > 1;
  const ports = addresses.flatMap(({ address, ports }) =>
    ports.map((sight) => portRow(sight, several ? `${address} ` : '')),
  );
  return gateway ? [...ports, ...gatewayRows(gateway)] : ports;
}

function portRow(sight: PortSight, prefix: string): TableRow {
  const { port, state, code, after } = sight;
  const text = `${stateText(sight)}${code && state === 'failed' ? ` (${code})` : ''}${after === undefined ? '' : `, ${after} ms`}`;
  // few gateways serve TCP, and nobody misses it there
  const isMissed = port.startsWith('udp') && state !== 'answers';
  return {
    title: `${prefix}${portText(port)}`,
    text,
    state: state === 'answers' ? 'well' : isMissed ? 'ill' : undefined,
  };
}

function gatewayRows(gateway: GatewaySight): TableRow[] {
  const { ikev1, ikev2, nat, large, limits } = gateway;
  const resends = gateway.resends.map((after) => (after / 1000).toFixed(1)).join(', ');
  return [
    { title: 'What it is', text: gateway.name ? nameText(gateway) : unnamedText(gateway) },
    ...(ikev1 ? [{ title: 'IKEv1', text: ikev1Text(ikev1) }] : []),
    ...(ikev2 ? [{ title: 'IKEv2', text: ikev2Text(ikev2) }] : []),
    { title: 'NAT', text: `${NAT_WORDS[nat.ours]}; ${GATEWAY_NAT_WORDS[nat.theirs]}` },
    {
      title: 'Large datagrams',
      text: largeText(gateway),
      state: large && (large.passes ? 'well' : 'ill'),
    },
    ...(resends === '' ? [] : [{ title: 'Sends again', text: `by itself, ${resends} s after its first answer` }]),
    { title: 'Rate limit', text: limitText(limits) },
  ];
}

function namesOf({ host, addresses }: Survey): string {
  const others = addresses.map(({ address }) => address).filter((address) => address !== host);
  return others.length > 0 ? `${host} (${others.join(', ')})` : host;
}

function answeringPorts({ addresses }: Survey, gateway: GatewaySight): string {
  const { ports } = addresses.find(({ address }) => address === gateway.address)!;
  const answering = (kind: string) =>
    ports
      .filter(({ port, state }) => port.startsWith(kind) && state === 'answers')
      .map(({ port }) => port.split('/')[1]!);
  const udp = answering('udp');
  const tcp = answering('tcp');
  return `UDP ${udp.join(' and ')}${tcp.length > 0 ? ` and TCP ${tcp.join(' and ')}` : ''}`;
}

function versionsText({ ikev1, ikev2 }: GatewaySight): string | undefined {
  const versions = [
    ...(ikev1?.main ? ['IKEv1 main mode'] : []),
    ...(ikev1 && (ikev1.aggressive.state === 'hash' || ikev1.aggressive.state === 'answers')
      ? ['IKEv1 aggressive mode']
      : []),
    ...(ikev2 && ikev2.groups.length > 0 ? ['IKEv2'] : []),
  ];
  return versions.join(', ') || undefined;
}

function nameText({ name }: GatewaySight): string {
  return name!.isCertain ? name!.name : `looks like ${name!.name}`;
}

function unnamedText({ vendorIds }: GatewaySight): string {
  return vendorIds.length === 0
    ? 'unknown: it sends no vendor IDs'
    : 'unknown; its vendor IDs (--json) name no product';
}

const NAT_WORDS: Readonly<Record<NatState, string>> = {
  none: 'no NAT between here and it',
  present: 'it sees a NAT before this host, or pretends to',
  unknown: 'whether there is a NAT it did not say',
};

const GATEWAY_NAT_WORDS: Readonly<Record<NatState, string>> = {
  none: 'none before the gateway',
  present: 'the gateway says it is behind one, or pretends to be',
  unknown: 'nor of its own address',
};

const AGGRESSIVE_WORDS: Readonly<Record<Ikev1Sight['aggressive']['state'], string>> = {
  hash: 'aggressive mode answers strangers, with a hash made of a secret',
  answers: 'aggressive mode answers strangers',
  refused: 'aggressive mode refuses strangers',
  silent: 'aggressive mode is silent to strangers',
};

function ikev1Text({ taken, aggressive, xauth }: Ikev1Sight): string {
  const chosen = taken.flatMap(({ suite, offer }) => (suite ? [chosenText(offer, suiteText(suite))] : []));
  const refused = taken
    .filter(({ suite, offer }) => !suite && offer !== 'all')
    .map(({ offer }) => `of ${OFFER_WORDS[offer] ?? offer} nothing`);
  return [
    chosen.length > 0
      ? `main mode chose ${[...new Set([...chosen, ...refused])].join('; ')}`
      : 'main mode refuses what is offered',
    AGGRESSIVE_WORDS[aggressive.state],
    ...(xauth ? ['can ask for a login (XAUTH)'] : []),
  ].join('; ');
}

function chosenText(offer: string, suite: string): string {
  return offer === 'all' ? suite : `of ${OFFER_WORDS[offer] ?? offer} ${suite}`;
}

const OFFER_WORDS: Readonly<Record<string, string>> = {
  broken: 'DES and modp768',
  aged: '3DES, MD5 and groups below 2048 bits',
  modern: 'AES with groups from 2048 bits on',
};

function ikev2Text({ refusal, suite, groups, ciphers, integrities, broken }: Ikev2Sight): string {
  if (refusal === 'INVALID_MAJOR_VERSION') return 'not spoken, as it says';
  if (refusal !== undefined) return `refused (${refusal})`;
  const lists = [groups, ciphers, integrities].filter((names) => names.length > 0).map((names) => names.join(' '));
  return [
    ...(suite ? [`chose ${suiteText(suite)}`] : []),
    ...(lists.length > 0 ? [`takes ${lists.join('; ')}`] : ['takes nothing that was offered']),
    ...(broken.length > 0 ? [`even ${broken.join(' ')}`] : []),
  ].join('; ');
}

function largeText({ large, ikev1, ikev2 }: GatewaySight): string {
  const passage = large ? `${large.bytes} bytes ${large.passes ? 'pass' : 'are lost'} in IP fragments` : 'not tried';
  const splits = [
    ...(ikev1?.main ? [`IKEv1 ${ikev1.fragmentation ? 'yes' : 'no'}`] : []),
    ...(ikev2?.suite ? [`IKEv2 ${ikev2.fragmentation ? 'yes' : 'no'}`] : []),
  ];
  return `${passage}${splits.length > 0 ? `; the gateway fragments in IKE: ${splits.join(', ')}` : ''}`;
}

function limitText({ asked, unanswered, cookies }: GatewaySight['limits']): string {
  return [
    unanswered === 0 ? 'none met by what was asked' : `${unanswered} of ${asked} questions had no answer`,
    ...(cookies > 0 ? [`asked ${cookies} times for a cookie first`] : []),
  ].join('; ');
}

export function askedText({ packets, isComplete }: Survey): string {
  const sent = packets.filter(({ direction }) => direction === 'out').length;
  const late = isComplete ? '' : '; the time was up before all was asked';
  return `${sent} packets sent, ${packets.length - sent} came back${late}`;
}
