/** Remedies that several rules give: one wording, one place. */
import { needOf, type Side } from '../openings/firewall.ts';
import { FIREWALLS } from '../openings/firewalls.ts';
import { type Carrier, STANDARD_PORTS } from '../openings/openings.ts';
import type { Remedy } from './finding.ts';

/** The firewalls whose rules go with a finding; `sallyport openings` has them all. */
const SHOWN = ['nftables', 'windows', 'cisco-asa'];

const WHERE: Readonly<Record<Side, string>> = {
  client: 'at the client and what it is behind',
  gateway: 'at the gateway and in front of it',
};

/** Rules that let `carriers` through on one side. */
export function openFirewall(carriers: readonly Carrier[], side: Side): Remedy[] {
  const need = needOf(carriers, STANDARD_PORTS, side);
  return FIREWALLS.filter(({ name }) => SHOWN.includes(name)).flatMap(({ title, rules }) => {
    const [block] = rules(need).blocks;
    return block
      ? [{ where: 'firewall' as const, does: `${title}, ${WHERE[side]}: ${block.title}`, lines: block.lines }]
      : [];
  });
}

/** What listens at the gateway, to be asked on its machine. */
export const IS_IT_RUNNING: Remedy = {
  where: 'sallyport',
  does: 'See whether the gateway runs and listens, on its machine.',
  lines: ['sallyport status', "ss -lun 'sport = :500 or sport = :4500'"],
};
