/**
 * `npm run bench`, or `npm run bench -- PART ...`: measures and prints the tables of BENCHMARKS.md; how far it is, on standard error.
 * With `--write` it puts them there, each when it is measured. A part that fails leaves the others theirs, and the exit status 1.
 */
import { lacking, missing } from '../test/lab/requirements.ts';
import { formatAims } from './aims.ts';
import { measureCaptures } from './captures.ts';
import { measureCarriers } from './carriers.ts';
import { crowdFigures, formatCrowd, measureCrowd } from './crowd.ts';
import { formatCrypto, measureCrypto } from './dataplane/crypto.ts';
import { formatMemory, measureMemory } from './dataplane/memory.ts';
import { formatRoads, measureRoads } from './dataplane/roads.ts';
import { measureTunnels } from './dataplane/tunnel.ts';
import { writeTable } from './document.ts';
import { measureL2tp } from './l2tp.ts';
import { formatLogins, loginFigures, measureHash, measureLogins } from './logins.ts';
import { describeMachine } from './machine.ts';
import type { Figures, Outcome } from './outcome.ts';
import { measurePeers } from './peers.ts';
import { tellProgress } from './progress.ts';
import { measureRekeys } from './rekey.ts';
import { outcomeOf } from './row.ts';
import { scoreScenarios } from './scenarios.ts';
import { formatSessions, measureSessions, sessionFigures } from './sessions.ts';
import { soak } from './soak.ts';

type Tell = (line: string) => void;

interface Part {
  readonly about: string;
  /** Why the machine can't measure it. */
  readonly lacks?: () => string | undefined;
  /** Left out when no part is named. */
  readonly onlyByName?: boolean;
  /** `tell` hears what of it is left out. */
  readonly run: (tell: Tell) => Outcome | Promise<Outcome>;
}

const SOAK_MINUTES = 30;

const inLab = { lacks: () => lacking() } as const;

const argv = process.argv.slice(2);
const wanted = argv.filter((word) => word !== '--write');
const writes = wanted.length < argv.length;
const minutes = wanted[0] === 'soak' && /^[1-9]\d*$/.test(wanted[1] ?? '') ? Number(wanted.pop()) : SOAK_MINUTES;

/** In the order of BENCHMARKS.md: peers next to what is compared with them. */
const parts: Readonly<Record<string, Part>> = {
  crypto: {
    about: 'ESP packets sealed and opened in one thread',
    run: () => ({ text: formatCrypto(measureCrypto()) }),
  },
  roads: {
    about: 'a packet through the dataplane in one thread, in tunnel mode and by L2TP',
    run: () => ({ text: formatRoads(measureRoads()) }),
  },
  dataplane: {
    ...inLab,
    about: 'two dataplanes back to back over veth, one TCP stream',
    run: async () => outcomeOf(await measureTunnels()),
  },
  carriers: {
    ...inLab,
    about: 'our client and our gateway on each carrier, one TCP stream',
    run: async () => outcomeOf(await measureCarriers()),
  },
  peers: {
    ...inLab,
    about: 'other VPNs on the same machine, one TCP stream',
    run: async (tell) => outcomeOf(await measurePeers(tell)),
  },
  l2tp: {
    ...inLab,
    about: "L2TP/IPsec, ours and others', and ours without L2TP beside it, one TCP stream",
    run: async (tell) => outcomeOf(await measureL2tp(tell)),
  },
  rekey: {
    ...inLab,
    about: 'a minute of TCP and pings with a rekey every two seconds',
    run: async () => ({ text: await measureRekeys() }),
  },
  logins: {
    ...inLab,
    about: 'CPU of the responder for each login, beside charon; logins per second',
    run: async (tell) => {
      const rows = await measureLogins(tell);
      return { text: formatLogins(rows, await measureHash()), figures: loginFigures(rows) };
    },
  },
  memory: {
    ...inLab,
    about: 'memory of 10,000 sessions in the dataplane alone',
    run: async () => ({ text: formatMemory(await measureMemory()) }),
  },
  sessions: {
    ...inLab,
    about: 'memory of the whole gateway with 1,000 and 10,000 users on',
    run: async () => {
      const rows = await measureSessions();
      return { text: formatSessions(rows), figures: sessionFigures(rows) };
    },
  },
  crowd: {
    ...inLab,
    about: '10,000 Windows clients behind one NAT address, by L2TP; beside SoftEther as far as it goes',
    run: async (tell) => {
      const rows = await measureCrowd(tell);
      return { text: formatCrowd(rows), figures: crowdFigures(rows) };
    },
  },
  captures: {
    about: 'a capture of 1 GB with 10,000 negotiations, read by the doctor and by tshark',
    lacks: () => missing('tshark'),
    run: measureCaptures,
  },
  scenarios: {
    about: 'the doctor and its library of captures: how often the first finding is the true cause, and false alarms',
    run: scoreScenarios,
  },
  soak: {
    ...inLab,
    about: `${minutes} minutes of 200 clients who come, roam, renew and die ('soak MINUTES')`,
    onlyByName: true,
    run: async () => ({ text: await soak(minutes, tellProgress) }),
  },
};

if (wanted.includes('help')) {
  for (const [name, { about, onlyByName }] of Object.entries(parts))
    console.log(`${name.padEnd(10)} ${about}${onlyByName ? '; only when it is named' : ''}`);
  process.exit();
}
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const isWhole = wanted.length === 0;
const figures: Record<string, number> = {};
// some parts measured anew don't make the others this machine's
print('machine', 'what all figures come from', describeMachine(), writes && isWhole);
for (const [name, part] of Object.entries(parts)) {
  if (isWhole ? !part.onlyByName : wanted.includes(name)) await measurePart(name, part);
}
if (isWhole) print('aims', 'what is wished, and what these figures say of it', formatAims(figures));
// what a part that failed began would keep the process, and ends with it
process.exit();

async function measurePart(name: string, { about, lacks, run }: Part): Promise<void> {
  tellProgress(`${name} begins`);
  try {
    const reason = lacks?.();
    if (reason !== undefined) return console.log(`\n${name}: ${about}\nleft out; ${reason}`);
    const told: string[] = [];
    const outcome = await run((line) => told.push(line));
    print(name, about, [...told, outcome.text].join('\n'));
    keep(name, outcome.figures);
  } catch (error) {
    console.log(`\n${name}: ${about}\nfailed; ${(error as Error).stack ?? error}`);
    process.exitCode = 1;
  }
}

function print(name: string, about: string, text: string, isWritten = writes): void {
  const table = `${name}: ${about}\n${text}`;
  console.log(`\n${table}`);
  if (isWritten && !writeTable(name, table)) tellProgress(`BENCHMARKS.md has no table that begins with "${name}:"`);
}

function keep(part: string, its: Figures = {}): void {
  for (const [name, value] of Object.entries(its)) figures[`${part}: ${name}`] = value;
}
