/** From settings, each right by itself, to a configuration that is right as a whole. */
import { parsePrefix } from '../core/net/address.ts';
import type { PppMethod } from '../core/ppp/methods.ts';
import type { GatewayPolicy, GroupPolicy, L2tpPolicy, PeerPolicy } from '../core/session/policy.ts';
import { buildCertificate, buildPeerSecret, buildProofs, type OwnProofs } from './authentication.ts';
import type { Located } from './checks.ts';
import { DEFAULTS, type DeadPeerDetection, type GatewayConfig, type Given } from './config.ts';
import { absolute } from './files.ts';
import { checkNetworks } from './networks.ts';
import type { Report } from './report.ts';
import type { GatewaySettings, GivenSettings, GroupSettings, L2tpSettings, PeerSettings } from './schema.ts';
import { type ReadSecretFile, resolveTunnelSecret } from './secrets.ts';

export interface Surroundings {
  /** Undefined: the embedded default. */
  readonly file: string | undefined;
  /** Relative paths start here. */
  readonly folder: string;
  readonly readSecret: ReadSecretFile;
}

export function buildConfig(settings: GatewaySettings, around: Surroundings, report: Report): GatewayConfig {
  const given = buildGiven(settings, { pool: parsePrefix(DEFAULTS.pool)!, dns: [], ...NOTHING_GIVEN });
  const policy = buildPolicy(settings, given, around, report);
  checkNetworks(settings, given.pool, report);
  const { log = {}, lifetimes = {} } = settings;
  return {
    file: around.file,
    state: absolute(settings.state ?? DEFAULTS.state, around.folder),
    listen: buildListen(settings, report),
    ports: buildPorts(settings, policy, report),
    tun: settings.tun ?? DEFAULTS.tun,
    mtu: settings.mtu ?? DEFAULTS.mtu,
    given,
    policy,
    certificate: buildCertificate(settings.certificate, (path) => absolute(path, around.folder), report),
    identity: settings.identity,
    authorities: (settings.authorities ?? []).map((path) => absolute(path, around.folder)),
    crls: (settings.crls ?? []).map((path) => absolute(path, around.folder)),
    lifetimes: {
      phase1Seconds: lifetimes.phase1 ?? DEFAULTS.phase1Seconds,
      phase2Seconds: lifetimes.phase2 ?? DEFAULTS.phase2Seconds,
      phase2Kilobytes: lifetimes.phase2_kilobytes,
    },
    dpd: buildDpd(settings.dpd, DEFAULTS, report),
    nat: settings.nat ? 'required' : 'off',
    clientToClient: settings.client_to_client ?? false,
    keylog: settings.keylog === undefined ? undefined : absolute(settings.keylog, around.folder),
    metrics: settings.metrics,
    log: { level: log.level ?? DEFAULTS.logLevel, format: log.format ?? DEFAULTS.logFormat },
  };
}

const NOTHING_GIVEN = {
  domain: undefined,
  routes: undefined,
  banner: undefined,
  idleTimeout: undefined,
  sessionTimeout: undefined,
};

function buildGiven(settings: GivenSettings, otherwise: Given): Given {
  return {
    pool: settings.pool?.value ?? otherwise.pool,
    dns: settings.dns ?? otherwise.dns,
    domain: settings.domain ?? otherwise.domain,
    routes: settings.routes ?? otherwise.routes,
    banner: settings.banner ?? otherwise.banner,
    idleTimeout: settings.idle_timeout ?? otherwise.idleTimeout,
    sessionTimeout: settings.session_timeout ?? otherwise.sessionTimeout,
  };
}

function buildPolicy(settings: GatewaySettings, given: Given, around: Surroundings, report: Report): GatewayPolicy {
  const read: ReadSecretFile = (path) => around.readSecret(absolute(path, around.folder));
  const own = { certificate: settings.certificate !== undefined, authorities: (settings.authorities ?? []).length > 0 };
  const groups = [...(settings.groups?.value ?? [])].map(([name, group]) =>
    buildGroup(name, group, given, own, read, report),
  );
  const named = settings.psk || settings.psk_file || settings.authentication;
  const proofs = named && buildProofs(settings, own, read, report);
  const nameless: GroupPolicy[] = proofs
    ? [{ ...given, ...proofs, name: undefined, users: undefined, maxSessions: undefined }]
    : [];
  const carriers = settings.carriers?.value ?? {};
  const policy = {
    groups: [...groups.filter((group) => group !== undefined), ...nameless],
    peers: (settings.peers ?? [])
      .map((peer) => buildPeer(peer, own, read, report))
      .filter((peer) => peer !== undefined),
    ciscoUdpPort: ciscoUdpPort(carriers['cisco-udp']?.value ?? true),
    ciscoTcpPorts: ciscoTcpPorts(carriers['cisco-tcp'], report),
    natT: carriers['nat-t'] ?? true,
    nativeEsp: carriers.esp ?? true,
    legacy: settings.legacy ?? false,
    l2tp: buildL2tp(settings.l2tp, read, report),
  };
  if (policy.l2tp && !policy.groups.some(({ psk }) => psk)) {
    report.error(
      settings.l2tp!.item,
      'needs a secret that its clients prove',
      "set 'psk' or 'psk_file' at the top level",
    );
  }
  if (!policy.natT && !policy.nativeEsp && policy.ciscoUdpPort === undefined && policy.ciscoTcpPorts.length === 0) {
    report.error(settings.carriers!.item, 'every carrier is off, so no packet could pass', 'leave one on');
  }
  return policy;
}

