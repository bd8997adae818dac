/** sallyport openings: what each carrier needs open, and the rules for a firewall. Needs neither root nor a gateway. */
import { type Firewall, type FirewallRules, type Need, needOf, SIDES, type Side } from '../core/openings/firewall.ts';
import { FIREWALLS } from '../core/openings/firewalls.ts';
import {
  CARRIER_TITLES,
  CARRIERS,
  type Carrier,
  type CarrierPorts,
  formatOpening,
  openingsOf,
  STANDARD_PORTS,
  sameOpening,
} from '../core/openings/openings.ts';
import { jsonText } from '../host/escape.ts';
import { alignTable } from './table.ts';
import { expectArguments, oneOf, parseCommand, UsageError } from './usage.ts';

const OPTIONS = {
  carrier: { type: 'string' },
  side: { type: 'string' },
  for: { type: 'string' },
  ports: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  console.log(answer(args));
  return 0;
}

/** What the command prints. */
export function answer(args: string[]): string {
  const { values, positionals } = parseCommand(args, OPTIONS);
  expectArguments(positionals);
  const carriers = values.carrier === undefined ? CARRIERS : [oneOf('--carrier', values.carrier, CARRIERS)];
  const side = oneOf('--side', values.side ?? 'client', SIDES);
  const firewall = values.for === undefined ? undefined : firewallNamed(values.for);
  const need = needOf(carriers, parsePorts(values.ports), side);
  return values.json ? jsonText(report(need, firewall), 2) : page(need, firewall);
}

function firewallNamed(name: string): Firewall {
  const names = FIREWALLS.map((firewall) => firewall.name);
  return FIREWALLS[names.indexOf(oneOf('--for', name, names))]!;
}

const PORT_NAMES: Readonly<Record<string, keyof CarrierPorts>> = {
  ike: 'ike',
  'nat-t': 'natT',
  'cisco-udp': 'ciscoUdp',
  'cisco-tcp': 'ciscoTcp',
};

/** "cisco-udp=20000,cisco-tcp=443" over the standard ports. */
function parsePorts(text: string | undefined): CarrierPorts {
  const ports: Record<keyof CarrierPorts, number | undefined> = { ...STANDARD_PORTS };
  for (const part of text === undefined ? [] : text.split(',')) {
    const [, name = '', digits = ''] = /^([a-z-]+)=(\d{1,5})$/.exec(part) ?? [];
    const key = Object.hasOwn(PORT_NAMES, name) ? PORT_NAMES[name] : undefined;
    const port = Number(digits);
    if (key === undefined || port < 1 || port > 65535)
      throw new UsageError(`--ports takes NAME=PORT,... with the names ${Object.keys(PORT_NAMES).join(', ')}`);
    ports[key] = port;
  }
  return ports as CarrierPorts;
}

interface Report {
  readonly side: Side;
  readonly carriers: readonly { readonly carrier: Carrier; readonly openings: readonly string[] }[];
  readonly system:
    | (Omit<FirewallRules, 'cannot'> & {
        readonly name: string;
        readonly cannot: readonly string[];
        readonly remaining: readonly Carrier[];
      })
    | null;
}

function report(need: Need, firewall: Firewall | undefined): Report {
  const rules = firewall?.rules(need);
  return {
    side: need.side,
    carriers: need.carriers.map((carrier) => ({
      carrier,
      openings: openingsOf(carrier, need.ports, 'ike').map(formatOpening),
    })),
    system:
      firewall && rules
        ? {
            name: firewall.name,
            ...rules,
            cannot: rules.cannot.map(formatOpening),
            remaining: remaining(need, rules),
          }
        : null,
  };
}

/** Of all carriers those that need nothing which the firewall can't open: also for who asked for another one alone. */
function remaining({ ports }: Need, { cannot }: FirewallRules): readonly Carrier[] {
  return CARRIERS.filter(
    (carrier) =>
      !openingsOf(carrier, ports, 'ike').some((opening) => cannot.some((shut) => sameOpening(shut, opening))),
  );
}

function page(need: Need, firewall: Firewall | undefined): string {
  return firewall ? rulesPage(need, firewall) : overview(need);
}

function overview({ carriers, ports, side }: Need): string {
  const rows = carriers.map((carrier) => [
    carrier,
    CARRIER_TITLES[carrier],
    openingsOf(carrier, ports, 'ike').map(formatOpening).join(', '),
  ]);
  return [
    alignTable([['CARRIER', '', 'NEEDS'], ...rows]),
    '',
    side === 'client'
      ? 'Outward from the client to these ports of the gateway, and the replies back. What one carrier needs is enough.'
      : 'Inward to the gateway, from any port, and the replies back. Open what the carriers you offer need.',
    ...(carriers.includes('nat-t')
      ? [
          `Between Sallyport's client and gateway NAT-T needs UDP ${ports.natT} alone: it need not begin on UDP ${ports.ike}.`,
        ]
      : []),
    '',
    'The rules for your firewall: sallyport openings --for SYSTEM, where SYSTEM is',
    alignTable(FIREWALLS.map(({ name, title }) => [`  ${name}`, title])),
  ].join('\n');
}

function rulesPage(need: Need, firewall: Firewall): string {
  const rules = firewall.rules(need);
  const left = remaining(need, rules);
  return [
    `# ${firewall.title}, on the ${need.side}'s side: ${need.carriers.join(', ')}`,
    ...rules.blocks.flatMap(({ title, lines }) => ['', `# ${title}`, ...lines]),
    '',
    ...rules.notes.map((note) => `# ${note}`),
    ...(rules.cannot.length > 0 ? [`# Carriers that remain: ${left.join(', ')}.`] : []),
  ].join('\n');
}
