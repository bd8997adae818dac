/** A survey as a report: its findings, what was asked and answered, and a ladder of each port's packets. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { placeOf } from '../../core/diagnosis/products.ts';
import type { Ladder, ReportPage } from '../report/page.ts';
import type { ProbePacket } from './packet-log.ts';
import type { Survey } from './survey.ts';
import { askedText, detailRows, verdictText } from './text.ts';

/** @param began when the probe began, milliseconds since the epoch */
export function surveyPage(survey: Survey, findings: readonly Finding[], began: number): ReportPage {
  const { host, gateway, packets } = survey;
  const place = gateway?.name && placeOf(gateway.name.name);
  const works = gateway !== undefined && findings.every(({ severity }) => severity !== 'cause');
  return {
    title: host,
    verdict: verdictText(survey, findings),
    isHealthy: isHealthy(survey, findings),
    facts: [`${askedText(survey)} (their numbers: #1 to #${packets.length})`, ...(works ? [FURTHER] : [])],
    tables: [{ title: 'Asked and answered', rows: detailRows(survey) }],
    findings: findings.map((finding) => ({ ...finding, gateway: place })),
    ladders: laddersOf(packets, began),
    inFull: ['--json', '--html FILE'],
  };
}

/** A healthy gateway may yet refuse whoever reads this. */
const FURTHER = "whether a login succeeds and data passes 'sallyport doctor PROFILE' tells";

/** Somebody answers, and nothing is above a note. */
export function isHealthy({ gateway }: Survey, findings: readonly Finding[]): boolean {
  return gateway !== undefined && findings.every(({ severity }) => severity === 'note');
}

/** One for each port: there are at most four of each address. */
function laddersOf(packets: readonly ProbePacket[], began: number): Ladder[] {
  const byPeer = [...Map.groupBy(packets, ({ peer }) => peer)];
  const tcpLast = byPeer.toSorted(([a], [b]) => Number(a.includes(' tcp/')) - Number(b.includes(' tcp/')));
  return tcpLast.map(([peer, ofPeer]) => ({
    title: `Asked of ${peer}`,
    left: 'here',
    right: peer,
    steps: ofPeer.map(({ number, at, direction, says }) => ({
      packet: number,
      at: began + at,
      isFromLeft: direction === 'out',
      what: says,
      details: [],
      isRepeat: says.endsWith(', again'),
    })),
    omitted: 0,
  }));
}
