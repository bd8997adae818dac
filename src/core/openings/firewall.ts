/** How a firewall is told to let openings through: commands or lines for a person to paste. */
import { type Carrier, type CarrierPorts, type Opening, openingsOfAll } from './openings.ts';

/**
 * `client`: the firewall of the client's machine, or one between it and the network; it lets out what goes to the gateway's
 * openings, and the replies in. `gateway`: that of the gateway's machine, or in front of it; it lets in what comes to them.
 */
export type Side = 'client' | 'gateway';

export const SIDES: readonly Side[] = ['client', 'gateway'];

/** Lines that go to one place. */
export interface Block {
  /** Where: a shell and its rights, or a file. */
  readonly title: string;
  readonly lines: readonly string[];
}

export interface FirewallRules {
  readonly blocks: readonly Block[];
  /** What to know before pasting. */
  readonly notes: readonly string[];
  /** What this firewall can't be told to open. */
  readonly cannot: readonly Opening[];
}

export interface Firewall {
  /** What `--for` takes. */
  readonly name: string;
  readonly title: string;
  rules(need: Need): FirewallRules;
}

/** What is to pass. */
export interface Need {
  readonly carriers: readonly Carrier[];
  readonly ports: CarrierPorts;
  readonly side: Side;
  /** Those of all the carriers, as any client uses them: NAT-T begins on the IKE port. */
  readonly openings: readonly Opening[];
}

export function needOf(carriers: readonly Carrier[], ports: CarrierPorts, side: Side): Need {
  return { carriers, ports, side, openings: openingsOfAll(carriers, ports, 'ike') };
}

/** Stands in lines where the reader puts an address. */
export const GATEWAY = 'GATEWAY';

/** One block, or none when there is nothing to write. */
export function block(title: string, lines: readonly string[]): Block[] {
  return lines.length === 0 ? [] : [{ title, lines }];
}

export function isPort(opening: Opening): opening is Extract<Opening, { port: number }> {
  return opening.kind !== 'protocol';
}

/** "protocol UDP, port 500" */
export function formatRow(opening: Opening): string {
  return isPort(opening) ? `protocol ${opening.kind.toUpperCase()}, port ${opening.port}` : 'protocol ESP';
}
