/** `npm run bench`, or `npm run bench -- PART ...`: measures and prints; nothing is compared with a wish. */
import { lacking } from '../test/lab/requirements.ts';
import { formatCrypto, measureCrypto } from './dataplane/crypto.ts';
import { formatMemory, measureMemory } from './dataplane/memory.ts';
import { measureTunnels } from './dataplane/tunnel.ts';
import { measurePeers } from './peers.ts';
import { formatRows } from './row.ts';

interface Part {
  readonly about: string;
  readonly needsLab: boolean;
  readonly run: () => Promise<string>;
}

const parts: Readonly<Record<string, Part>> = {
  crypto: {
    about: 'ESP packets sealed and opened in one thread',
    needsLab: false,
    run: async () => formatCrypto(measureCrypto()),
  },
  dataplane: {
    about: 'two dataplanes back to back over veth, one TCP stream',
    needsLab: true,
    run: async () => formatRows(await measureTunnels()),
  },
  memory: {
    about: 'memory of 10,000 sessions',
    needsLab: true,
    run: async () => formatMemory(await measureMemory()),
  },
  peers: {
    about: 'other VPNs on the same machine, one TCP stream',
    needsLab: true,
    run: async () => formatRows(await measurePeers(console.log)),
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
for (const [name, { about, needsLab, run }] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}: ${about}`);
  const reason = needsLab ? lacking() : undefined;
  console.log(reason === undefined ? await run() : `left out; ${reason}`);
}
