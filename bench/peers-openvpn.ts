/** OpenVPN between two namespaces: TLS with throwaway certificates, one peer each side. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, type Program } from '../test/lab/run.ts';
import { discard, scratch } from '../test/lab/scratch.ts';
import { clientAddress, gatewayAddress, type Topology } from '../test/lab/topology.ts';
import { reaches } from '../test/lab/traffic.ts';

const inner = { gateway: '10.99.0.1', client: '10.99.0.2' } as const;

interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly fingerprint: string;
}

export class OpenVpn {
  /** The gateway's address inside. */
  readonly target = inner.gateway;
  readonly #directory: string;
  readonly #programs: readonly Program[];

  private constructor(directory: string, programs: readonly Program[]) {
    this.#directory = directory;
    this.#programs = programs;
  }

  static async connect(net: Topology): Promise<OpenVpn> {
    const directory = scratch('openvpn');
    const [gateway, client] = [await makeIdentity(directory, 'gateway'), await makeIdentity(directory, 'client')];
    const serving = net.gw.start([
      ...commandLine(gateway, client),
      ...['--tls-server', '--dh', 'none', '--ifconfig', inner.gateway, inner.client],
      ...['--local', gatewayAddress, '--remote', clientAddress],
    ]);
    const dialling = net.cl.start([
      ...commandLine(client, gateway),
      ...['--tls-client', '--ifconfig', inner.client, inner.gateway],
      ...['--local', clientAddress, '--remote', gatewayAddress],
    ]);
    const vpn = new OpenVpn(directory, [serving, dialling]);
    await dialling.prints(/Initialization Sequence Completed/);
    if (!/AES-128-GCM/.test(dialling.output)) throw new Error(`not the cipher that was asked for:\n${dialling.output}`);
    if (!(await reaches(net.cl, { target: vpn.target })))
      throw new Error(`OpenVPN carries nothing:\n${serving.output}`);
    return vpn;
  }

  get pids(): number[] {
    return this.#programs.map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    for (const program of this.#programs) await program.stop();
    discard(this.#directory);
  }
}

function commandLine(own: Identity, peer: Identity): string[] {
  return [
    ...['openvpn', '--dev', 'tun', '--proto', 'udp', '--port', '1194', '--disable-dco', '--verb', '4'],
    ...['--data-ciphers', 'AES-128-GCM', '--cert', own.certificate, '--key', own.key],
    ...['--peer-fingerprint', peer.fingerprint],
  ];
}

async function makeIdentity(directory: string, name: string): Promise<Identity> {
  const [certificate, key] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  await must([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', certificate],
  ]);
  return { certificate, key, fingerprint: new X509Certificate(readFileSync(certificate)).fingerprint256 };
}