/** PAP comes first: inside IPsec it shows the password to us alone, and every user has what it needs. */
function buildL2tp(
  settings: Located<L2tpSettings | boolean> | undefined,
  read: ReadSecretFile,
  report: Report,
): L2tpPolicy | undefined {
  if (!settings?.value) return undefined;
  const { authentication, nbns = [], secret, secret_file: file } = settings.value === true ? {} : settings.value;
  if (authentication) checkPppMethods(authentication, report);
  const methods = authentication?.value ?? DEFAULTS.l2tpMethods;
  return { methods, nbns, secret: resolveTunnelSecret(secret, file, 'secret', read, report) };
}

/** Of a list in which something was wrong nothing may be left. */
export function checkPppMethods({ value, item }: Located<readonly PppMethod[]>, report: Report): void {
  if (value.length > 0 || report.failedAt(item.path)) return;
  report.error(item, 'is empty', 'name pap, chap-md5 or ms-chap-v2');
}

function ciscoUdpPort(setting: number | boolean): number | undefined {
  if (typeof setting === 'number') return setting;
  return setting ? DEFAULTS.ciscoUdpPort : undefined;
}

function ciscoTcpPorts(ports: Located<readonly number[]> | undefined, report: Report): readonly number[] {
  const unique = [...new Set(ports?.value)];
  if (ports && unique.length < ports.value.length) report.error(ports.item, 'names a port twice');
  return unique;
}

function buildGroup(
  name: string,
  { value, item }: Located<GroupSettings>,
  given: Given,
  own: OwnProofs,
  read: ReadSecretFile,
  report: Report,
): GroupPolicy | undefined {
  const { users } = value;
  if (users?.value.length === 0 && !report.failedAt(users.item.path)) {
    report.warning(users.item, 'is empty, so nobody can log in through this group');
  }
  const proofs = buildProofs(value, own, read, report, item);
  return (
    proofs && { ...buildGiven(value, given), ...proofs, name, users: users?.value, maxSessions: value.max_sessions }
  );
}

function buildPeer(
  { value, item }: Located<PeerSettings>,
  own: OwnProofs,
  read: ReadSecretFile,
  report: Report,
): PeerPolicy | undefined {
  const { id, inner } = value;
  const secret = buildPeerSecret(value, own, read, report, item);
  if (!id && !report.failedAt(`${item.path}.id`))
    report.error(item, 'has no id', 'name the address or the name it proves');
  if (!inner && !report.failedAt(`${item.path}.inner`))
    report.error(item, 'has no inner', 'name the network behind it');
  return secret && id && inner && { id: id.value, ...secret, inner: inner.value };
}

function buildListen(settings: GatewaySettings, report: Report): GatewayConfig['listen'] {
  const { listen } = settings;
  if (!listen) return undefined;
  if (listen.value.length === 0 && !report.failedAt(listen.item.path)) {
    report.error(listen.item, 'is empty', 'leave it out to listen on all addresses');
  }
  return listen.value;
}

function buildPorts(settings: GatewaySettings, policy: GatewayPolicy, report: Report): GatewayConfig['ports'] {
  const { ike, 'nat-t': natT } = settings.ports?.value ?? {};
  const ports = { ike: ike?.value ?? DEFAULTS.ikePort, natT: natT?.value ?? DEFAULTS.natTPort };
  const item = natT?.item ?? ike?.item;
  if (item && ports.ike === ports.natT) report.error(item, 'ike and nat-t are the same port');
  const cisco = policy.ciscoUdpPort;
  if (cisco !== undefined && (cisco === ports.ike || cisco === ports.natT)) {
    const at = settings.carriers?.value['cisco-udp']?.item ?? item!;
    report.error(at, `port ${cisco} carries IKE already`, `take another; clients know ${DEFAULTS.ciscoUdpPort}`);
  }
  return ports;
}

export function buildDpd(
  setting: GatewaySettings['dpd'],
  defaults: { readonly dpdIdleSeconds: number; readonly dpdTimeoutSeconds: number },
  report: Report,
): DeadPeerDetection | undefined {
  if (setting?.value === false) return undefined;
  const { idle = defaults.dpdIdleSeconds, timeout = defaults.dpdTimeoutSeconds } = setting?.value ?? {};
  if (idle >= timeout) report.error(setting!.item, `timeout (${timeout} s) must be longer than idle (${idle} s)`);
  return { idleSeconds: idle, timeoutSeconds: timeout };
}
