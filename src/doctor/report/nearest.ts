/** Which of a finding's remedies somebody needs first: one for each place and end of the way, of the gateways only that which is there. */
import type { Place, Remedy } from '../../core/diagnosis/finding.ts';
import type { ReportFinding } from './page.ts';

/** What stands at a connection beside its gateway. Windows is a client as a rule. */
const BESIDE: readonly Place[] = ['client', 'windows', 'firewall'];

export function nearest({ remedies, gateway }: ReportFinding): readonly Remedy[] {
  const isFirst = ({ where, side }: Remedy, i: number) =>
    remedies.findIndex((other) => other.where === where && other.side === side) === i;
  const first = remedies.filter(isFirst);
  // where nothing is known for this gateway, what others would need tells what to look for
  if (!first.some(({ where }) => where === gateway)) return first;
  return first.filter(({ where }) => where === gateway || BESIDE.includes(where));
}
