/** The stage of a suite in which strongSwan is the gateway: a topology, certificates for both sides, and a daemon for each test. */
import { after, afterEach, before } from 'node:test';
import { type Issued, type KeySpec, Workshop } from '../host/pki/openssl.ts';
import { scratch } from '../lab/scratch.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { type GatewayKind, type ResponderOptions, responderConfiguration } from '../lab/swanctl.ts';
import { gatewayAddress, gatewayPublicAddress, Topology } from '../lab/topology.ts';

/** What the gateway's certificate says. */
export const GATE = 'gate.lab.example';

export interface StrongSwanGate {
  readonly net: Topology;
  readonly authority: Issued;
  /** Another, which issued nothing. */
  readonly other: Issued;
  readonly alice: Issued;
  /** The one that was raised last. */
  readonly gateway: StrongSwan;
  /** A certificate of the authority's for `host`, RSA unless another key is named. */
  issue(name: string, host: string, key?: KeySpec, extensions?: readonly string[]): Issued;
  /** Starts the gateway in place of the one before; `own`: its certificate, if another. It ends with the test. */
  raise(kind: GatewayKind, settings?: Partial<ResponderOptions> & { readonly own?: Issued }): Promise<StrongSwan>;
}

/** Call it in a `describe`; use what it returns in the tests. */
export function strongSwanGate(label: string): StrongSwanGate {
  let workshop: Workshop;
  let own: Issued;
  let running: StrongSwan | undefined;
  const stage = { issue, raise } as { -readonly [key in keyof StrongSwanGate]: StrongSwanGate[key] };

  before(async () => {
    workshop = new Workshop(scratch('gate'));
    stage.net = await Topology.create(label);
    stage.authority = workshop.authority('authority', { key: 'rsa2048' });
    stage.other = workshop.authority('other', { key: 'rsa2048' });
    stage.alice = issue('alice', 'alice.lab.example');
    own = issue('gate', GATE);
  });
  afterEach(stop);
  after(() => stage.net?.remove());
  return stage;

  function issue(name: string, host: string, key: KeySpec = 'rsa2048', extensions: readonly string[] = []): Issued {
    const named = { subject: `/CN=${host}`, extensions: [`subjectAltName=DNS:${host}`, ...extensions] };
    return workshop.issue(name, { key, by: stage.authority, ...named });
  }

  async function raise(...[kind, settings = {}]: Parameters<StrongSwanGate['raise']>): Promise<StrongSwan> {
    await stop();
    const { certificate, key } = settings.own ?? own;
    const files = {
      'x509ca/authority.pem': stage.authority.certificate,
      'x509/gate.pem': certificate,
      'private/gate.pem': key,
    };
    const addresses = [gatewayAddress, gatewayPublicAddress];
    const configuration = responderConfiguration(kind, addresses, { name: GATE, ...settings });
    running = await StrongSwan.start(stage.net.gw, configuration, settings.daemon ?? {}, files);
    stage.gateway = running;
    return running;
  }

  async function stop(): Promise<void> {
    await running?.stop();
    running = undefined;
  }
}
