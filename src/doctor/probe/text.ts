/** A survey in words: a verdict, and what was seen. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { suiteText } from '../../core/diagnosis/offer.ts';
import { sightText } from './address-probe.ts';
import type { GatewaySight, Ikev1Sight, Ikev2Sight, NatState, Survey } from './survey.ts';

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
  const healthy = `${where}: ${parts.filter((part) => part !== undefined).join('; ')}.`;
  return first?.severity === 'warning' ? `${healthy} But: ${first.cause}` : healthy;
}

/** Rows of two columns. */
export function detailRows(survey: Survey): [title: string, text: string][] {
  const { addresses, gateway } = survey;
  const several = addresses.length > 1;
  const rows: [string, string][] = addresses.flatMap(({ address, ports }) =>
    ports.map((sight): [string, string] => {
      const [kind, number] = sight.port.split('/');
      const title = `${kind!.toUpperCase()} ${number}`;
      const text = sightText(sight).slice(title.length + 1);
      const time = sight.after === undefined ? '' : `, ${sight.after} ms`;
      return [
        several ? `${address} ${title}` : title,
        `${text}${sight.code && sight.state === 'failed' ? ` (${sight.code})` : ''}${time}`,
      ];
    }),
  );
  if (!gateway) return rows;
  if (gateway.name) rows.push(['What it is', nameText(gateway)]);
  if (gateway.ikev1) rows.push(['IKEv1', ikev1Text(gateway.ikev1)]);
  if (gateway.ikev2) rows.push(['IKEv2', ikev2Text(gateway.ikev2)]);
  rows.push(['NAT', `${NAT_WORDS[gateway.nat.ours]}; ${GATEWAY_NAT_WORDS[gateway.nat.theirs]}`]);
  rows.push(['Large UDP', largeText(gateway)]);
  if (gateway.resends.length > 0) {
    const seconds = gateway.resends.map((after) => (after / 1000).toFixed(1)).join(', ');
    rows.push(['Sends again', `by itself, ${seconds} s after its first answer`]);
  }
  rows.push(['Asked', askedText(survey)]);
  return rows;
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

const NAT_WORDS: Readonly<Record<NatState, string>> = {
  none: 'no NAT between here and it',
  present: 'behind a NAT here, as it says',
  unknown: 'whether there is a NAT it did not say',
};

const GATEWAY_NAT_WORDS: Readonly<Record<NatState, string>> = {
  none: 'none before the gateway',
  present: 'the gateway is behind one, or pretends to be',
  unknown: 'nor of its own address',
};

const AGGRESSIVE_WORDS: Readonly<Record<Ikev1Sight['aggressive']['state'], string>> = {
  hash: 'aggressive mode proves itself to strangers',
  answers: 'aggressive mode answers strangers',
  refused: 'aggressive mode refuses strangers',
  silent: 'aggressive mode is silent to strangers',
};

function ikev1Text({ taken, aggressive, xauth }: Ikev1Sight): string {
  const chosen = taken.flatMap(({ suite }) => (suite ? [suiteText(suite)] : []));
  const refused = taken
    .filter(({ suite, offer }) => !suite && offer !== 'all')
    .map(({ offer }) => OFFER_WORDS[offer] ?? offer);
  return [
    chosen.length > 0 ? `main mode chose ${[...new Set(chosen)].join(', then ')}` : 'main mode refuses what is offered',
    ...(refused.length > 0 && chosen.length > 0 ? [`refuses ${refused.join(' and ')}`] : []),
    AGGRESSIVE_WORDS[aggressive.state],
    ...(xauth ? ['can ask for a login (XAUTH)'] : []),
  ].join('; ');
}

const OFFER_WORDS: Readonly<Record<string, string>> = {
  broken: 'DES and modp768',
  aged: '3DES, MD5 and groups under 2048 bits',
  modern: 'AES with groups of 2048 bits and more',
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
  const passage = large ? `${large.bytes} bytes ${large.passes ? 'pass' : 'are lost'} in fragments` : 'not tried';
  const splits = [
    ...(ikev1?.main ? [`IKEv1 ${ikev1.fragmentation ? 'yes' : 'no'}`] : []),
    ...(ikev2?.suite ? [`IKEv2 ${ikev2.fragmentation ? 'yes' : 'no'}`] : []),
  ];
  return `${passage}${splits.length > 0 ? `; fragmentation in IKE: ${splits.join(', ')}` : ''}`;
}

function askedText({ packets, gateway, isComplete }: Survey): string {
  const sent = packets.filter(({ direction }) => direction === 'out').length;
  const limits = gateway?.limits;
  return [
    `${sent} packets sent, ${packets.length - sent} came back`,
    ...(limits && limits.unanswered > 0 ? [`${limits.unanswered} questions without answer`] : []),
    ...(isComplete ? [] : ['the time was up before all was asked']),
  ].join('; ');
}
