/** What Sallyport wants to reach, beside what the figures of one run say. */
import type { Figures } from './outcome.ts';

interface Aim {
  readonly says: string;
  readonly least?: number;
  readonly most?: number;
  readonly unit: string;
  /** NaN when a figure is missing. */
  readonly reached: (figure: (name: string) => number) => number;
}

const STRONGSWAN = 'peers: strongSwan in user space, AES-128-GCM';
const VPNC = 'peers: vpnc to strongSwan in user space, AES-128-CBC, SHA1';

/** How much larger the one figure is than the other. */
function ratio(one: string, other: string): Aim['reached'] {
  return (figure) => figure(one) / figure(other);
}

function itself(name: string): Aim['reached'] {
  return (figure) => figure(name);
}

const ours = (suite: string, carrier: string) => `Sallyport's client and gateway, ${suite}, ${carrier}`;
const [CBC, GCM] = ['AES-128-CBC, SHA1', 'AES-128-GCM'];

const THROUGHPUT: readonly Aim[] = [
  {
    says: 'the dataplane, GCM, to strongSwan',
    least: 10,
    unit: 'times',
    reached: ratio('dataplane: Sallyport, aes128gcm16, nat-t', STRONGSWAN),
  },
  {
    says: 'the dataplane, GCM, of the path without cryptography',
    least: 0.6,
    unit: 'of it',
    reached: ratio('dataplane: Sallyport, aes128gcm16, nat-t', 'dataplane: Sallyport, no cryptography, nat-t'),
  },
  {
    says: 'the dataplane, CBC with SHA1',
    least: 2,
    unit: 'Gbit/s',
    reached: itself('dataplane: Sallyport, aes128-sha1, nat-t'),
  },
  {
    says: 'client and gateway, GCM, NAT-T, to strongSwan',
    least: 15,
    unit: 'times',
    reached: ratio(`carriers: ${ours(GCM, 'nat-t')}`, STRONGSWAN),
  },
  {
    says: 'client and gateway, CBC with SHA1, NAT-T, to vpnc',
    least: 5,
    unit: 'times',
    reached: ratio(`carriers: ${ours(CBC, 'nat-t')}`, VPNC),
  },
  ...[
    { carrier: 'esp', name: 'native ESP' },
    { carrier: 'cisco-tcp', name: 'Cisco TCP' },
  ].flatMap(({ carrier, name }) =>
    [GCM, CBC].map((suite) => ({
      says: `client and gateway, ${suite === GCM ? 'GCM' : 'CBC with SHA1'}, ${name}, to vpnc`,
      least: 4,
      unit: 'times',
      reached: ratio(`carriers: ${ours(suite, carrier)}`, VPNC),
    })),
  ),
  {
    says: 'client and gateway, CBC with SHA1, L2TP',
    least: 2,
    unit: 'Gbit/s',
    reached: itself(`l2tp: ${ours(CBC, 'L2TP over nat-t')}`),
  },
  {
    says: 'client and gateway, GCM, L2TP, of the same without L2TP',
    least: 0.9,
    unit: 'of it',
    reached: ratio(`l2tp: ${ours(GCM, 'L2TP over nat-t')}`, `l2tp: ${ours(GCM, 'nat-t')}`),
  },
];

const LOGINS: readonly Aim[] = [
  { kind: 'main, quick', name: "a peer's login" },
  { kind: 'aggressive, XAUTH, Mode-Config, quick', name: "a user's login" },
].flatMap(({ kind, name }) => [
  {
    says: `${name}, modp2048, to charon with its default, long exponents`,
    most: 1 / 3,
    unit: 'of its CPU',
    reached: ratio(`logins: ${kind}, modp2048, Sallyport`, `logins: ${kind}, modp2048, charon, long exponents`),
  },
  ...['modp2048', 'P-256'].map((group) => ({
    says: `${name}, ${group}, to charon with short exponents`,
    most: 1,
    unit: 'of its CPU',
    reached: ratio(`logins: ${kind}, ${group}, Sallyport`, `logins: ${kind}, ${group}, charon, short exponents`),
  })),
]);

const MANY: readonly Aim[] = [
  { says: '10,000 sessions, each', most: 16, unit: 'kB', reached: itself('sessions: kB each of 10000') },
  { says: '10,000 sessions, all', most: 300, unit: 'MB', reached: itself('sessions: MB with 10000') },
  ...[
    { group: 'modp2048', least: 800 },
    { group: 'P-256', least: 1500 },
  ].flatMap(({ group, least }) => [
    {
      says: `the crowd, ${group}, connects a CPU second`,
      least,
      unit: '',
      reached: itself(`crowd: Sallyport, ${group}, connects a CPU second`),
    },
    {
      says: `the crowd, ${group}, all 10,000`,
      most: 400,
      unit: 'MB',
      reached: itself(`crowd: Sallyport, ${group}, MB with 10000`),
    },
  ]),
];

const DOCTOR: readonly Aim[] = [
  { says: 'a capture, to tshark', least: 10, unit: 'times as fast', reached: itself('captures: times as fast') },
  { says: 'a capture', most: 300, unit: 'MB', reached: itself('captures: MB') },
  { says: 'the true cause, known captures', least: 1, unit: 'of them', reached: itself('scenarios: known, right') },
  {
    says: 'the true cause, captures set aside',
    least: 0.9,
    unit: 'of them',
    reached: itself('scenarios: aside, right'),
  },
  {
    says: 'false alarms',
    most: 0,
    unit: '',
    reached: (figure) => figure('scenarios: known, false alarms') + figure('scenarios: aside, false alarms'),
  },
];

export function formatAims(figures: Figures): string {
  const aims = [...THROUGHPUT, ...LOGINS, ...MANY, ...DOCTOR];
  const width = Math.max(...aims.map(({ says }) => says.length));
  return aims.map((aim) => formatAim(aim, width, figures)).join('\n');
}

function formatAim({ says, least, most, unit, reached }: Aim, width: number, figures: Figures): string {
  const value = reached((name) => figures[name] ?? Number.NaN);
  const aim = least === undefined ? `at most ${short(most!)}` : `at least ${short(least)}`;
  const verdict = value >= (least ?? Number.NEGATIVE_INFINITY) && value <= (most ?? Number.POSITIVE_INFINITY);
  const result = Number.isNaN(value) ? 'not measured' : `${short(value).padStart(6)}  ${verdict ? 'met' : 'missed'}`;
  return `${says.padEnd(width)}  ${`${aim} ${unit}`.padEnd(28)}  ${result}`;
}

/** Three digits, or all of those before the point. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
