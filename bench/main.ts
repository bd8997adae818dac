/** `npm run bench`, or `npm run bench -- PART ...`: measures and prints; nothing is compared with a wish. */
import { lacking } from '../test/lab/requirements.ts';
import { measureCaptures } from './captures.ts';
import { measureCarriers } from './carriers.ts';
import { formatCrowd, measureCrowd } from './crowd.ts';
import { formatCrypto, measureCrypto } from './dataplane/crypto.ts';
import { formatMemory, measureMemory } from './dataplane/memory.ts';
import { formatRoads, measureRoads } from './dataplane/roads.ts';
import { measureTunnels } from './dataplane/tunnel.ts';
import { measureL2tp } from './l2tp.ts';
import { formatLogins, measureHash, measureLogins } from './logins.ts';
import { measurePeers } from './peers.ts';
import { measureRekeys } from './rekey.ts';
import { formatRows } from './row.ts';
import { scoreScenarios } from './scenarios.ts';
import { formatSessions, measureSessions } from './sessions.ts';
import { soak } from './soak.ts';

interface Part {
  readonly about: string;
  readonly needsLab: boolean;
  /** Left out when no part is named. */
  readonly onlyByName?: boolean;
  readonly run: () => Promise<string>;
}

const SOAK_MINUTES = 30;

const wanted = process.argv.slice(2);
const minutes = wanted[0] === 'soak' && /^[1-9]\d*$/.test(wanted[1] ?? '') ? Number(wanted.pop()) : SOAK_MINUTES;

const parts: Readonly<Record<string, Part>> = {
  crypto: {
    about: 'ESP packets sealed and opened in one thread',
    needsLab: false,
    run: async () => formatCrypto(measureCrypto()),
  },
  roads: {
    about: 'a packet through the dataplane in one thread, in tunnel mode and by L2TP',
    needsLab: false,
    run: async () => formatRoads(measureRoads()),
  },
  dataplane: {
    about: 'two dataplanes back to back over veth, one TCP stream',
    needsLab: true,
    run: async () => formatRows(await measureTunnels()),
  },
  carriers: {
    about: 'our client and our gateway on each carrier, one TCP stream',
    needsLab: true,
    run: async () => formatRows(await measureCarriers()),
  },
  l2tp: {
    about: "L2TP/IPsec, ours and others', and ours without L2TP beside it, one TCP stream",
    needsLab: true,
    run: async () => formatRows(await measureL2tp(console.log)),
  },
  memory: {
    about: 'memory of 10,000 sessions in the dataplane alone',
    needsLab: true,
    run: async () => formatMemory(await measureMemory()),
  },
  logins: {
    about: 'CPU of the responder for each login, beside charon; logins per second',
    needsLab: true,
    run: async () => formatLogins(await measureLogins(console.log), await measureHash()),
  },
  sessions: {
    about: 'memory of the whole gateway with 1,000 and 10,000 users on',
    needsLab: true,
    run: async () => formatSessions(await measureSessions()),
  },
  crowd: {
    about: '10,000 Windows clients behind one NAT address, by L2TP; beside SoftEther as far as it goes',
    needsLab: true,
    run: async () => formatCrowd(await measureCrowd(console.log)),
  },
  rekey: {
    about: 'a minute of TCP and pings with a rekey every two seconds',
    needsLab: true,
    run: measureRekeys,
  },
  peers: {
    about: 'other VPNs on the same machine, one TCP stream',
    needsLab: true,
    run: async () => formatRows(await measurePeers(console.log)),
  },
  captures: {
    about: 'a capture of 1 GB with 10,000 negotiations, read by the doctor and by tshark',
    needsLab: true,
    run: measureCaptures,
  },
  scenarios: {
    about: 'the doctor and its library of captures: how often the first finding is the true cause, and false alarms',
    needsLab: false,
    run: scoreScenarios,
  },
  soak: {
    about: `200 clients who come, roam, renew and die: 'soak MINUTES', ${SOAK_MINUTES} without a number`,
    needsLab: true,
    onlyByName: true,
    run: () => soak(minutes, console.log),
  },
};

if (wanted.includes('help')) {
  for (const [name, { about, onlyByName }] of Object.entries(parts))
    console.log(`${name.padEnd(10)} ${about}${onlyByName ? '; only when it is named' : ''}`);
  process.exit();
}
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
for (const [name, { about, needsLab, onlyByName, run }] of Object.entries(parts)) {
  if (wanted.length > 0 ? !wanted.includes(name) : onlyByName) continue;
  console.log(`\n${name}: ${about}`);
  const reason = needsLab ? lacking() : undefined;
  console.log(reason === undefined ? await run() : `left out; ${reason}`);
}
