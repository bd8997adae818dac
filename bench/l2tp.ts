/** L2TP/IPsec end to end, ours beside the kernel's, in one run on one machine: one TCP stream through the call. */
import { Gateway } from '../test/lab/gateway.ts';
import { lacking } from '../test/lab/requirements.ts';
import { Topology } from '../test/lab/topology.ts';
import { measureL2tp as measureDataplane } from './dataplane/tunnel.ts';
import { measureKernelToGateway, measureKernelToKernel } from './l2tp-vm.ts';
import type { Row } from './row.ts';

/** What Windows takes first. */
const SUITES = [
  { name: 'AES-128-CBC, SHA1', esp: 'aes128-sha1' },
  { name: 'AES-128-GCM', esp: 'aes128gcm16' },
] as const;

/** `tell` hears what was left out. */
export async function measureL2tp(tell: (line: string) => void): Promise<Row[]> {
  const rows: Row[] = await measureDataplane();
  const reason = lacking('vm');
  if (reason === undefined) rows.push(...(await measureKernel()));
  else tell(`the kernel's L2TP is left out; ${reason}`);
  return rows;
}

async function measureKernel(): Promise<Row[]> {
  const net = await Topology.create('l2tp');
  const gateway = await Gateway.start(net.gw, { config: { l2tp: true } });
  const rows: Row[] = [];
  try {
    const bridge = await net.bridgeForVms();
    for (const { name, esp } of SUITES)
      rows.push({
        name: `the kernel's L2TP in a VM to Sallyport's gateway, ${name}, nat-t`,
        gbitPerSecond: await measureKernelToGateway(gateway, bridge, esp),
        cpu: undefined,
      });
  } finally {
    await gateway.remove();
    net.remove();
  }
  for (const { name, esp } of SUITES)
    rows.push({
      name: `the kernel's L2TP between two VMs, ${name}, nat-t`,
      gbitPerSecond: await measureKernelToKernel(esp),
      cpu: undefined,
    });
  return rows;
}
